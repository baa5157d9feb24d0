//! A whole network on one machine: real nodes, all four programs, and somebody who mines.
//!
//! [`Network::launch`] starts everything with a fresh chain id and fresh keys and leaves it running:
//! blocks of both chains come by themselves, the watchtower carries headers and checkpoints, the
//! committee looks for delegations, the finality providers have committed public randomness. Then
//! [`life_of_a_stake`] and [`equivocation`] play on it, telling an [`Audience`] what happens. With
//! [`Settings::mesh`] there are partner chains beside Babylon, served by the same processes, and
//! [`one_stake_three_chains`] plays. The command `cargo localnet` prints that to a person; tests check
//! every fact of it with the nodes.

mod audience;
mod launch;
mod miner;
mod partner;
mod story;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chain::babylon::Babylon;
use eots::SecretKey;
use staking::keys::FinalityProviderKey;

use self::miner::Miner;
use crate::programs::{
    BtcStakerProgram, CovenantProgram, FinalityProviderProgram, WatchtowerProgram,
};
use crate::{Babylond, Bitcoind, Daemon, Wasmd};

pub use self::audience::{Audience, Fact};
pub use self::partner::Partner;
pub use self::story::{
    Activated, Broadcast, BurnSent, Burnt, Checkpoints, Claimed, Cosigned, DoubleVoted,
    Equivocated, EquivocationStory, Finalized, LifeOfAStake, MeshStory, Outcome, Powered,
    Powerless, Registered, Restaked, Row, Slashed, Stake, StakeTerms, Timestamped, Unbonded, Voted,
    Withdrawn, equivocation, life_of_a_stake, one_stake_three_chains,
};
pub use self::witness::{ChainTransaction, Mined};

/// What can be chosen about a network. The default is Bitcoin and Babylon alone.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rest between two Bitcoin blocks.
    pub bitcoin_block_interval: Duration,
    /// How long an unbonding or slashed stake stays locked, in Bitcoin blocks.
    pub unbonding_time: u16,
    /// The finality providers, as their configuration names them.
    pub providers: &'static [&'static str],
    /// The partner chains, as the programs' configurations name them.
    pub partners: &'static [&'static str],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bitcoin_block_interval: Duration::from_secs(2),
            unbonding_time: 5,
            providers: &["provider-1", "provider-2"],
            partners: &[],
        }
    }
}

impl Settings {
    /// Two partner chains beside Babylon. There are four providers, so that with equal stakes blocks go on becoming final
    /// without one of them; and unbonding takes as long as the partner chains need to slash.
    pub fn mesh() -> Self {
        Self {
            unbonding_time: 144,
            providers: &["provider-1", "provider-2", "provider-3", "provider-4"],
            partners: &["x", "y"],
            ..Self::default()
        }
    }
}

/// A running network. Dropping it kills everything and removes all files.
pub struct Network {
    // Fields are dropped in this order: programs before the nodes that they talk to.
    _miner: Miner,
    /// What was chosen.
    pub settings: Settings,
    /// The covenant committee: three members, two of whom are a quorum.
    pub committee: Vec<Running<CovenantProgram>>,
    /// All finality providers, in one process.
    pub finality_provider: Running<FinalityProviderProgram>,
    /// The finality providers' keys, in the order of [`Settings::providers`].
    pub providers: Vec<Provider>,
    /// One watchtower with all roles.
    pub watchtower: Running<WatchtowerProgram>,
    /// A holder with coins.
    pub staker: BtcStakerProgram,
    /// An account of nobody's, to ask the chain and to misbehave with.
    pub chain: Arc<Babylon>,
    /// The partner chains, in the order of [`Settings::partners`].
    pub partners: Vec<Partner>,
    /// Nodes of partner chains that were stopped.
    stopped: Vec<Wasmd>,
    /// The Babylon node.
    pub babylond: Babylond,
    /// The Bitcoin node, which partner chains hold, too.
    pub bitcoind: Arc<Bitcoind>,
}

/// A program's home with the process that runs on it.
pub struct Running<P> {
    /// Configuration, keys, data, and the program's other commands.
    pub home: P,
    /// The process.
    pub daemon: Daemon,
}

/// A finality provider whose secret the network knows, to let it equivocate.
pub struct Provider {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its public key.
    pub key: FinalityProviderKey,
    pub(crate) secret: SecretKey,
}

impl Network {
    /// Asks every program to stop, and the nodes after them. The files stay until the network is dropped; partner chains
    /// are forgotten.
    ///
    /// # Errors
    ///
    /// When something does not stop; dropping kills it then.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        let members = self.committee.iter_mut().map(|member| &mut member.daemon);
        let others = [
            &mut self.finality_provider.daemon,
            &mut self.watchtower.daemon,
        ];
        for daemon in others.into_iter().chain(members) {
            daemon.terminate(PATIENCE).await?;
        }
        // They hold the Bitcoin node, too.
        for partner in self.partners.drain(..) {
            let mut node = partner.chain.wasmd;
            node.stop().await?;
            self.stopped.push(node);
        }
        self.babylond.stop().await?;
        self.bitcoind_alone()?.stop().await
    }

    /// The Bitcoin node, to stop and start it.
    ///
    /// # Errors
    ///
    /// When partner chains hold it.
    pub fn bitcoind_alone(&mut self) -> anyhow::Result<&mut Bitcoind> {
        Arc::get_mut(&mut self.bitcoind).context("partner chains hold the Bitcoin node")
    }

    /// Every process of ours by name, with its log.
    pub fn logs(&self) -> Vec<(String, PathBuf)> {
        let members = self.committee.iter().enumerate();
        let members = members.map(|(index, member)| (format!("covenant {index}"), &member.daemon));
        let others = [
            (
                "finality-provider".to_owned(),
                &self.finality_provider.daemon,
            ),
            ("watchtower".to_owned(), &self.watchtower.daemon),
        ];
        let programs = members.chain(others);
        let programs = programs.map(|(name, daemon)| (name, daemon.log().to_owned()));
        let nodes = [
            ("bitcoind".to_owned(), self.bitcoind.log()),
            ("babylond".to_owned(), self.babylond.log()),
        ];
        let partners = self.partners.iter();
        let partners =
            partners.map(|partner| (format!("wasmd {}", partner.name), partner.chain.wasmd.log()));
        let nodes = nodes.into_iter().chain(partners);
        nodes.chain(programs).collect()
    }
}
