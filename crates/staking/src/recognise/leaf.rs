//! Reading a leaf script back: which of the three it is, and whose keys it names.

use bitcoin::opcodes::Opcode;
use bitcoin::opcodes::all::{
    OP_CHECKSIG, OP_CHECKSIGADD, OP_CHECKSIGVERIFY, OP_CSV, OP_NUMEQUAL, OP_NUMEQUALVERIFY,
    OP_PUSHNUM_1, OP_PUSHNUM_16,
};
use bitcoin::script::{Instruction, read_scriptint};
use bitcoin::{Script, ScriptBuf};

use super::reason::Kind;
use crate::keys::{CovenantKey, FinalityProviderKey, KeyError, StakerKey};
use crate::params::{CommitteeError, CovenantCommittee};
use crate::scripts::{DelegationKeys, DelegationKeysError, timelock_script, unbonding_script};
use crate::units::{BlockInterval, BlockIntervalError};

/// A script of the protocol, with what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeafScript {
    /// The staker alone, after a time.
    Timelock {
        /// Key of the staker.
        staker: StakerKey,
        /// How deep the output must be.
        timelock: BlockInterval,
    },
    /// Staker and committee.
    Unbonding {
        /// Key of the staker.
        staker: StakerKey,
        /// The committee.
        covenant: CovenantCommittee,
    },
    /// Staker, finality provider and committee; the finality providers are ascending by key.
    Slashing(DelegationKeys),
}

/// Why a script has the form of one of the three but is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    /// A key is no point.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The timelock cannot be spent.
    #[error(transparent)]
    Timelock(#[from] BlockIntervalError),
    /// The committee is impossible.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// The keys make no delegation.
    #[error(transparent)]
    Keys(#[from] DelegationKeysError),
    /// One provider is not enough, or none is needed.
    #[error("it asks for {0} finality providers' signatures; the protocol's scripts ask for 1")]
    ProviderQuorum(i64),
    /// The chain would write it otherwise: keys out of order, or numbers and pushes not minimal.
    #[error("it is not written as the chain writes it: {0:x}")]
    NotCanonical(ScriptBuf),
}

impl LeafScript {
    /// Reads a script: what it is used for, and what it names or why that is impossible; `None` where it has another
    /// form altogether.
    pub(super) fn parse(script: &Script) -> Option<(Kind, Result<Self, LeafError>)> {
        let tokens = tokens(script)?;
        let (kind, leaf) = match tokens.as_slice() {
            [
                Token::Key(staker),
                CHECKSIGVERIFY,
                Token::Number(timelock),
                CSV,
            ] => (Kind::Withdrawal, Self::timelock(staker, *timelock)),
            [Token::Key(staker), CHECKSIGVERIFY, rest @ ..] => match Multisig::parse(rest)? {
                (covenant, []) if covenant.ends_script => {
                    (Kind::Unbonding, Self::unbonding(staker, covenant))
                }
                (finality_providers, rest) if !finality_providers.ends_script => {
                    match Multisig::parse(rest)? {
                        (covenant, []) if covenant.ends_script => (
                            Kind::Slashing,
                            Self::slashing(staker, finality_providers, covenant),
                        ),
                        _ => return None,
                    }
                }
                _ => return None,
            },
            _ => return None,
        };
        let canonical = leaf.and_then(|leaf| {
            if leaf.to_script().as_script() == script {
                Ok(leaf)
            } else {
                Err(LeafError::NotCanonical(script.to_owned()))
            }
        });
        Some((kind, canonical))
    }

    /// The script as the chain writes it.
    fn to_script(&self) -> ScriptBuf {
        match self {
            Self::Timelock { staker, timelock } => timelock_script(*staker, *timelock),
            Self::Unbonding { staker, covenant } => unbonding_script(*staker, covenant),
            Self::Slashing(keys) => keys.slashing_script(),
        }
    }

    fn timelock(staker: &[u8; 32], timelock: i64) -> Result<Self, LeafError> {
        // Whatever is no interval is refused alike, negative numbers as the largest one.
        let timelock = u32::try_from(timelock).unwrap_or(u32::MAX);
        Ok(Self::Timelock {
            staker: StakerKey::from_slice(staker)?,
            timelock: BlockInterval::try_from(timelock)?,
        })
    }

    fn unbonding(staker: &[u8; 32], covenant: Multisig) -> Result<Self, LeafError> {
        let staker = StakerKey::from_slice(staker)?;
        Ok(Self::Unbonding {
            staker,
            covenant: covenant.into_committee()?,
        })
    }

    fn slashing(
        staker: &[u8; 32],
        finality_providers: Multisig,
        covenant: Multisig,
    ) -> Result<Self, LeafError> {
        if finality_providers.quorum != 1 {
            return Err(LeafError::ProviderQuorum(finality_providers.quorum));
        }
        let staker = StakerKey::from_slice(staker)?;
        let finality_providers: Vec<_> = finality_providers
            .keys
            .into_iter()
            .map(|key| FinalityProviderKey::from_slice(&key))
            .collect::<Result<_, _>>()?;
        let keys = DelegationKeys::new(staker, finality_providers, covenant.into_committee()?)?;
        Ok(Self::Slashing(keys))
    }
}

/// A piece of a script as the three scripts use them.
#[derive(Debug, PartialEq)]
enum Token {
    Key([u8; 32]),
    Number(i64),
    Op(Opcode),
}

const CHECKSIG: Token = Token::Op(OP_CHECKSIG);
const CHECKSIGADD: Token = Token::Op(OP_CHECKSIGADD);
const CHECKSIGVERIFY: Token = Token::Op(OP_CHECKSIGVERIFY);
const CSV: Token = Token::Op(OP_CSV);
const NUMEQUAL: Token = Token::Op(OP_NUMEQUAL);
const NUMEQUALVERIFY: Token = Token::Op(OP_NUMEQUALVERIFY);

/// Cuts a script into tokens; `None` at the first piece that none of the three scripts has.
fn tokens(script: &Script) -> Option<Vec<Token>> {
    script
        .instructions()
        .map(|instruction| token(&instruction.ok()?))
        .collect()
}

fn token(instruction: &Instruction<'_>) -> Option<Token> {
    match instruction {
        Instruction::PushBytes(bytes) => match <[u8; 32]>::try_from(bytes.as_bytes()) {
            Ok(key) => Some(Token::Key(key)),
            Err(_) => read_scriptint(bytes.as_bytes()).ok().map(Token::Number),
        },
        Instruction::Op(op)
            if (OP_PUSHNUM_1.to_u8()..=OP_PUSHNUM_16.to_u8()).contains(&op.to_u8()) =>
        {
            Some(Token::Number(
                i64::from(op.to_u8() - OP_PUSHNUM_1.to_u8()) + 1,
            ))
        }
        Instruction::Op(op) => {
            let token = Token::Op(*op);
            [
                CHECKSIG,
                CHECKSIGADD,
                CHECKSIGVERIFY,
                CSV,
                NUMEQUAL,
                NUMEQUALVERIFY,
            ]
            .contains(&token)
            .then_some(token)
        }
    }
}

/// A multisig fragment of any size (spec 1.2).
struct Multisig {
    keys: Vec<[u8; 32]>,
    quorum: i64,
    ends_script: bool,
}

impl Multisig {
    /// Reads the fragment at the beginning of `tokens`; returns it and what follows.
    fn parse(tokens: &[Token]) -> Option<(Self, &[Token])> {
        let (single, ends_script, rest) = match tokens {
            [Token::Key(key), CHECKSIGVERIFY, rest @ ..] => (key, false, rest),
            [Token::Key(key), CHECKSIG] => (key, true, [].as_slice()),
            [Token::Key(key), CHECKSIG, rest @ ..] => return Self::parse_counting(*key, rest),
            _ => return None,
        };
        Some((
            Self {
                keys: vec![*single],
                quorum: 1,
                ends_script,
            },
            rest,
        ))
    }

    fn parse_counting(first: [u8; 32], tokens: &[Token]) -> Option<(Self, &[Token])> {
        let mut keys = vec![first];
        let mut rest = tokens;
        while let [Token::Key(key), CHECKSIGADD, tail @ ..] = rest {
            keys.push(*key);
            rest = tail;
        }
        let (quorum, ends_script, rest) = match rest {
            [Token::Number(quorum), NUMEQUAL, rest @ ..] => (*quorum, true, rest),
            [Token::Number(quorum), NUMEQUALVERIFY, rest @ ..] => (*quorum, false, rest),
            _ => return None,
        };
        Some((
            Self {
                keys,
                quorum,
                ends_script,
            },
            rest,
        ))
    }

    fn into_committee(self) -> Result<CovenantCommittee, LeafError> {
        let keys: Vec<_> = self
            .keys
            .into_iter()
            .map(|key| CovenantKey::from_slice(&key))
            .collect::<Result<_, _>>()?;
        // A quorum that is no number of members is refused alike, negative ones as the largest.
        let quorum = u32::try_from(self.quorum).unwrap_or(u32::MAX);
        Ok(CovenantCommittee::new(keys, quorum)?)
    }
}
