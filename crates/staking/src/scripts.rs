//! The three scripts that can spend a stake (spec 1.2, 1.3).
//!
//! [`DelegationKeys`] holds whose keys a delegation needs and refuses sets for which the chain builds no scripts; its
//! methods are the leaves of the trees in [`crate::outputs`].

use bitcoin::ScriptBuf;
use bitcoin::XOnlyPublicKey;
use bitcoin::opcodes::all::{
    OP_CHECKSIG, OP_CHECKSIGADD, OP_CHECKSIGVERIFY, OP_CSV, OP_NUMEQUAL, OP_NUMEQUALVERIFY,
};
use bitcoin::script::Builder;

use crate::keys::{FinalityProviderKey, StakerKey};
use crate::params::CovenantCommittee;
use crate::units::BlockInterval;

/// Whose keys a delegation needs: pairwise distinct, with at least one finality provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationKeys {
    staker: StakerKey,
    finality_providers: Vec<FinalityProviderKey>,
    covenant: CovenantCommittee,
}

/// Why keys make no delegation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationKeysError {
    /// No finality provider was chosen.
    #[error("a delegation needs at least one finality provider")]
    NoFinalityProvider,
    /// One key has two roles, or is listed twice: no script would tell its signatures apart.
    #[error("key {0} occurs twice among staker, finality providers and covenant committee")]
    Duplicate(XOnlyPublicKey),
}

impl DelegationKeys {
    /// Takes the keys of a delegation; the order of `finality_providers` is kept as registered.
    pub fn new(
        staker: StakerKey,
        finality_providers: Vec<FinalityProviderKey>,
        covenant: CovenantCommittee,
    ) -> Result<Self, DelegationKeysError> {
        if finality_providers.is_empty() {
            return Err(DelegationKeysError::NoFinalityProvider);
        }
        let mut all = vec![staker.0];
        all.extend(finality_providers.iter().map(|key| key.0));
        all.extend(covenant.keys().iter().map(|key| key.0));
        all.sort_unstable();
        match all
            .iter()
            .zip(all.iter().skip(1))
            .find(|(one, next)| one == next)
        {
            Some((key, _)) => Err(DelegationKeysError::Duplicate(*key)),
            None => Ok(Self {
                staker,
                finality_providers,
                covenant,
            }),
        }
    }

    /// Key of the staker.
    pub fn staker(&self) -> StakerKey {
        self.staker
    }

    /// The chosen finality providers in the order of registration, which is the order of adaptor signatures
    /// (spec 4.10) but not of the scripts.
    pub fn finality_providers(&self) -> &[FinalityProviderKey] {
        &self.finality_providers
    }

    /// The finality providers ascending by their bytes: the order of the scripts (spec 1.2).
    pub fn sorted_finality_providers(&self) -> Vec<FinalityProviderKey> {
        let mut keys = self.finality_providers.clone();
        keys.sort_unstable();
        keys
    }

    /// The covenant committee.
    pub fn covenant(&self) -> &CovenantCommittee {
        &self.covenant
    }

    /// The unbonding script of these keys.
    pub fn unbonding_script(&self) -> ScriptBuf {
        unbonding_script(self.staker, &self.covenant)
    }

    /// The slashing script: the staker, one finality provider and a quorum of the committee spend at once.
    ///
    /// It holds no timelock, so a delegation's staking and unbonding output share it.
    pub fn slashing_script(&self) -> ScriptBuf {
        let script = push_verified_key(Builder::new(), self.staker);
        let finality_providers: Vec<_> = self
            .sorted_finality_providers()
            .into_iter()
            .map(|key| key.0)
            .collect();
        let script = push_multisig(script, &finality_providers, 1, Last::Verified);
        push_covenant(script, &self.covenant).into_script()
    }
}

/// The timelock script: the staker spends alone once the output is `timelock` blocks deep.
pub fn timelock_script(staker: StakerKey, timelock: BlockInterval) -> ScriptBuf {
    push_verified_key(Builder::new(), staker)
        .push_int(timelock.blocks().into())
        .push_opcode(OP_CSV)
        .into_script()
}

/// The unbonding script: the staker and a quorum of the committee spend at once.
///
/// It says nothing about finality providers, so it can be rebuilt without knowing them.
pub fn unbonding_script(staker: StakerKey, covenant: &CovenantCommittee) -> ScriptBuf {
    push_covenant(push_verified_key(Builder::new(), staker), covenant).into_script()
}

fn push_covenant(script: Builder, covenant: &CovenantCommittee) -> Builder {
    let keys: Vec<_> = covenant.keys().iter().map(|key| key.0).collect();
    push_multisig(script, &keys, covenant.quorum(), Last::Final)
}

/// Whether a fragment's result ends the script or is checked before the script goes on.
#[derive(Clone, Copy)]
enum Last {
    Final,
    Verified,
}

fn push_verified_key(script: Builder, key: StakerKey) -> Builder {
    script
        .push_x_only_key(&key.0)
        .push_opcode(OP_CHECKSIGVERIFY)
}

/// Appends `quorum` of `keys`, which are ascending; a single key needs no counting (spec 1.2).
fn push_multisig(script: Builder, keys: &[XOnlyPublicKey], quorum: usize, last: Last) -> Builder {
    if let [key] = keys {
        return script.push_x_only_key(key).push_opcode(match last {
            Last::Final => OP_CHECKSIG,
            Last::Verified => OP_CHECKSIGVERIFY,
        });
    }
    let mut script = script;
    for (index, key) in keys.iter().enumerate() {
        let count = if index == 0 {
            OP_CHECKSIG
        } else {
            OP_CHECKSIGADD
        };
        script = script.push_x_only_key(key).push_opcode(count);
    }
    // A committee cannot be larger than a vector, which is smaller than i64 allows.
    let quorum = i64::try_from(quorum).unwrap_or(i64::MAX);
    script.push_int(quorum).push_opcode(match last {
        Last::Final => OP_NUMEQUAL,
        Last::Verified => OP_NUMEQUALVERIFY,
    })
}
