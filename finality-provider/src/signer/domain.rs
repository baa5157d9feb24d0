//! What the domain of a vote decides: which nonce is used, and which digest of a commitment or registration is signed.

use bitcoin::hashes::{Hash as _, sha256};
use chain::{VoteContent, VotingDomain};
use eots::commitment::{Commitment, digest};
use eots::randomness::{derive, derive_for_checkpoint};
use eots::{SecretKey, SecretRandomness};
use mesh_core::commit::Commit;
use mesh_core::registration;

use super::{HeightRange, Refusal, Registration};

/// The nonce of a height: of this key on this chain, and of nothing else.
pub(super) fn nonce(domain: &VotingDomain, secret: &SecretKey, height: u64) -> SecretRandomness {
    match domain {
        VotingDomain::Babylon(chain_id) => derive(secret, chain_id, height),
        VotingDomain::PartnerChain(domain) => {
            derive_for_checkpoint(secret, domain.as_bytes(), height)
        }
    }
}

/// What the record keeps of a vote: the app hash on Babylon, SHA-256 of the message on a partner chain.
pub(super) fn recorded(content: &VoteContent, message: &[u8]) -> [u8; 32] {
    match content {
        VoteContent::AppHash(app_hash) => *app_hash,
        VoteContent::Checkpoint(_) => sha256::Hash::hash(message).to_byte_array(),
    }
}

/// Highest number that is signed: above it a chain would soon take no newer commitment or registration.
const HIGHEST_NUMBER: u64 = u64::MAX / 2;

fn check_number(number: u64) -> Result<(), Refusal> {
    if number <= HIGHEST_NUMBER {
        return Ok(());
    }
    Err(Refusal::InvalidRequest(format!(
        "field `number`: {number} is above {HIGHEST_NUMBER}, so that nothing could follow it"
    )))
}

/// What a provider signs of a commitment.
pub(super) fn commitment_digest(
    domain: &VotingDomain,
    secret: &SecretKey,
    range: HeightRange,
    number: u64,
    commitment: &Commitment,
) -> Result<[u8; 32], Refusal> {
    let HeightRange { start, count } = range;
    match domain {
        VotingDomain::Babylon(_) => Ok(digest(start.0, count.into(), commitment)),
        VotingDomain::PartnerChain(domain) => {
            check_number(number)?;
            let commit = Commit::new(start.0, count.into(), *commitment)
                .map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
            Ok(commit.digest(domain, &secret.public_key(), number))
        }
    }
}

/// What a provider signs of its registration.
pub(super) fn registration_digest(
    domain: &VotingDomain,
    secret: &SecretKey,
    registration: &Registration,
) -> Result<[u8; 32], Refusal> {
    let VotingDomain::PartnerChain(instance) = domain else {
        return Err(Refusal::InvalidRequest(format!(
            "{domain} is no partner chain: a provider proves possession of its key there"
        )));
    };
    let Registration {
        number,
        operator,
        commission,
    } = registration;
    check_number(*number)?;
    registration::digest(
        instance,
        &secret.public_key(),
        *number,
        operator,
        *commission,
    )
    .map_err(|error| Refusal::InvalidRequest(error.to_string()))
}
