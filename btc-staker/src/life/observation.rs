//! What the nodes say of one stake at one moment.

use bitcoin::Txid;
use chain::DelegationStatus;
use staking::delegation::SlashedOutput;
use staking::units::{BitcoinHeight, BlockInterval};

/// What the nodes say of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Tip of the Bitcoin node.
    pub tip: BitcoinHeight,
    /// Newest Bitcoin header that the chain knows.
    pub light_client_tip: BitcoinHeight,
    /// Blocks on top of a stake's block before the chain counts it (k).
    pub confirmation_depth: u32,
    /// Blocks on top of a spend's block before the chain takes a report of it.
    pub spend_depth: u32,
    /// Version of the parameters that would govern a stake registered now; `None` where there is none.
    pub governing_params: Option<u32>,
    /// The chosen finality provider.
    pub provider: ProviderState,
    /// Whether the chain, which is to count a stake without a hub, says that it would not take it.
    pub declined: bool,
    /// What the chain knows of the stake; `None` where it does not know it.
    pub registration: Option<Registration>,
    /// The committee's signatures that we have ourselves; `None` where a hub collects them.
    pub held: Option<Held>,
    /// Where the stake's coins are.
    pub position: Position,
    /// Where the transaction that takes them back is; `None` where there is none, or nobody has it.
    pub withdrawal: Option<Place>,
}

/// A finality provider as somebody sees it who stakes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderState {
    /// It takes part, or may.
    Good,
    /// Out of the active set for a while: stakes with it are safe but have no power.
    Jailed,
    /// It equivocated: stakes with it are slashed.
    Slashed,
    /// The chain does not know it.
    Unknown,
    /// The chain does not answer, and what else is seen of it says nothing.
    Silent,
}

/// The committee's signatures of a stake without a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Held {
    /// Members of whom every signature is there and valid.
    pub signed: usize,
    /// Members who must sign.
    pub quorum: usize,
}

impl Held {
    /// Whether the stake can be unbonded and slashed with them.
    pub fn is_quorum(self) -> bool {
        self.signed >= self.quorum
    }
}

/// A stake on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// Where the chain sees it.
    pub status: DelegationStatus,
    /// Bitcoin's height from which an activation lets it count, where the chain has taken its inclusion already.
    pub counts_from: Option<BitcoinHeight>,
    /// Committee members of whom every signature is there and valid.
    pub signed: usize,
    /// Members who must sign.
    pub quorum: usize,
}

/// In a block, or on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the mempool.
    Mempool,
    /// In the block at this height.
    Block(BitcoinHeight),
}

/// Where the coins of a stake are on Bitcoin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Position {
    /// Nowhere to be seen: the stake was not broadcast, or its coins have moved on in a block.
    Nowhere,
    /// In the staking output.
    Staked(Place),
    /// In the unbonding output.
    Unbonding(Place),
    /// In the change of a slashing.
    Slashed(SlashedOutput, Place),
    /// Being moved on by a transaction in the mempool that is none of the above.
    Leaving(Txid),
}

/// What a stake was agreed on, as far as its life depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Timelock of the unbonding output and of the slashing change.
    pub unbonding_time: BlockInterval,
    /// Version of the parameters it was built under.
    pub params_version: u32,
    /// Blocks that watchtowers get to prove it or report its end.
    pub patience: u32,
}

impl Place {
    /// Number of blocks that confirm it when the tip is `tip`: 0 in the mempool, 1 in the tip.
    pub fn confirmations(self, tip: BitcoinHeight) -> u32 {
        match self {
            Self::Mempool => 0,
            Self::Block(height) => height
                .depth_below(tip)
                .map_or(0, |depth| depth.saturating_add(1)),
        }
    }

    /// Blocks until a timelock on it is over; 0 where it is. The block that is made next may hold the spend, so as many
    /// confirmations as the timelock has blocks are enough.
    pub fn remaining(self, timelock: BlockInterval, tip: BitcoinHeight) -> u32 {
        u32::from(timelock).saturating_sub(self.confirmations(tip))
    }
}
