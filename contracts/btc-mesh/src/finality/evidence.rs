//! Keys that came out: by two signatures under one randomness, or shown as they are.
//!
//! The key alone is the proof. A slashed provider's later votes are refused at once and it is in no later table; tallies,
//! totals and tables that are there stay as they are, so that no fork becomes final because a total shrank.

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::{Event, Storage};
use eots::curve::Curve;
use eots::{ExtractError, PublicKey, PublicRandomness, SecretKey, Signature, SignedHash};
use serde::{Deserialize, Serialize};

use crate::ContractError;
use crate::context::Context;
use crate::msg::{Bytes32, ProviderStatus, SlashedResponse};
use crate::provider::{self, Provider};
use crate::store::Records;

/// Longest message of evidence, bytes.
const MAX_MESSAGE: usize = 512;

const SLASHED: Records<&[u8], SlashedKey> = Records::new("slashed");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SlashedKey {
    sk: Bytes32,
    /// Height of this chain.
    height: u64,
}

/// Why something is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A message that is too long.
    #[error("a message of {0} bytes is longer than {MAX_MESSAGE}")]
    Length(usize),
    /// Bytes that are not two hashes and signatures.
    #[error("{0} bytes are not SHA-256 and s of one message and of another, 128 bytes")]
    Signed(usize),
    /// A signature that is not of its message.
    #[error("signature {0} is not provider {1}'s of its message under this randomness")]
    Signature(u8, PublicKey),
    /// They do not give the key.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// A number that is no key, or another's.
    #[error("the key shown is not that of provider {0}")]
    OtherKey(PublicKey),
}

/// Two messages of any format, by their hashes, signed under one randomness.
pub struct Evidence {
    randomness: Bytes32,
    /// SHA-256 of each message, and its signature.
    signed: [([u8; 32], Bytes32); 2],
}

impl Evidence {
    /// Of the messages themselves, each with its signature.
    pub fn of_messages(
        randomness: Bytes32,
        messages: [(&[u8], Bytes32); 2],
    ) -> Result<Self, EvidenceError> {
        let too_long = messages
            .iter()
            .find(|(message, _)| message.len() > MAX_MESSAGE);
        if let Some((message, _)) = too_long {
            return Err(EvidenceError::Length(message.len()));
        }
        let signed = messages
            .map(|(message, signature)| (sha256::Hash::hash(message).to_byte_array(), signature));
        Ok(Self { randomness, signed })
    }

    /// Of the messages' hashes: SHA-256 ‖ s of the one and of the other, as who keeps votes for long has them.
    pub(crate) fn of_hashes(randomness: Bytes32, signed: &[u8]) -> Result<Self, EvidenceError> {
        let wrong = || EvidenceError::Signed(signed.len());
        let (hash1, rest) = signed.split_first_chunk().ok_or_else(wrong)?;
        let (s1, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (hash2, s2) = rest.split_first_chunk().ok_or_else(wrong)?;
        let s2 = s2.try_into().map_err(|_| wrong())?;
        let signed = [(*hash1, Bytes32(*s1)), (*hash2, Bytes32(s2))];
        Ok(Self { randomness, signed })
    }

    /// Checks both signatures, and gets the provider's key out of them.
    ///
    /// Only the first is verified by itself. Where it holds, the key comes out if and only if the second holds as well:
    /// from `s1·G = R + e1·P` and `s1 - s2 = (e1 - e2)·sk` follows `s2·G = R + e2·P`.
    pub fn key(&self, curve: &dyn Curve, pk: &PublicKey) -> Result<SecretKey, ContractError> {
        let randomness = PublicRandomness::from_bytes(self.randomness.0)?;
        let [(hash1, s1), (hash2, s2)] = self.signed;
        let [s1, s2] = [Signature::from_bytes(s1.0)?, Signature::from_bytes(s2.0)?];
        let wrong = |number| EvidenceError::Signature(number, *pk);
        // An EOTS signature is BIP-340 of the hash; what is more to it, extracting asks for.
        if !curve.verify_bip340(pk, &hash1, randomness.as_bytes(), s1.as_bytes()) {
            return Err(wrong(1).into());
        }
        let signed = |hash, signature| SignedHash { hash, signature };
        let (first, second) = (signed(hash1, &s1), signed(hash2, &s2));
        let key = eots::extract_from_hashes(&curve, pk, &randomness, first, second);
        Ok(key.map_err(|error| match error {
            ExtractError::SameMessage => error.into(),
            _ => wrong(2),
        })?)
    }
}

/// Takes a provider's key as it is shown.
pub fn shown_key(
    curve: &dyn Curve,
    pk: &PublicKey,
    sk: Bytes32,
) -> Result<SecretKey, EvidenceError> {
    SecretKey::from_bytes_on(&curve, &sk.0)
        .ok()
        .filter(|key| key.public_key() == *pk)
        .ok_or(EvidenceError::OtherKey(*pk))
}

/// Keeps a key that was not out before for good, and tells everybody.
pub fn publish(
    storage: &mut dyn Storage,
    height: u64,
    pk: &PublicKey,
    key: &SecretKey,
) -> Result<Event, ContractError> {
    let sk = Bytes32(*key.to_bytes());
    SLASHED.save(storage, pk.as_bytes(), &SlashedKey { sk, height })?;
    Ok(Event::new("slashed")
        .add_attribute("pk", pk.to_string())
        .add_attribute("sk", sk.to_string()))
}

/// Gets a provider's key out of two signatures, and slashes it.
pub(crate) fn evidence(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    evidence: &Evidence,
) -> Result<Vec<Event>, ContractError> {
    let pk = PublicKey::from_checked_bytes(pk.0);
    let provider = provider::get(storage, &pk)?;
    let key = evidence.key(context.curve, &pk)?;
    slash(storage, context, &pk, &provider, &key)
}

/// Slashes a provider whose key is shown as it is.
pub(crate) fn slash_with_key(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: Bytes32,
    sk: Bytes32,
) -> Result<Vec<Event>, ContractError> {
    let pk = PublicKey::from_checked_bytes(pk.0);
    let provider = provider::get(storage, &pk)?;
    let key = shown_key(context.curve, &pk, sk)?;
    slash(storage, context, &pk, &provider, &key)
}

/// Ends the power of a provider as it was until now; a second time changes nothing.
pub(super) fn slash(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    pk: &PublicKey,
    provider: &Provider,
    key: &SecretKey,
) -> Result<Vec<Event>, ContractError> {
    if provider.status == ProviderStatus::Slashed {
        return Ok(Vec::new());
    }
    let event = publish(storage, context.height, pk, key)?;
    provider::retire(storage, pk, provider);
    Ok(vec![event])
}

/// Whether a provider's key is out.
pub fn is_slashed(storage: &dyn Storage, pk: &PublicKey) -> bool {
    SLASHED.has(storage, pk.as_bytes())
}

/// A provider's key, where it is out.
pub fn slashed_key(
    storage: &dyn Storage,
    pk: &PublicKey,
) -> Result<Option<SlashedResponse>, ContractError> {
    let slashed = SLASHED.may_load(storage, pk.as_bytes())?;
    Ok(slashed.map(|slashed| SlashedResponse {
        sk: slashed.sk,
        height: slashed.height,
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_key_that_is_out_is_what_instances_have() {
        let slashed = SlashedKey {
            sk: Bytes32([1; 32]),
            height: 300,
        };
        assert_stored(
            |storage| SLASHED.save(storage, &[b'k'; 32], &slashed).unwrap(),
            r"\x00\x07slashedkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            "0101010101010101010101010101010101010101010101010101010101010101ac02",
        );
    }
}
