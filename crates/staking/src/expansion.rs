//! Stake expansion: a staking transaction that spends a live stake by its unbonding path (spec 1.10).
//!
//! The new stake is a delegation like any other and passes [`crate::delegation::validate`] first; [`validate`] here
//! adds the rules that tie it to the previous one, and yields what staker and committee sign to release that.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Sequence, Transaction, TxIn, TxOut, Witness};

use crate::delegation::ValidDelegation;
use crate::keys::{CovenantKey, FinalityProviderKey};
use crate::outputs::StakingOutput;
use crate::params::CovenantCommittee;
use crate::quorum::{CovenantSignature, QuorumError, QuorumSignatures};
use crate::scripts::DelegationKeys;
use crate::sighash::{self, UnbondingPathSighash};
use crate::witness;

/// The rule that an expansion breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpansionError {
    /// The new stake is in another transaction.
    #[error("the new stake is in transaction {staked}, not in the expansion {expansion}")]
    Transaction {
        /// Transaction of the new stake.
        staked: bitcoin::Txid,
        /// The expansion.
        expansion: bitcoin::Txid,
    },
    /// It does not spend exactly the previous stake and one funding output.
    #[error("the expansion has {0} inputs; it must have exactly 2")]
    Inputs(usize),
    /// Its first input is not the previous stake.
    #[error(
        "the expansion's first input spends {actual}; it must spend the previous stake {required}"
    )]
    PreviousStake {
        /// What it spends.
        actual: OutPoint,
        /// Outpoint of the previous stake.
        required: OutPoint,
    },
    /// Its second input is not an output of the funding transaction.
    #[error(
        "the expansion's second input spends {0}, which is no output of the funding transaction"
    )]
    FundingTransaction(OutPoint),
    /// The funding output holds nothing.
    #[error("the expansion's funding output is worth 0")]
    FundingValue,
    /// The stake would shrink.
    #[error("the new stake of {} sat is smaller than the previous one of {} sat", .new.to_sat(), .previous.to_sat())]
    Value {
        /// Value of the new stake.
        new: Amount,
        /// Value of the previous stake.
        previous: Amount,
    },
    /// It pays nothing to the miners, or creates coins.
    #[error("the expansion spends {} sat on outputs of {} sat; a fee must remain", .inputs.to_sat(), .outputs.to_sat())]
    Fee {
        /// Value of both inputs.
        inputs: Amount,
        /// Value of all outputs.
        outputs: Amount,
    },
    /// The stake would go to another finality provider.
    #[error("the new stake is not with finality provider {previous}, as the previous one is")]
    FinalityProvider {
        /// First finality provider of the previous stake.
        previous: FinalityProviderKey,
    },
    /// Too few members of the previous committee are in the new one, and no others can sign both.
    #[error(
        "only {overlap} members of the previous covenant committee are in the new one; its quorum is {quorum}"
    )]
    CommitteeOverlap {
        /// Members in both.
        overlap: usize,
        /// Quorum of the previous committee.
        quorum: usize,
    },
}

impl ExpansionError {
    /// Name of the broken rule; it does not change between versions.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Transaction { .. } => "expansion-transaction",
            Self::Inputs(_) => "expansion-inputs",
            Self::PreviousStake { .. } => "expansion-previous-stake",
            Self::FundingTransaction(_) => "expansion-funding-transaction",
            Self::FundingValue => "expansion-funding-value",
            Self::Value { .. } => "expansion-value",
            Self::Fee { .. } => "expansion-fee",
            Self::FinalityProvider { .. } => "expansion-finality-provider",
            Self::CommitteeOverlap { .. } => "expansion-committee-overlap",
        }
    }
}

/// Why an expansion's witness cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpansionWitnessError {
    /// The staker's signature does not verify.
    #[error("the staker's signature of the spend of the previous stake is invalid")]
    Staker,
    /// Too few covenant signatures verify.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

/// A signature that is not by a member of the previous committee, or of another transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "covenant {0}'s signature of the spend of the previous stake is invalid, or it is not in that committee"
)]
pub struct ExpansionSignatureError(pub CovenantKey);

/// An expansion that passed [`validate`]: what releases the previous stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidExpansion {
    previous_keys: DelegationKeys,
    previous_output: StakingOutput,
    sighash: UnbondingPathSighash,
}

/// Builds the unsigned expansion: previous stake and funding output in, new stake and perhaps change out.
pub fn transaction(
    previous_stake: OutPoint,
    funding: OutPoint,
    new_stake: &StakingOutput,
    change: Option<TxOut>,
) -> Transaction {
    let input = |previous_output| TxIn {
        previous_output,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let mut output = vec![new_stake.tx_out().clone()];
    output.extend(change);
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input(previous_stake), input(funding)],
        output,
    }
}

/// The output of `funding_tx` that the expansion's second input spends.
pub fn funding_output<'a>(
    expansion_tx: &Transaction,
    funding_tx: &'a Transaction,
) -> Result<&'a TxOut, ExpansionError> {
    let [_, funding] = expansion_tx.input.as_slice() else {
        return Err(ExpansionError::Inputs(expansion_tx.input.len()));
    };
    let outpoint = funding.previous_output;
    usize::try_from(outpoint.vout)
        .ok()
        .filter(|_| outpoint.txid == funding_tx.compute_txid())
        .and_then(|index| funding_tx.output.get(index))
        .ok_or(ExpansionError::FundingTransaction(outpoint))
}

/// Checks the rules that tie a new stake to the previous one.
///
/// `expansion_tx` is the new stake's staking transaction, `funding` the output that its second input spends. A chain
/// asks besides that the previous stake is active and of the same account, and that `funding` is no stake it knows.
pub fn validate(
    expansion_tx: &Transaction,
    new: &ValidDelegation,
    previous: &ValidDelegation,
    funding: &TxOut,
) -> Result<ValidExpansion, ExpansionError> {
    let (staked, expansion) = (new.staking_outpoint().txid, expansion_tx.compute_txid());
    if staked != expansion {
        return Err(ExpansionError::Transaction { staked, expansion });
    }
    let [previous_input, _] = expansion_tx.input.as_slice() else {
        return Err(ExpansionError::Inputs(expansion_tx.input.len()));
    };
    let (actual, required) = (previous_input.previous_output, previous.staking_outpoint());
    if actual != required {
        return Err(ExpansionError::PreviousStake { actual, required });
    }
    if funding.value == Amount::ZERO {
        return Err(ExpansionError::FundingValue);
    }
    check_values(expansion_tx, new, previous, funding)?;
    let first =
        |delegation: &ValidDelegation| delegation.keys().finality_providers().first().copied();
    if let Some(previous) = first(previous).filter(|previous| first(new) != Some(*previous)) {
        return Err(ExpansionError::FinalityProvider { previous });
    }
    check_overlap(previous.keys().covenant(), new.keys().covenant())?;
    let sighash = sighash::expansion(expansion_tx, previous.staking_output(), funding)
        .map_err(|error| ExpansionError::Inputs(error.inputs))?;
    Ok(ValidExpansion {
        previous_keys: previous.keys().clone(),
        previous_output: previous.staking_output().clone(),
        sighash,
    })
}

fn check_values(
    expansion_tx: &Transaction,
    new: &ValidDelegation,
    previous: &ValidDelegation,
    funding: &TxOut,
) -> Result<(), ExpansionError> {
    let (new, previous) = (
        new.staking_output().value(),
        previous.staking_output().value(),
    );
    if new < previous {
        return Err(ExpansionError::Value { new, previous });
    }
    // Outputs passed the sanity rules as part of the new delegation; the funding value is whatever was said.
    let outputs = expansion_tx.output.iter().map(|output| output.value).sum();
    let inputs = previous.checked_add(funding.value).unwrap_or(Amount::MAX);
    if inputs > outputs {
        Ok(())
    } else {
        Err(ExpansionError::Fee { inputs, outputs })
    }
}

fn check_overlap(
    previous: &CovenantCommittee,
    new: &CovenantCommittee,
) -> Result<(), ExpansionError> {
    let (overlap, quorum) = (previous.overlap(new), previous.quorum());
    if overlap >= quorum {
        Ok(())
    } else {
        Err(ExpansionError::CommitteeOverlap { overlap, quorum })
    }
}

impl ValidExpansion {
    /// What the staker and the previous committee sign to release the previous stake.
    pub fn sighash(&self) -> UnbondingPathSighash {
        self.sighash
    }

    /// The committee whose quorum must sign: the previous stake's.
    pub fn committee(&self) -> &CovenantCommittee {
        self.previous_keys.covenant()
    }

    /// Checks one member's signature of the spend of the previous stake.
    pub fn check_covenant_signature(
        &self,
        signature: &CovenantSignature,
    ) -> Result<(), ExpansionSignatureError> {
        let CovenantSignature { key, signature } = signature;
        if self.committee().contains(key) && self.sighash.is_signed_by(&key.0, signature) {
            Ok(())
        } else {
            Err(ExpansionSignatureError(*key))
        }
    }

    /// The witness of the expansion's first input; signatures beyond the quorum, and invalid ones, are left out.
    pub fn witness(
        &self,
        staker: &Signature,
        covenant: &[CovenantSignature],
    ) -> Result<Witness, ExpansionWitnessError> {
        if !self
            .sighash
            .is_signed_by(&self.previous_keys.staker().0, staker)
        {
            return Err(ExpansionWitnessError::Staker);
        }
        let quorum = QuorumSignatures::choose(self.committee(), self.sighash, covenant)?;
        Ok(witness::unbonding_path(
            &self.previous_output,
            &quorum,
            staker,
        ))
    }
}
