//! A delegation as the chain stores it.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};
use staking::delegation::{
    CovenantSignatures, DelegationError, Registration, StakePlace, StakerSignatures,
    ValidDelegation, validate,
};
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;
pub use staking::quorum::{CovenantAdaptorSignatures, CovenantSignature};
use staking::units::{BitcoinHeight, BlockInterval};

/// Where a delegation is in its life (spec 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DelegationStatus {
    /// Registered; the covenant committee's signatures are missing.
    Pending,
    /// Signed by a quorum; the inclusion proof is missing.
    Verified,
    /// Proven on Bitcoin: it gives voting power.
    Active,
    /// Its staking output was spent, or its inclusion was undone.
    Unbonded,
    /// Its timelock is about to end: it gives no power any more.
    Expired,
}

/// Which output is the stake, as far as the chain keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StakingOutput {
    /// An output of this transaction.
    Transaction {
        /// Without witness where it was registered before it was signed.
        staking_tx: Transaction,
        /// Which output of it.
        output_index: u32,
    },
    /// The chain keeps no more than the outpoint.
    Outpoint(OutPoint),
}

impl StakingOutput {
    /// The staking transaction, where the chain keeps it.
    pub fn transaction(&self) -> Option<&Transaction> {
        match self {
            Self::Transaction { staking_tx, .. } => Some(staking_tx),
            Self::Outpoint(_) => None,
        }
    }

    fn place(&self) -> StakePlace<'_> {
        match self {
            Self::Transaction {
                staking_tx,
                output_index,
            } => StakePlace::Transaction {
                staking_tx,
                output_index: Some(*output_index),
            },
            Self::Outpoint(outpoint) => StakePlace::Outpoint(*outpoint),
        }
    }
}

/// What a delegation waits for before it gives power, or more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The proof of its inclusion, deep enough.
    Inclusion,
    /// This tip of Bitcoin; its inclusion is proven. Of an active one it is a larger share that waits.
    Tip(BitcoinHeight),
    /// Another proof of its inclusion, deep enough: a reorganisation undid the first.
    Registration,
    /// Nothing: it gives all its power, or none any more.
    Nothing,
}

/// What a stake expansion adds to a delegation (spec 1.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeExpansion {
    /// The staking transaction whose output this one spends.
    pub previous_staking_txid: Txid,
    /// The second output it spends.
    pub funding_output: TxOut,
    /// The previous committee's signatures of the spend.
    pub previous_covenant_signatures: Vec<CovenantSignature>,
}

/// A delegation as the chain stores it; nothing in it has been checked by us but its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Account of the staker on the chain (bech32).
    pub staker_address: String,
    /// Key of the staker.
    pub staker: StakerKey,
    /// Chosen providers, in the order of registration; Babylon takes exactly one.
    pub finality_providers: Vec<FinalityProviderKey>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    pub staking_value: Amount,
    /// Which output is the stake.
    pub staking_output: StakingOutput,
    /// Spends the staking output when the provider equivocates.
    pub slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_slashing_signature: Signature,
    /// Committee's signatures of it.
    pub covenant_slashing_signatures: Vec<CovenantAdaptorSignatures>,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// Spends the staking output early.
    pub unbonding_tx: Transaction,
    /// Committee's signatures of it.
    pub covenant_unbonding_signatures: Vec<CovenantSignature>,
    /// Spends the unbonding output when the provider equivocates.
    pub unbonding_slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_unbonding_slashing_signature: Signature,
    /// Committee's signatures of it.
    pub covenant_unbonding_slashing_signatures: Vec<CovenantAdaptorSignatures>,
    /// Parameter version that governs it for ever.
    pub params_version: u32,
    /// Where it is in its life, as of the chain's newest block.
    pub status: DelegationStatus,
    /// Bitcoin heights of inclusion and of the timelock's end; `None` before the inclusion proof.
    pub bitcoin_span: Option<(BitcoinHeight, BitcoinHeight)>,
    /// What it waits for.
    pub awaits: Awaited,
    /// Present where this stake expands another.
    pub expansion: Option<StakeExpansion>,
}

impl Delegation {
    /// Id of the staking transaction, under which Babylon knows the delegation.
    pub fn staking_txid(&self) -> Txid {
        self.staking_outpoint().txid
    }

    /// The staking output, under which a partner chain knows the delegation.
    pub fn staking_outpoint(&self) -> OutPoint {
        match &self.staking_output {
            StakingOutput::Transaction {
                staking_tx,
                output_index,
            } => OutPoint::new(staking_tx.compute_txid(), *output_index),
            StakingOutput::Outpoint(outpoint) => *outpoint,
        }
    }

    /// Rebuilds and checks everything but the signatures, under the version of the parameters that governs it.
    pub fn validate(&self, params: &StakingParams) -> Result<ValidDelegation, DelegationError> {
        let registration = Registration {
            staker: self.staker,
            finality_providers: &self.finality_providers,
            staking_time: self.staking_time,
            staking_value: self.staking_value,
            place: self.staking_output.place(),
            unbonding_time: self.unbonding_time,
            unbonding_tx: &self.unbonding_tx,
            slashing_tx: &self.slashing_tx,
            unbonding_slashing_tx: &self.unbonding_slashing_tx,
        };
        validate(&registration, params)
    }

    /// The staker's signatures, as the judgement of [`ValidDelegation`] takes them.
    pub fn staker_signatures(&self) -> StakerSignatures {
        StakerSignatures {
            slashing: self.staker_slashing_signature,
            unbonding_slashing: self.staker_unbonding_slashing_signature,
        }
    }

    /// The committee's signatures by member, of those members who have signed every part.
    pub fn covenant_signatures(&self) -> Vec<CovenantSignatures> {
        self.covenant_unbonding_signatures
            .iter()
            .filter_map(|unbonding| {
                let of_member = |all: &[CovenantAdaptorSignatures]| {
                    let found = all.iter().find(|one| one.key == unbonding.key);
                    found.map(|one| one.signatures.clone())
                };
                Some(CovenantSignatures {
                    key: unbonding.key,
                    slashing: of_member(&self.covenant_slashing_signatures)?,
                    unbonding: unbonding.signature,
                    unbonding_slashing: of_member(&self.covenant_unbonding_slashing_signatures)?,
                })
            })
            .collect()
    }
}

/// Those of these signatures that hold for `valid`, one of each member, ascending by key, wherever they come from.
pub fn holding(
    mut signatures: Vec<CovenantSignatures>,
    valid: &ValidDelegation,
) -> Vec<CovenantSignatures> {
    signatures.retain(|member| valid.check_covenant_signatures(member).is_ok());
    signatures.sort_by_key(|member| member.key);
    signatures.dedup_by_key(|member| member.key);
    signatures
}

/// Exactly a quorum of these signatures that hold for `valid`, ascending by key, wherever they come from.
///
/// # Errors
///
/// Says how many members have signed where they are fewer.
pub fn quorum(
    signatures: Vec<CovenantSignatures>,
    valid: &ValidDelegation,
) -> Result<Vec<CovenantSignatures>, TooFewSignatures> {
    let mut signatures = holding(signatures, valid);
    let quorum = valid.keys().covenant().quorum();
    if signatures.len() < quorum {
        return Err(TooFewSignatures {
            valid: signatures.len(),
            quorum,
        });
    }
    signatures.truncate(quorum);
    Ok(signatures)
}

/// The committee has not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{valid} members of the covenant committee have signed, {quorum} must")]
pub struct TooFewSignatures {
    /// How many have.
    pub valid: usize,
    /// How many must.
    pub quorum: usize,
}

/// Where the next page of a listing starts; only the chain can read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageKey {
    /// As the chain's node understands it.
    pub(crate) start: Vec<u8>,
    /// Items on the pages before: a listing is not followed without end.
    pub(crate) read: usize,
}

/// A delegation of the chain that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDelegation {
    /// Its staking transaction in hex, or as much as the chain gave.
    pub staking_tx: String,
    /// What is wrong with it; names the field.
    pub reason: String,
}

/// One page of a listing of delegations.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What could be read.
    pub delegations: Vec<Delegation>,
    /// What could not.
    pub invalid: Vec<InvalidDelegation>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<PageKey>,
}
