//! Whether a record of a contract is in the state of a final header.
//!
//! A contract cannot see its own chain's block hash, so a count of votes alone does not tell it which fork it runs on. What
//! it can know is that *its own record* is in the state of the header that the votes made final; then it does not matter
//! which fork asks. Data passes from the outside in: `header` turns the fields of the final header into the application's
//! hash, `existence` turns a record into the root of the store of contracts, and that root into the application's hash;
//! `canonical` reads the proofs' protobuf. Everything may come from an adversary but the final hash.
//!
//! **Header H carries the state after H - 1.** A proof for header H is the answer to `/store/wasm/key` at height H - 1.

mod canonical;
mod error;
mod existence;
mod header;

use cosmwasm_std::Storage;

pub use self::error::{ExistenceError, StateProofError};

use self::existence::{Spec, root};
use crate::ContractError;
use crate::context::Context;
use crate::finality;
use crate::msg::{StateProof, VerifyStateResponse};

/// Number of fields of a CometBFT header.
pub const HEADER_FIELDS: usize = 14;

/// Longest encoded header field, bytes: the longest, the last block's id, has 76.
pub const MAX_HEADER_FIELD: usize = 128;

/// Longest key in a contract's storage, bytes.
pub const MAX_KEY: usize = 1024;

/// Longest record, bytes: with its proof, written as base64 twice over, it must fit into the 64 KiB that a contract may ask
/// another.
pub const MAX_VALUE: usize = 12 * 1024;

/// Longest proof of one store, bytes; that of a record repeats the record.
pub const MAX_PROOF: usize = 24 * 1024;

/// What wasmd puts before everything that a contract stores, with the contract's address.
const CONTRACT_STORE: u8 = 3;

/// Name of wasmd's store in the application's state.
const STORE: &[u8] = b"wasm";

/// Checks that the state of a chain holds a record, given the hash of a header of that chain.
///
/// Pure, so that whoever brings a proof can check it first. The record is in the state after the block *before* the header.
///
/// # Errors
///
/// When something is longer than is judged, the header is another, of another chain or height, or a proof does not hold.
pub fn check(
    proof: &StateProof,
    chain_id: &str,
    height: u64,
    hash: &[u8; 32],
) -> Result<(), StateProofError> {
    check_sizes(proof)?;
    let app_hash = header::app_hash(&proof.header, chain_id, height, hash)?;
    let key = [&[CONTRACT_STORE], proof.contract.0.as_slice(), &proof.key].concat();
    let store_root =
        root(Spec::Iavl, &proof.store_proof, &key, &proof.value).map_err(StateProofError::Store)?;
    let found = root(Spec::Tendermint, &proof.root_proof, STORE, &store_root)
        .map_err(StateProofError::Root)?;
    if found == app_hash {
        Ok(())
    } else {
        Err(StateProofError::NotInState {
            found: found.into(),
            app_hash: app_hash.into(),
        })
    }
}

/// Checks a proof against the final checkpoint that it names.
pub(crate) fn verify(
    storage: &dyn Storage,
    context: &Context<'_>,
    proof: &StateProof,
) -> Result<VerifyStateResponse, ContractError> {
    let record = finality::final_at(storage, proof.k)?
        .ok_or_else(|| ContractError::NotFinal(format!("k = {}", proof.k)))?;
    check(proof, &context.config.chain_id, record.height, &record.hash)?;
    Ok(VerifyStateResponse {
        height: record.height.saturating_sub(1),
        hash: record.hash.into(),
        era: record.era,
        decreed: record.decreed,
    })
}

/// Refuses by length what nobody needs, before anything is hashed.
fn check_sizes(proof: &StateProof) -> Result<(), StateProofError> {
    if proof.header.len() != HEADER_FIELDS {
        return Err(StateProofError::FieldCount(proof.header.len()));
    }
    for field in &proof.header {
        within("a header field", field, MAX_HEADER_FIELD)?;
    }
    within("the key", &proof.key, MAX_KEY)?;
    within("the value", &proof.value, MAX_VALUE)?;
    within("store_proof", &proof.store_proof, MAX_PROOF)?;
    within("root_proof", &proof.root_proof, MAX_PROOF)?;
    if proof.value.is_empty() {
        return Err(StateProofError::EmptyValue);
    }
    Ok(())
}

fn within(what: &'static str, bytes: &[u8], max: usize) -> Result<(), StateProofError> {
    let found = bytes.len();
    if found > max {
        Err(StateProofError::TooLong { what, found, max })
    } else {
        Ok(())
    }
}
