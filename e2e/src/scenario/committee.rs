//! Covenant committees, their signatures made without the `covenant` program.

use bitcoin::XOnlyPublicKey;
use bitcoin::hashes::{Hash as _, sha256};
use chain::AddCovenantSignatures;
use eots::adaptor::{self, AdaptorSignature, EncryptionKey};
use eots::{SecretKey, bip340};
use staking::delegation::ValidDelegation;
use staking::keys::CovenantKey;

/// A covenant committee.
pub struct Committee {
    secrets: Vec<SecretKey>,
    quorum: u32,
}

impl Committee {
    /// The committee of every scenario: three members, two of whom are a quorum.
    pub fn of_three() -> Self {
        Self::of(3, 2)
    }

    /// So many members, with this quorum.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "no hash of these names is above it"
    )]
    pub fn of(members: usize, quorum: u32) -> Self {
        let secret = |number: usize| {
            let name = format!("covenant member {number}");
            let secret = sha256::Hash::hash(name.as_bytes()).to_byte_array();
            SecretKey::from_bytes(&secret).expect("below the group order")
        };
        Self {
            secrets: (0..members).map(secret).collect(),
            quorum,
        }
    }

    /// How many must sign.
    pub fn quorum(&self) -> u32 {
        self.quorum
    }

    /// The members' secret keys.
    pub fn secrets(&self) -> &[SecretKey] {
        &self.secrets
    }

    /// The members' public keys.
    pub fn keys(&self) -> anyhow::Result<Vec<XOnlyPublicKey>> {
        let key = |secret: &SecretKey| XOnlyPublicKey::from_slice(secret.public_key().as_bytes());
        Ok(self.secrets.iter().map(key).collect::<Result<_, _>>()?)
    }

    /// One member's signatures of a delegation.
    #[expect(
        clippy::disallowed_methods,
        reason = "a committee of scenarios, with keys of no value"
    )]
    pub fn sign(
        &self,
        member: usize,
        delegation: &ValidDelegation,
    ) -> anyhow::Result<AddCovenantSignatures> {
        let secret = self
            .secrets
            .get(member)
            .ok_or(anyhow::anyhow!("no member {member}"))?;
        let encrypted = |message: [u8; 32]| -> anyhow::Result<Vec<AdaptorSignature>> {
            delegation
                .keys()
                .finality_providers()
                .iter()
                .map(|provider| {
                    let key = EncryptionKey::from_x_only(&provider.0.into())?;
                    Ok(adaptor::sign(secret, &key, &message, &rand::random())?)
                })
                .collect()
        };
        let unbonding = delegation.unbonding_sighash().to_bytes();
        Ok(AddCovenantSignatures {
            covenant: CovenantKey::from_slice(secret.public_key().as_bytes())?,
            staking_txid: delegation.staking_outpoint().txid,
            slashing_signatures: encrypted(delegation.slashing_sighash().to_bytes())?,
            unbonding_signature: bip340::sign(secret, &unbonding, &rand::random()).into(),
            unbonding_slashing_signatures: encrypted(
                delegation.unbonding_slashing_sighash().to_bytes(),
            )?,
            expansion_signature: None,
        })
    }
}
