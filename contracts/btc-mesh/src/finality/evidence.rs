//! Keys that came out: by two signatures under one randomness, or shown as they are.
//!
//! The key alone is the proof. A slashed provider's later votes are refused at once and it is in no later table; tallies,
//! totals and tables that are there stay as they are, so that no fork becomes final because a total shrank.

use cosmwasm_std::{Event, Storage};
use eots::curve::Curve;
use eots::{ExtractError, PublicKey, PublicRandomness, SecretKey, Signature, Signed};
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

/// Two messages of any format, signed under one randomness.
pub struct Evidence<'a> {
    /// The randomness.
    pub randomness: Bytes32,
    /// Each message with its signature.
    pub messages: [(&'a [u8], Bytes32); 2],
}

impl Evidence<'_> {
    /// Checks both signatures, and gets the provider's key out of them.
    pub fn key(&self, curve: &dyn Curve, pk: &PublicKey) -> Result<SecretKey, ContractError> {
        let randomness = PublicRandomness::from_bytes(self.randomness.0)?;
        let [(first, s1), (second, s2)] = self.messages;
        let signatures = [Signature::from_bytes(s1.0)?, Signature::from_bytes(s2.0)?];
        for ((number, message), signature) in [(1, first), (2, second)].into_iter().zip(&signatures)
        {
            if message.len() > MAX_MESSAGE {
                return Err(EvidenceError::Length(message.len()).into());
            }
            eots::verify(&curve, pk, &randomness, message, signature)
                .map_err(|_| EvidenceError::Signature(number, *pk))?;
        }
        let [first_signature, second_signature] = &signatures;
        let key = eots::extract(
            &curve,
            pk,
            &randomness,
            Signed {
                message: first,
                signature: first_signature,
            },
            Signed {
                message: second,
                signature: second_signature,
            },
        );
        Ok(key.map_err(EvidenceError::from)?)
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
    evidence: &Evidence<'_>,
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
