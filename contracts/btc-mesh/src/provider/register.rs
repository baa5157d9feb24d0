//! Registering a provider, and committing it to public randomness.

use cosmwasm_std::{Addr, Event, Storage, Uint128, Uint256};
use eots::PublicKey;
use eots::bip340::{self, Signature};
use eots::commitment::Commitment;
use mesh_core::commit::{Commit, CommitError};
use mesh_core::registration::{self, RegistrationError};

use super::record::{self, Provider};
use crate::ContractError;
use crate::context::Context;
use crate::msg::{Bytes32, CommitInfo, ProviderStatus};

/// Why a provider's message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// A key that no signature can be checked under here.
    #[error(
        "provider key {0} is not below the group order, which this chain cannot check votes of; use another key"
    )]
    Key(PublicKey),
    /// A number that was used.
    #[error("seq is {found}, it must be above {last}, the last one")]
    Seq {
        /// The number given.
        found: u64,
        /// The last one.
        last: u64,
    },
    /// A registration that cannot be signed.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// A commission above the limit.
    #[error("the commission is {found} basis points, at most {max} are allowed here")]
    Commission {
        /// The commission.
        found: u16,
        /// The limit.
        max: u16,
    },
    /// A commit that cannot be.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Signed by somebody else, or something else was signed.
    #[error("the signature is not provider {0}'s of this message for this instance")]
    Signature(PublicKey),
    /// Its key is out.
    #[error("provider {0} was slashed, for good")]
    Slashed(PublicKey),
    /// Only the operator may do this.
    #[error("only the operator of provider {provider}, {operator}, may unjail it")]
    NotTheOperator {
        /// The provider.
        provider: PublicKey,
        /// Its operator.
        operator: Addr,
    },
    /// It is not in jail.
    #[error("provider {0} is not jailed")]
    NotJailed(PublicKey),
    /// It must wait.
    #[error("provider {provider} may unjail from epoch {until} on, epoch {epoch} is in force")]
    StillJailed {
        /// The provider.
        provider: PublicKey,
        /// First epoch in which it may.
        until: u64,
        /// The epoch in force.
        epoch: u64,
    },
}

/// A registration as it came.
pub(crate) struct Registration<'a> {
    pub(crate) seq: u64,
    pub(crate) operator: &'a str,
    pub(crate) commission: u16,
    pub(crate) signature: &'a [u8],
}

/// Registers a provider, or changes its operator and commission.
pub(crate) fn register(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    registration: &Registration<'_>,
    operator: Addr,
) -> Result<Event, ContractError> {
    context.only_open()?;
    let pk = parse_key(context, pk)?;
    let Registration {
        seq,
        commission,
        signature,
        ..
    } = *registration;
    let max = context.params().max_commission;
    if commission > max {
        return Err(ProviderError::Commission {
            found: commission,
            max,
        }
        .into());
    }
    let known = record::find(storage, &pk)?;
    check_seq(seq, known.as_ref().map(|known| known.registration_seq))?;
    let digest = registration::digest(
        &context.domain(),
        &pk,
        seq,
        registration.operator,
        commission,
    )
    .map_err(ProviderError::from)?;
    check_signature(context, &pk, &digest, signature)?;
    if known
        .as_ref()
        .is_some_and(|known| known.status == ProviderStatus::Slashed)
    {
        // Its key is public: anybody could sign for it.
        return Err(ProviderError::Slashed(pk).into());
    }
    let mut provider = match known {
        Some(known) => Provider {
            operator,
            commission,
            registration_seq: seq,
            ..known
        },
        None => Provider {
            operator,
            commission,
            status: ProviderStatus::Active,
            sats: 0,
            at_risk: 0,
            registration_seq: seq,
            commit_seq: 0,
            commits: Vec::new(),
            committed: false,
            ranked: None,
            index: Uint256::zero(),
            earned: Uint128::zero(),
            participation: None,
        },
    };
    record::save(storage, &pk, &mut provider)?;
    Ok(Event::new("register_provider").add_attribute("pk", pk.to_string()))
}

/// Commits a provider to public randomness.
pub(crate) fn commit(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    seq: u64,
    info: CommitInfo,
    signature: &[u8],
) -> Result<Event, ContractError> {
    context.only_open()?;
    let pk = PublicKey::from_checked_bytes(pk.0);
    let mut provider = record::get(storage, &pk)?;
    if provider.status == ProviderStatus::Slashed {
        return Err(ProviderError::Slashed(pk).into());
    }
    check_seq(
        seq,
        Some(provider.commit_seq).filter(|_| !provider.commits.is_empty()),
    )?;
    let commit = Commit::new(info.start, info.num, Commitment::from_bytes(info.root.0))
        .map_err(ProviderError::from)?;
    let digest = commit.digest(&context.domain(), &pk, seq);
    check_signature(context, &pk, &digest, signature)?;
    let event = Event::new("commit")
        .add_attribute("pk", pk.to_string())
        .add_attribute("start", info.start.to_string())
        .add_attribute("num", info.num.to_string());
    provider.commit_seq = seq;
    provider.add_commit(info);
    record::save(storage, &pk, &mut provider)?;
    Ok(event)
}

/// Takes a key that is a point and that the host can recover with.
fn parse_key(context: &Context<'_>, pk: Bytes32) -> Result<PublicKey, ContractError> {
    let pk = PublicKey::from_bytes(pk.0)?;
    // Any multiple does: what the curve cannot do for one, it can do for none.
    let one = eots::curve::Scalar::ONE;
    context
        .curve
        .linear_combination(&one, &pk, &one)
        .map(|_| pk)
        .ok_or_else(|| ProviderError::Key(pk).into())
}

fn check_seq(found: u64, last: Option<u64>) -> Result<(), ProviderError> {
    match last {
        Some(last) if found <= last => Err(ProviderError::Seq { found, last }),
        _ => Ok(()),
    }
}

fn check_signature(
    context: &Context<'_>,
    pk: &PublicKey,
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<(), ContractError> {
    let signature = Signature::from_slice(signature)?;
    bip340::verify(&context.curve, pk, digest, &signature)
        .map_err(|_| ProviderError::Signature(*pk).into())
}
