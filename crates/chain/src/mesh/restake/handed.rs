//! A consent as it is handed over: what a staker gives a finality provider so that it is shown for them. The delegation
//! can be in it too, for where no chain knows the stake yet.
//!
//! It holds nothing secret. Whoever has it can show it to the chains, and to nobody else's harm but the one that its staker
//! signed for.

use bitcoin::OutPoint;
use bitcoin::secp256k1::schnorr::Signature;
use mesh_core::consent::{Share, Target};
use serde::{Deserialize, Serialize};

use super::SignedConsent;
use crate::signed::{SignedDelegation, WrittenDelegation};

/// A consent and whose stake it is for, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct HandedConsent {
    /// The staking output.
    pub stake: OutPoint,
    /// The consent, which nobody has verified.
    pub consent: SignedConsent,
    /// The stake's delegation, which nobody has checked; `None` where chains are to be asked for it.
    pub delegation: Option<SignedDelegation>,
}

/// Why a text is no consent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandedError {
    /// It is not the JSON of one.
    #[error("it is no consent as `btc-staker restake --export` writes it: {0}")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    stake: OutPoint,
    number: u32,
    shares: Vec<WrittenShare>,
    signature: Signature,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation: Option<WrittenDelegation>,
}

/// A share of a consent as it is written in JSON, handed over or recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenShare {
    target: String,
    basis_points: u16,
    reward_address: String,
}

impl HandedConsent {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, HandedError> {
        Ok(serde_json::from_slice(text)?)
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// None that a consent of ours could have.
    pub fn to_text(&self) -> Result<String, HandedError> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

impl From<Share> for WrittenShare {
    fn from(share: Share) -> Self {
        Self {
            target: hex::encode(share.target.as_bytes()),
            basis_points: share.basis_points,
            reward_address: share.reward_address,
        }
    }
}

impl TryFrom<WrittenShare> for Share {
    type Error = String;

    fn try_from(written: WrittenShare) -> Result<Self, String> {
        let mut target = [0; 32];
        hex::decode_to_slice(&written.target, &mut target)
            .map_err(|error| format!("target `{}`: {error}", written.target))?;
        Ok(Self {
            target: Target::from_bytes(target),
            basis_points: written.basis_points,
            reward_address: written.reward_address,
        })
    }
}

impl From<HandedConsent> for Written {
    fn from(handed: HandedConsent) -> Self {
        let shares = handed.consent.shares.into_iter().map(WrittenShare::from);
        Self {
            stake: handed.stake,
            number: handed.consent.number,
            shares: shares.collect(),
            signature: handed.consent.signature,
            delegation: handed.delegation.map(WrittenDelegation::from),
        }
    }
}

impl TryFrom<Written> for HandedConsent {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let shares = written.shares.into_iter().map(Share::try_from);
        Ok(Self {
            stake: written.stake,
            consent: SignedConsent {
                number: written.number,
                shares: shares.collect::<Result<_, String>>()?,
                signature: written.signature,
            },
            delegation: written
                .delegation
                .map(|delegation| delegation.of(written.stake))
                .transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash as _;
    use bitcoin::key::Keypair;
    use bitcoin::secp256k1::{Message, SECP256K1};
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, Transaction, TxIn};
    use eots::adaptor::EncryptionKey;
    use mesh_core::consent::Consent;
    use staking::delegation::{CovenantSignatures, StakerSignatures};
    use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
    use staking::units::BlockInterval;

    use super::super::InvalidConsent;
    use super::*;

    fn signed(number: u32, basis_points: u16) -> (HandedConsent, StakerKey) {
        let keypair = Keypair::from_seckey_slice(SECP256K1, &[7; 32]).unwrap();
        let stake = OutPoint {
            vout: 1,
            ..OutPoint::null()
        };
        let shares = vec![Share {
            target: Target::from_bytes([1; 32]),
            basis_points,
            reward_address: "wasm1".to_owned(),
        }];
        let digest = Consent::new(stake.txid.as_byte_array(), 1, number, shares.clone())
            .map_or([0; 32], |consent| *consent.digest());
        let signature = SECP256K1.sign_schnorr_no_aux_rand(&Message::from_digest(digest), &keypair);
        let consent = SignedConsent {
            number,
            shares,
            signature,
        };
        let staker = StakerKey(keypair.x_only_public_key().0);
        let delegation = None;
        let handed = HandedConsent {
            stake,
            consent,
            delegation,
        };
        (handed, staker)
    }

    /// A delegation of which nothing holds but its form.
    #[expect(
        clippy::disallowed_methods,
        reason = "a committee of one, with a key of no value"
    )]
    fn delegation(stake: OutPoint, lock_time: u32) -> SignedDelegation {
        let secret = eots::SecretKey::from_bytes(&[7; 32]).unwrap();
        let key = CovenantKey::from_slice(secret.public_key().as_bytes()).unwrap();
        let pair = Keypair::from_seckey_slice(SECP256K1, &[7; 32]).unwrap();
        let plain = SECP256K1.sign_schnorr_no_aux_rand(&Message::from_digest([1; 32]), &pair);
        let encryption = EncryptionKey::from_x_only(&key.into()).unwrap();
        let adaptor = eots::adaptor::sign(&secret, &encryption, &[3; 32], &[1; 32]).unwrap();
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(lock_time),
            input: vec![TxIn::default()],
            output: Vec::new(),
        };
        let blocks = |blocks| BlockInterval::new(blocks).unwrap();
        SignedDelegation {
            staking_outpoint: stake,
            staker: StakerKey(pair.x_only_public_key().0),
            finality_providers: vec![FinalityProviderKey(pair.x_only_public_key().0)],
            staking_time: blocks(1_000),
            staking_value: Amount::from_sat(50_000),
            unbonding_time: blocks(100),
            unbonding_tx: tx.clone(),
            slashing_tx: tx.clone(),
            unbonding_slashing_tx: tx,
            staker_signatures: StakerSignatures {
                slashing: plain,
                unbonding_slashing: plain,
            },
            covenant_signatures: vec![CovenantSignatures {
                key,
                slashing: vec![adaptor],
                unbonding: plain,
                unbonding_slashing: vec![adaptor],
            }],
        }
    }

    #[test]
    fn a_delegation_is_handed_over_whole_and_what_was_altered_is_named() {
        let (mut handed, _) = signed(3, 5_000);
        handed.delegation = Some(delegation(handed.stake, 7));
        let text = handed.to_text().unwrap();
        assert_eq!(HandedConsent::parse(text.as_bytes()).unwrap(), handed);
        let tx = "02000000010000000000000000000000000000000000000000000000000000000000000000ffffffff00ffffffff0007000000";
        for field in ["unbonding_tx", "slashing_tx", "unbonding_slashing_tx"] {
            let line = format!("\"{field}\": \"{tx}\"");
            assert!(text.contains(&line), "{text}");
            let altered = text.replace(&line, &format!("\"{field}\": \"{}\"", &tx[2..]));
            let error = HandedConsent::parse(altered.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
        for (from, to, named) in [
            ("\"staking_value\": 50000", "\"staking_value\": -1", "-1"),
            ("\"staking_time\": 1000", "\"staking_time\": 0", "0"),
            (
                "\"slashing\": [",
                "\"slashing\": [\"02\",",
                "field `slashing`",
            ),
            ("\"unbonding_time\"", "\"unbonding\"", "unbonding"),
        ] {
            assert!(text.contains(from), "{text}");
            let altered = text.replacen(from, to, 1);
            let error = HandedConsent::parse(altered.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200), at in 0_usize..2_000) {
            let _ = HandedConsent::parse(&text);
            let (mut handed, _) = signed(3, 5_000);
            handed.delegation = Some(delegation(handed.stake, 7));
            let mut whole = handed.to_text().unwrap().into_bytes();
            let at = at.min(whole.len());
            let end = whole.len().min(at + text.len());
            whole.splice(at..end, text);
            let _ = HandedConsent::parse(&whole);
        }
    }

    #[test]
    fn what_is_handed_over_is_read_as_it_was_signed() {
        let (handed, staker) = signed(3, 5_000);
        let read = HandedConsent::parse(handed.to_text().unwrap().as_bytes()).unwrap();
        assert_eq!(read, handed);
        assert_eq!(read.consent.verify(read.stake, &staker), Ok(()));
        for broken in ["", "{}", "[]", "\0", "{\"stake\":\"x\"}"] {
            let error = HandedConsent::parse(broken.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("restake --export"), "{error}");
        }
        let text = handed.to_text().unwrap().replace("0101", "01");
        assert!(HandedConsent::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn what_is_handed_over_is_written_as_ever() {
        let (handed, _) = signed(3, 5_000);
        let text = format!(
            "{{\n  \"stake\": \"{}:1\",\n  \"number\": 3,\n  \"shares\": [\n    {{\n      \"target\": \"{}\",\n      \
             \"basis_points\": 5000,\n      \"reward_address\": \"wasm1\"\n    }}\n  ],\n  \"signature\": \"{}\"\n}}",
            "00".repeat(32),
            "01".repeat(32),
            handed.consent.signature,
        );
        assert_eq!(handed.to_text().unwrap(), text);
    }

    #[test]
    fn what_its_staker_did_not_sign_is_no_consent() {
        let (HandedConsent { stake, consent, .. }, staker) = signed(3, 5_000);
        let other = OutPoint { vout: 2, ..stake };
        let refused = |consent: &SignedConsent, stake| consent.verify(stake, &staker).unwrap_err();
        assert_eq!(refused(&consent, other), InvalidConsent::Signature(staker));
        let renumbered = SignedConsent {
            number: 4,
            ..consent.clone()
        };
        assert_eq!(
            refused(&renumbered, stake),
            InvalidConsent::Signature(staker)
        );
        let nobody = StakerKey(
            Keypair::from_seckey_slice(SECP256K1, &[8; 32])
                .unwrap()
                .x_only_public_key()
                .0,
        );
        assert_eq!(
            consent.verify(stake, &nobody),
            Err(InvalidConsent::Signature(nobody))
        );
        assert_eq!(
            refused(&signed(0, 5_000).0.consent, stake),
            InvalidConsent::Zero
        );
        let all = signed(1, 10_001).0.consent;
        assert!(matches!(refused(&all, stake), InvalidConsent::List(_)));
    }
}
