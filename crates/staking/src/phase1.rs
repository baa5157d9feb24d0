//! Stakes of phase 1, which name themselves in an OP_RETURN output (spec 1.12).
//!
//! Before there was a chain to register with, a staking transaction carried its staker, provider and staking time in
//! a second output. The chain ignores it now, but old stakes are still on Bitcoin. [`Payload`] is that output;
//! [`Phase1Stake::recognise`] finds payload and staking output in any transaction.

use std::fmt;
use std::str::FromStr;

use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::{Amount, Script, ScriptBuf, Transaction, TxOut, script};
use serde::{Deserialize, Serialize};

use crate::keys::{FinalityProviderKey, KeyError, StakerKey};
use crate::outputs::StakingOutput;
use crate::params::CovenantCommittee;
use crate::scripts::{DelegationKeys, DelegationKeysError};
use crate::units::{BlockInterval, BlockIntervalError};

/// Opcode that pushes a payload: its length in bytes.
const PUSH: u8 = 71;

/// Length of a payload in bytes.
const LENGTH: usize = PUSH as usize;

/// The only payload version there is.
const VERSION: u8 = 0;

/// Four bytes that mark the stakes of one network; hex as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(pub [u8; 4]);

/// Text that is no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag `{0}` is not 8 hex digits")]
pub struct TagError(String);

/// What a phase-1 staking transaction says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Whose network it is.
    pub tag: Tag,
    /// Key of the staker.
    pub staker: StakerKey,
    /// The chosen provider.
    pub finality_provider: FinalityProviderKey,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
}

/// Why a script is no phase-1 payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Not OP_RETURN with a single push of 71 bytes.
    #[error("the script of {0} bytes is not OP_RETURN with one push of {LENGTH} bytes")]
    Form(usize),
    /// A version that is not defined.
    #[error("payload version {0} is unknown, only {VERSION} is defined")]
    Version(u8),
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A staking time that makes an unspendable script.
    #[error(transparent)]
    StakingTime(#[from] BlockIntervalError),
}

/// A phase-1 stake found in a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase1Stake {
    /// What the transaction says of itself.
    pub payload: Payload,
    /// The rebuilt staking output, with the value found.
    pub staking_output: StakingOutput,
    /// Index of the staking output.
    pub staking_output_index: u32,
}

/// Why a transaction is no phase-1 stake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Phase1Error {
    /// No output holds a payload.
    #[error("no output holds a phase-1 payload")]
    NoPayload,
    /// Which payload counts is not defined.
    #[error("{0} outputs hold a phase-1 payload, exactly one must")]
    SeveralPayloads(usize),
    /// The payload is of another network.
    #[error("the payload's tag is {found}, this network's is {expected}")]
    OtherTag {
        /// Tag of the payload.
        found: Tag,
        /// Tag of the network.
        expected: Tag,
    },
    /// The payload cannot be used.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The keys make no delegation.
    #[error(transparent)]
    Keys(#[from] DelegationKeysError),
    /// No output has the script that the payload implies.
    #[error("no output has the staking script {0:x} that the payload and the committee imply")]
    NoStakingOutput(ScriptBuf),
    /// Which output is staked is not defined.
    #[error("{0} outputs have the staking script that the payload implies, exactly one must")]
    SeveralStakingOutputs(usize),
}

impl Payload {
    /// Reads the payload of an output's script.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn parse(script: &Script) -> Result<Self, PayloadError> {
        let Some((tag, version, staker, finality_provider, staking_time)) = fields(script) else {
            return Err(PayloadError::Form(script.len()));
        };
        if version != VERSION {
            return Err(PayloadError::Version(version));
        }
        Ok(Self {
            tag: Tag(tag),
            staker: StakerKey::from_slice(&staker)?,
            finality_provider: FinalityProviderKey::from_slice(&finality_provider)?,
            staking_time: BlockInterval::new(u16::from_be_bytes(staking_time))?,
        })
    }

    /// The output that carries this payload: no value, OP_RETURN and one push.
    pub fn to_tx_out(&self) -> TxOut {
        TxOut {
            value: Amount::ZERO,
            script_pubkey: script::Builder::new()
                .push_opcode(OP_RETURN)
                .push_slice(self.to_bytes())
                .into_script(),
        }
    }

    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let fields: [&[u8]; 5] = [
            &self.tag.0,
            &[VERSION],
            &self.staker.to_bytes(),
            &self.finality_provider.to_bytes(),
            &self.staking_time.blocks().to_be_bytes(),
        ];
        for (byte, value) in bytes.iter_mut().zip(fields.concat()) {
            *byte = value;
        }
        bytes
    }
}

type Fields = ([u8; 4], u8, [u8; 32], [u8; 32], [u8; 2]);

/// Cuts the script into the payload's fields; `None` where it has another form.
fn fields(script: &Script) -> Option<Fields> {
    let payload = script.as_bytes().strip_prefix(&[OP_RETURN.to_u8(), PUSH])?;
    let (tag, rest) = payload.split_first_chunk::<4>()?;
    let (version, rest) = rest.split_first()?;
    let (staker, rest) = rest.split_first_chunk::<32>()?;
    let (finality_provider, rest) = rest.split_first_chunk::<32>()?;
    let staking_time = <[u8; 2]>::try_from(rest).ok()?;
    Some((*tag, *version, *staker, *finality_provider, staking_time))
}

/// Whether a transaction could be a stake of the network with this tag, judged without any curve arithmetic: exactly
/// one output has the length, the tag and the version of a payload.
pub fn is_candidate(transaction: &Transaction, tag: Tag) -> bool {
    let matches = transaction
        .output
        .iter()
        .filter_map(|output| fields(&output.script_pubkey));
    matches
        .filter(|(found, version, ..)| *found == tag.0 && *version == VERSION)
        .count()
        == 1
}

impl Phase1Stake {
    /// Finds the stake of a transaction, given the tag of its network and the committee of its time.
    ///
    /// # Errors
    ///
    /// Says what is missing, doubled or of another network.
    pub fn recognise(
        transaction: &Transaction,
        tag: Tag,
        covenant: &CovenantCommittee,
    ) -> Result<Self, Phase1Error> {
        let payload = only_payload(transaction)?;
        if payload.tag != tag {
            return Err(Phase1Error::OtherTag {
                found: payload.tag,
                expected: tag,
            });
        }
        let providers = vec![payload.finality_provider];
        let keys = DelegationKeys::new(payload.staker, providers, covenant.clone())?;
        let expected = StakingOutput::new(&keys, payload.staking_time, Amount::ZERO);
        let script = &expected.tx_out().script_pubkey;
        let matching: Vec<(u32, &TxOut)> = (0..)
            .zip(&transaction.output)
            .filter(|(_, output)| output.script_pubkey == *script)
            .collect();
        match matching.as_slice() {
            [] => Err(Phase1Error::NoStakingOutput(script.clone())),
            [(index, output)] => Ok(Self {
                payload,
                staking_output: StakingOutput::new(&keys, payload.staking_time, output.value),
                staking_output_index: *index,
            }),
            several => Err(Phase1Error::SeveralStakingOutputs(several.len())),
        }
    }
}

fn only_payload(transaction: &Transaction) -> Result<Payload, Phase1Error> {
    let mut payloads: Vec<Result<Payload, PayloadError>> = transaction
        .output
        .iter()
        .map(|output| Payload::parse(&output.script_pubkey))
        // A staking time of 0 is refused, but such a payload still counts as one: phase 1 could read it.
        .filter(|parsed| matches!(parsed, Ok(_) | Err(PayloadError::StakingTime(_))))
        .collect();
    match (payloads.pop(), payloads.len()) {
        (None, _) => Err(Phase1Error::NoPayload),
        (Some(payload), 0) => Ok(payload?),
        (Some(_), others) => Err(Phase1Error::SeveralPayloads(others + 1)),
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let mut bytes = [0; 4];
        hex::decode_to_slice(text, &mut bytes)
            .map(|()| Self(bytes))
            .map_err(|_| TagError(text.to_owned()))
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.to_string()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
