//! A stake as it was shown: read, rebuilt from its keys, and its signatures checked.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, OutPoint, Transaction};
use eots::ParseError;
use eots::adaptor::AdaptorSignature;
use staking::delegation::{
    CovenantSignatures, Registration, StakePlace, StakerSignatures, ValidDelegation, validate,
};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::units::BlockInterval;

use super::error::StakeError;
use super::inclusion::parse;
use super::kit::{Kit, Member};
use crate::config;
use crate::context::Context;
use crate::msg::{CovenantSet, CovenantSignature, StakeMsg};

/// Longest staking transaction, bytes: what nodes relay, without its witness.
const MAX_STAKING_TX: usize = 100_000;

/// Longest transaction signed in advance, bytes, beyond the slashing script: what it has is far below.
const MAX_PRESIGNED_TX: usize = 500;

/// The transactions of a stake as they were shown.
pub(super) struct Shown {
    pub(super) staking_tx: Transaction,
    pub(super) outpoint: OutPoint,
    slashing_tx: Transaction,
    unbonding_tx: Transaction,
    unbonding_slashing_tx: Transaction,
}

impl Shown {
    /// Reads the transactions, after their sizes.
    pub(super) fn read(set: &CovenantSet, msg: &StakeMsg) -> Result<Self, StakeError> {
        let max = MAX_PRESIGNED_TX.saturating_add(set.slashing_script.len());
        let staking_tx = parse("staking transaction", &msg.staking_tx, MAX_STAKING_TX)?;
        Ok(Self {
            outpoint: OutPoint {
                txid: staking_tx.compute_txid(),
                vout: msg.vout,
            },
            staking_tx,
            slashing_tx: parse("slashing transaction", &msg.slashing_tx, max)?,
            unbonding_tx: parse("unbonding transaction", &msg.unbonding_tx, max)?,
            unbonding_slashing_tx: parse(
                "unbonding slashing transaction",
                &msg.unbonding_slashing_tx,
                max,
            )?,
        })
    }

    /// Value of the staking output.
    fn value(&self) -> Result<Amount, StakeError> {
        let vout = self.outpoint.vout;
        usize::try_from(vout)
            .ok()
            .and_then(|position| self.staking_tx.output.get(position))
            .map(|output| output.value)
            .ok_or(StakeError::NoOutput {
                vout,
                outputs: self.staking_tx.output.len(),
            })
    }

    /// Rebuilds every script from the keys and compares: what comes out is a stake under this covenant set, with the one
    /// provider whose equivocation burns it.
    pub(super) fn rebuild(
        &self,
        set: &CovenantSet,
        msg: &StakeMsg,
    ) -> Result<ValidDelegation, StakeError> {
        let number = msg.covenant;
        let params = config::staking_params(number, set)
            .map_err(|reason| StakeError::CovenantSet { number, reason })?;
        let registration = Registration {
            staker: StakerKey::from_slice(&msg.staker.0)?,
            finality_providers: &[FinalityProviderKey::from_slice(&msg.provider.0)?],
            staking_time: BlockInterval::new(msg.timelock)?,
            staking_value: self.value()?,
            place: StakePlace::Transaction {
                staking_tx: &self.staking_tx,
                output_index: Some(msg.vout),
            },
            unbonding_time: params.unbonding_time,
            unbonding_tx: &self.unbonding_tx,
            slashing_tx: &self.slashing_tx,
            unbonding_slashing_tx: &self.unbonding_slashing_tx,
        };
        Ok(validate(&registration, &params)?)
    }
}

/// Checks every signature that was shown, and keeps what burns the stake: the first quorum of the committee's.
pub(super) fn check_signatures(
    context: &Context<'_>,
    delegation: &ValidDelegation,
    msg: &StakeMsg,
) -> Result<Kit, StakeError> {
    let committee = delegation.keys().covenant();
    let (found, members) = (msg.covenant_signatures.len(), committee.keys().len());
    if found > members {
        return Err(StakeError::TooManySignatures { found, members });
    }
    let quorum = committee.quorum();
    if found < quorum {
        return Err(StakeError::Quorum { found, quorum });
    }
    let slashing = signature("staker's signature of the slashing", &msg.staker_slashing)?;
    let unbonding_slashing = signature(
        "staker's signature of the unbonding slashing",
        &msg.staker_unbonding_slashing,
    )?;
    let staker = StakerSignatures {
        slashing,
        unbonding_slashing,
    };
    delegation.check_staker_signatures_on(&context.curve, &staker)?;
    let mut kept = Vec::with_capacity(quorum);
    let mut before = None;
    for shown in &msg.covenant_signatures {
        let key = CovenantKey::from_slice(&shown.key.0)?;
        if before.is_some_and(|before| before >= key) {
            return Err(StakeError::CovenantOrder(key));
        }
        before = Some(key);
        let member = check_member(context, delegation, key, shown)?;
        if kept.len() < quorum {
            kept.push(member);
        }
    }
    Ok(Kit::new(
        delegation,
        [slashing.serialize(), unbonding_slashing.serialize()],
        kept,
    ))
}

fn check_member(
    context: &Context<'_>,
    delegation: &ValidDelegation,
    key: CovenantKey,
    shown: &CovenantSignature,
) -> Result<Member, StakeError> {
    let slashing = adaptor(
        "covenant's adaptor signature of the slashing",
        &shown.slashing,
    )?;
    let unbonding = signature("covenant's signature of the unbonding", &shown.unbonding)?;
    let unbonding_slashing = adaptor(
        "covenant's adaptor signature of the unbonding slashing",
        &shown.unbonding_slashing,
    )?;
    delegation.check_covenant_signatures_on(
        &context.curve,
        &CovenantSignatures {
            key,
            slashing: vec![slashing],
            unbonding,
            unbonding_slashing: vec![unbonding_slashing],
        },
    )?;
    Ok(Member {
        // A member, so its position is below a committee's size.
        position: delegation
            .keys()
            .covenant()
            .keys()
            .binary_search(&key)
            .ok()
            .and_then(|position| u8::try_from(position).ok())
            .unwrap_or(u8::MAX),
        slashing: slashing.to_bytes(),
        unbonding: unbonding.serialize(),
        unbonding_slashing: unbonding_slashing.to_bytes(),
    })
}

fn signature(what: &'static str, bytes: &[u8]) -> Result<Signature, StakeError> {
    Signature::from_slice(bytes).map_err(|_| length(what, 64, bytes))
}

/// The old form of 66 bytes is not taken: what is stored has one length.
fn adaptor(what: &'static str, bytes: &[u8]) -> Result<AdaptorSignature, StakeError> {
    let bytes: [u8; 65] = bytes.try_into().map_err(|_| length(what, 65, bytes))?;
    AdaptorSignature::from_bytes(bytes)
        .map_err(|reason| StakeError::SignatureBytes { what, reason })
}

fn length(what: &'static str, expected: usize, bytes: &[u8]) -> StakeError {
    let found = bytes.len();
    let reason = ParseError::Length {
        what: "it",
        expected,
        found,
    };
    StakeError::SignatureBytes { what, reason }
}
