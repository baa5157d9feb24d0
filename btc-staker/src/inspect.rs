//! What a Bitcoin transaction is to the staking protocol, told from the transaction and a network's known parameters.

use std::fmt;

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Amount, OutPoint, Transaction, Txid};
use serde::Serialize;
use staking::delegation::SlashedOutput;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::network::NetworkProfile;
use staking::recognise::{Finding, NearMiss, Recogniser, WithdrawnOutput};
use staking::units::BlockInterval;

use crate::blocks::Blocks;

/// What was found in a transaction. Amounts in satoshi, timelocks in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Id of the transaction.
    pub txid: Txid,
    /// The network by whose parameters it was judged.
    pub network: String,
    /// What it is first of all; `None` where it is nothing to the protocol.
    pub kind: Option<&'static str>,
    /// Everything it is.
    pub findings: Vec<Found>,
    /// What it only looks like, and why.
    pub near_misses: Vec<Missed>,
}

/// One thing that a transaction is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Found {
    /// It creates a stake.
    Staking {
        /// The staking output.
        outpoint: OutPoint,
        /// Its value.
        value_sat: u64,
        /// Key of the staker.
        staker: StakerKey,
        /// The chosen finality providers.
        finality_providers: Vec<FinalityProviderKey>,
        /// Timelock of the staking output.
        staking_time: BlockInterval,
        /// Parameters that it may be under.
        params_versions: Vec<u32>,
    },
    /// It creates a stake out of another one.
    Expansion {
        /// The previous stake.
        previous: OutPoint,
        /// The new stake.
        outpoint: OutPoint,
        /// Value of the new stake.
        value_sat: u64,
        /// Key of the staker.
        staker: StakerKey,
        /// Timelock of the new stake, where it can be told.
        staking_time: Option<BlockInterval>,
        /// Parameters that it may be under.
        params_versions: Vec<u32>,
    },
    /// It unbonds a stake early.
    Unbonding {
        /// The stake.
        staking_outpoint: OutPoint,
        /// Value of the unbonding output.
        value_sat: u64,
        /// Key of the staker.
        staker: StakerKey,
        /// Timelock of the unbonding output.
        unbonding_time: BlockInterval,
        /// Committee members who signed.
        covenant_signers: Vec<CovenantKey>,
        /// Parameters that it may be under.
        params_versions: Vec<u32>,
    },
    /// It slashes a stake.
    Slashing {
        /// The slashed output.
        spent: OutPoint,
        /// `staking` or `unbonding`.
        output: &'static str,
        /// Key of the staker.
        staker: StakerKey,
        /// The finality provider who equivocated.
        finality_provider: Option<FinalityProviderKey>,
        /// What was taken.
        slashed_sat: u64,
        /// What is left for the staker.
        change_sat: u64,
        /// Committee members whose signatures were used.
        covenant_signers: Vec<CovenantKey>,
        /// Parameters that it may be under.
        params_versions: Vec<u32>,
    },
    /// It takes coins back after a timelock.
    Withdrawal {
        /// The output taken back.
        spent: OutPoint,
        /// `staking`, `unbonding` or `slashing-change`.
        output: &'static str,
        /// Key of the staker.
        staker: StakerKey,
        /// The timelock.
        timelock: BlockInterval,
        /// Parameters that it may be under.
        params_versions: Vec<u32>,
    },
    /// Something that a later version of the protocol knows.
    Other,
}

/// Something that a transaction only looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// What it looks like.
    pub kind: String,
    /// Which input looks so; `None` where it is about outputs.
    pub input: Option<OutPoint>,
    /// Why it is none.
    pub reason: String,
}

/// Text that is no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the argument is no transaction in hex: {0}")]
pub struct MalformedTransaction(String);

/// Tells what the transaction `hex` is on the network of `profile`.
///
/// # Errors
///
/// Refuses text that is not exactly one transaction.
pub fn inspect(hex: &str, profile: &NetworkProfile) -> Result<Report, MalformedTransaction> {
    let transaction: Transaction =
        deserialize_hex(hex.trim()).map_err(|error| MalformedTransaction(error.to_string()))?;
    let recogniser = Recogniser::new(&profile.params).with_phase1_tag(profile.phase1_tag);
    let recognition = recogniser.recognise(&transaction);
    let findings: Vec<Found> = recognition.findings.into_iter().map(Found::from).collect();
    Ok(Report {
        txid: transaction.compute_txid(),
        network: profile.name.clone(),
        kind: findings.first().map(Found::kind),
        findings,
        near_misses: recognition
            .near_misses
            .into_iter()
            .map(Missed::from)
            .collect(),
    })
}

impl Found {
    fn kind(&self) -> &'static str {
        match self {
            Self::Staking { .. } => "staking",
            Self::Expansion { .. } => "expansion",
            Self::Unbonding { .. } => "unbonding",
            Self::Slashing { .. } => "slashing",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Other => "other",
        }
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Staking(stake) => Self::Staking {
                outpoint: stake.outpoint,
                value_sat: stake.value.to_sat(),
                staker: stake.staker,
                finality_providers: stake.finality_providers,
                staking_time: stake.staking_time,
                params_versions: stake.params_versions,
            },
            Finding::Expansion(expansion) => Self::Expansion {
                previous: expansion.previous,
                outpoint: expansion.stake,
                value_sat: expansion.value.to_sat(),
                staker: expansion.staker,
                staking_time: expansion.staking_time,
                params_versions: expansion.params_versions,
            },
            Finding::Unbonding(unbonding) => Self::Unbonding {
                staking_outpoint: unbonding.staking_outpoint,
                value_sat: unbonding.value.to_sat(),
                staker: unbonding.staker,
                unbonding_time: unbonding.unbonding_time,
                covenant_signers: unbonding.signers,
                params_versions: unbonding.params_versions,
            },
            Finding::Slashing(slashing) => Self::Slashing {
                spent: slashing.spent,
                output: match slashing.output {
                    SlashedOutput::Staking => "staking",
                    SlashedOutput::Unbonding => "unbonding",
                },
                staker: slashing.staker,
                finality_provider: slashing.finality_provider,
                slashed_sat: slashing.slashed.to_sat(),
                change_sat: slashing.change.to_sat(),
                covenant_signers: slashing.signers,
                params_versions: slashing.params_versions,
            },
            Finding::Withdrawal(withdrawal) => Self::Withdrawal {
                spent: withdrawal.spent,
                output: match withdrawal.output {
                    WithdrawnOutput::Staking => "staking",
                    WithdrawnOutput::Unbonding => "unbonding",
                    WithdrawnOutput::SlashingChange => "slashing-change",
                },
                staker: withdrawal.staker,
                timelock: withdrawal.timelock,
                params_versions: withdrawal.params_versions,
            },
            _ => Self::Other,
        }
    }
}

impl From<NearMiss> for Missed {
    fn from(miss: NearMiss) -> Self {
        Self {
            kind: miss.kind.to_string(),
            input: miss.input,
            reason: miss.reason.to_string(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "transaction {}", self.txid)?;
        if self.findings.is_empty() {
            writeln!(f, "nothing of the staking protocol on {}", self.network)?;
        }
        for found in &self.findings {
            writeln!(f, "{found}")?;
        }
        for Missed {
            kind,
            input,
            reason,
        } in &self.near_misses
        {
            match input {
                Some(input) => writeln!(
                    f,
                    "the spend of {input} looks like {kind} but is not: {reason}"
                )?,
                None => writeln!(f, "it looks like {kind} but is not: {reason}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_sat;
        let blocks = |interval: &BlockInterval| Blocks(u32::from(*interval));
        match self {
            Self::Staking {
                outpoint,
                value_sat,
                staker,
                finality_providers,
                staking_time,
                ..
            } => {
                writeln!(f, "stakes {} in {outpoint}", amount(*value_sat))?;
                writeln!(f, "  staker {staker}")?;
                for provider in finality_providers {
                    writeln!(f, "  finality provider {provider}")?;
                }
                write!(f, "  for {}", blocks(staking_time))
            }
            Self::Expansion {
                previous,
                outpoint,
                value_sat,
                staker,
                ..
            } => write!(
                f,
                "expands stake {previous} to {} in {outpoint}\n  staker {staker}",
                amount(*value_sat)
            ),
            Self::Unbonding {
                staking_outpoint,
                value_sat,
                staker,
                unbonding_time,
                covenant_signers,
                ..
            } => write!(
                f,
                "unbonds stake {staking_outpoint}: {}, free after {}\n  staker {staker}\n  signed by {} covenant members",
                amount(*value_sat),
                blocks(unbonding_time),
                covenant_signers.len()
            ),
            Self::Slashing {
                spent,
                output,
                staker,
                finality_provider,
                slashed_sat,
                change_sat,
                ..
            } => {
                write!(
                    f,
                    "slashes {output} output {spent}: takes {}, leaves {}\n  staker {staker}",
                    amount(*slashed_sat),
                    amount(*change_sat)
                )?;
                match finality_provider {
                    Some(provider) => write!(f, "\n  finality provider {provider}"),
                    None => Ok(()),
                }
            }
            Self::Withdrawal {
                spent,
                output,
                staker,
                timelock,
                ..
            } => write!(
                f,
                "withdraws {output} output {spent} after {}\n  staker {staker}",
                blocks(timelock)
            ),
            Self::Other => {
                f.write_str("something that this version of the program has no words for")
            }
        }
    }
}
