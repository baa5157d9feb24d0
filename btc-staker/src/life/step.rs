//! What is next for a stake, and how it is told to people and scripts.

use std::fmt;

use bitcoin::Txid;
use staking::delegation::SlashedOutput;

use crate::blocks::Blocks;

/// What is next for a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is our turn.
    Act(Action),
    /// It is somebody else's turn.
    Wait(Waiting),
    /// What its owner wants has happened.
    Rest(Rest),
    /// It cannot go on; its owner must decide.
    Stuck(Obstacle),
}

/// Something that we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Register the stake on the chain.
    Register,
    /// Ask the members of the covenant committee for their signatures.
    Cosign,
    /// Sign and broadcast the staking transaction.
    Broadcast,
    /// Show the stake to the partner chains that do not know it.
    Show,
    /// Prove to the chain that the stake is on Bitcoin, or let it count there.
    Prove,
    /// Sign and broadcast the unbonding transaction.
    Unbond,
    /// Report to the chain that the stake was unbonded.
    ReportUnbonding,
    /// Broadcast the withdrawal again.
    Withdraw,
}

/// Something that we wait for. Numbers of blocks are those still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Signatures of the covenant committee.
    Committee {
        /// Members who have signed.
        signed: usize,
        /// Members who must sign.
        quorum: usize,
    },
    /// The staking transaction's block.
    Mining,
    /// Blocks on top of the staking transaction's.
    Depth {
        /// Blocks on top of it.
        depth: u32,
        /// Blocks that the chain asks for.
        required: u32,
    },
    /// The chain's Bitcoin light client, which has still to hear of so many blocks.
    LightClient(u32),
    /// So many blocks more, in which anybody may show a partner chain that the stake was spent.
    Challenge(u32),
    /// A partner chain that does not answer.
    Chain,
    /// A watchtower, which may prove the stake for so many blocks more before we do.
    Proof(u32),
    /// The unbonding transaction's block.
    UnbondingMining,
    /// A watchtower, which may report the unbonding for so many blocks more before we do.
    Report(u32),
    /// The withdrawal's block.
    WithdrawalMining,
}

/// A state that lasts. Numbers of blocks are those until the coins can be withdrawn, 0 being now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The stake gives voting power.
    Active(u32),
    /// Its timelock is about to end or has ended: it gives no power any more.
    Expired(u32),
    /// The chain does not count it any more, although its coins are still in the staking output.
    Ended(u32),
    /// It was unbonded.
    Unbonded(u32),
    /// It was slashed; what is left is the staker's.
    Slashed {
        /// Which output was slashed.
        output: SlashedOutput,
        /// Blocks until the rest can be withdrawn.
        blocks: u32,
    },
    /// A transaction in the mempool, which the journal does not know, moves its coins.
    Leaving(Txid),
    /// Its coins are back.
    Withdrawn,
    /// It was given up before it was made.
    Cancelled,
    /// Its coins have moved on, by a transaction that the journal does not know.
    Over,
}

/// Why a stake cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The finality provider was slashed before the stake was made.
    ProviderSlashed,
    /// The chain does not know the finality provider.
    ProviderUnknown,
    /// The parameters changed before the stake was registered.
    ParamsChanged {
        /// Version that the stake was built under.
        planned: u32,
        /// Version that governs now.
        governing: Option<u32>,
    },
    /// A partner chain that is to count it would not take it.
    NotTaken,
    /// It is on Bitcoin, but the chain does not know it. The coins can be withdrawn after so many blocks.
    NotRegistered(u32),
    /// It was to be unbonded but was never broadcast.
    NotBroadcast,
    /// Too little of the staking time is left for the chain to take the proof; so many blocks until it can be withdrawn.
    TooLateToProve(u32),
}

impl Step {
    /// The state of the stake in one word, for scripts.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Act(Action::Register) => "planned",
            Self::Act(Action::Cosign) | Self::Wait(Waiting::Committee { .. }) => "pending",
            Self::Act(Action::Broadcast) => "verified",
            Self::Wait(Waiting::Mining | Waiting::Depth { .. }) => "confirming",
            Self::Wait(
                Waiting::LightClient(_)
                | Waiting::Challenge(_)
                | Waiting::Proof(_)
                | Waiting::Chain,
            )
            | Self::Act(Action::Show | Action::Prove) => "activating",
            Self::Rest(Rest::Active(_)) => "active",
            Self::Rest(Rest::Expired(0) | Rest::Ended(0) | Rest::Unbonded(0)) => "withdrawable",
            Self::Rest(Rest::Expired(_)) => "expired",
            Self::Rest(Rest::Ended(_)) => "ended",
            Self::Act(Action::Unbond | Action::ReportUnbonding)
            | Self::Wait(Waiting::UnbondingMining | Waiting::Report(_)) => "unbonding",
            Self::Rest(Rest::Unbonded(_)) => "unbonded",
            Self::Rest(Rest::Slashed { .. }) => "slashed",
            Self::Act(Action::Withdraw)
            | Self::Wait(Waiting::WithdrawalMining)
            | Self::Rest(Rest::Leaving(_)) => "withdrawing",
            Self::Rest(Rest::Withdrawn) => "withdrawn",
            Self::Rest(Rest::Cancelled) => "cancelled",
            Self::Rest(Rest::Over) => "over",
            Self::Stuck(_) => "stuck",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(action) => action.fmt(f),
            Self::Wait(waiting) => waiting.fmt(f),
            Self::Rest(rest) => rest.fmt(f),
            Self::Stuck(obstacle) => obstacle.fmt(f),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "planned: it is to be registered on the chain",
            Self::Cosign => "the covenant committee is to be asked for its signatures",
            Self::Broadcast => {
                "signed by the committee: its staking transaction is to be broadcast"
            }
            Self::Show => "on Bitcoin: it is to be shown to partner chains",
            Self::Prove => "on Bitcoin: it is to be proven to the chain",
            Self::Unbond => "its unbonding transaction is to be broadcast",
            Self::ReportUnbonding => "unbonded on Bitcoin: it is to be reported to the chain",
            Self::Withdraw => "its withdrawal is to be broadcast again",
        })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Committee { signed, quorum } => {
                write!(
                    f,
                    "waiting for the covenant committee: {signed} of {quorum} signatures"
                )
            }
            Self::Mining => f.write_str("waiting for a block with the staking transaction"),
            Self::Depth { depth, required } => {
                write!(
                    f,
                    "waiting for blocks on top of the staking transaction: {depth} of {required}"
                )
            }
            Self::LightClient(blocks) => {
                write!(
                    f,
                    "waiting for the chain to hear of {blocks} more Bitcoin blocks"
                )
            }
            Self::Challenge(blocks) => write!(
                f,
                "waiting for {blocks} more blocks, in which anybody may show that it was spent"
            ),
            Self::Chain => f.write_str("waiting for a partner chain that does not answer"),
            Self::Proof(blocks) => write!(
                f,
                "waiting for a watchtower to prove it to the chain; after {blocks} more blocks we do it"
            ),
            Self::UnbondingMining => {
                f.write_str("waiting for a block with the unbonding transaction")
            }
            Self::Report(blocks) => write!(
                f,
                "waiting for a watchtower to report the unbonding; after {blocks} more blocks we do it"
            ),
            Self::WithdrawalMining => f.write_str("waiting for a block with the withdrawal"),
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(blocks) => {
                write!(f, "active: it gives voting power; ")?;
                withdrawable(f, *blocks)
            }
            Self::Expired(blocks) => {
                write!(f, "expired: it gives no voting power any more; ")?;
                withdrawable(f, *blocks)
            }
            Self::Ended(blocks) => {
                write!(
                    f,
                    "no longer counted by the chain, but still in the staking output; "
                )?;
                withdrawable(f, *blocks)
            }
            Self::Unbonded(blocks) => {
                write!(f, "unbonded; ")?;
                withdrawable(f, *blocks)
            }
            Self::Slashed { output, blocks } => {
                let output = match output {
                    SlashedOutput::Staking => "staking",
                    SlashedOutput::Unbonding => "unbonding",
                };
                write!(
                    f,
                    "slashed: the finality provider equivocated, and a part of the {output} output is lost; the rest "
                )?;
                withdrawable(f, *blocks)
            }
            Self::Leaving(txid) => {
                write!(f, "its coins are moved by {txid}, which is in no block yet")
            }
            Self::Withdrawn => f.write_str("withdrawn: its coins are back"),
            Self::Cancelled => f.write_str("cancelled: it was given up before it was made"),
            Self::Over => f.write_str("over: its coins have moved on"),
        }
    }
}

fn withdrawable(f: &mut fmt::Formatter<'_>, blocks: u32) -> fmt::Result {
    match blocks {
        0 => f.write_str("can be withdrawn now"),
        blocks => write!(f, "can be withdrawn in {}", Blocks(blocks)),
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProviderSlashed => f.write_str(
                "its finality provider was slashed, so it would be slashed too; cancel it and stake with another one",
            ),
            Self::ProviderUnknown => f.write_str(
                "the chain does not know its finality provider; cancel it and stake with another one",
            ),
            Self::ParamsChanged { planned, governing } => {
                write!(f, "it was built under version {planned} of the staking parameters, but ")?;
                match governing {
                    Some(version) => write!(f, "version {version} governs now")?,
                    None => f.write_str("none governs now")?,
                }
                f.write_str("; cancel it and stake again")
            }
            Self::NotTaken => f.write_str(
                "a partner chain that has a share in it does not take it any more; `btc-staker cancel` frees its coins, and \
                 `btc-staker params --chain` shows what the chain takes",
            ),
            Self::NotRegistered(blocks) => {
                f.write_str("it is on Bitcoin, but the chain does not know it; ")?;
                withdrawable(f, *blocks)
            }
            Self::NotBroadcast => {
                f.write_str("it was never broadcast, so there is nothing to unbond; cancel it instead")
            }
            Self::TooLateToProve(blocks) => {
                f.write_str("too little of its staking time is left for the chain to take it; ")?;
                withdrawable(f, *blocks)
            }
        }
    }
}
