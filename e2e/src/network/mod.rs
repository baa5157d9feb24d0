//! A whole network on one machine: real nodes, all four programs, and somebody who mines.
//!
//! [`Network::launch`] starts everything with a fresh chain id and fresh keys and leaves it running:
//! blocks of both chains come by themselves, the watchtower carries headers and checkpoints, the
//! committee looks for delegations, the finality providers have committed public randomness. Then
//! [`life_of_a_stake`] and [`equivocation`] play on it, telling an [`Audience`] what happens. The
//! command `cargo localnet` prints that to a person; a test checks every fact of it with the nodes.

mod audience;
mod launch;
mod miner;
mod story;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chain::babylon::Babylon;
use eots::SecretKey;
use staking::keys::FinalityProviderKey;

use self::miner::Miner;
use crate::programs::{
    BtcStakerProgram, CovenantProgram, FinalityProviderProgram, WatchtowerProgram,
};
use crate::{Babylond, Bitcoind, Daemon};

pub use self::audience::{Audience, Fact};
pub use self::story::{
    Activated, Broadcast, Burnt, Cosigned, Equivocated, EquivocationStory, Finalized, LifeOfAStake,
    Registered, Slashed, Stake, StakeTerms, Timestamped, Unbonded, Voted, Withdrawn, equivocation,
    life_of_a_stake,
};
pub use self::witness::{ChainTransaction, Mined};

/// What can be chosen about a network.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Rest between two Bitcoin blocks.
    pub bitcoin_block_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bitcoin_block_interval: Duration::from_secs(2),
        }
    }
}

/// A running network. Dropping it kills everything and removes all files.
pub struct Network {
    // Fields are dropped in this order: programs before the nodes that they talk to.
    _miner: Miner,
    /// The covenant committee: three members, two of whom are a quorum.
    pub committee: Vec<Running<CovenantProgram>>,
    /// Both finality providers, in one process.
    pub finality_provider: Running<FinalityProviderProgram>,
    /// The finality providers' keys.
    pub providers: [Provider; 2],
    /// One watchtower with all roles.
    pub watchtower: Running<WatchtowerProgram>,
    /// A holder with coins.
    pub staker: BtcStakerProgram,
    /// An account of nobody's, to ask the chain and to misbehave with.
    pub chain: Arc<Babylon>,
    /// The Babylon node.
    pub babylond: Babylond,
    /// The Bitcoin node.
    pub bitcoind: Bitcoind,
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
    /// Asks every program to stop, and the nodes after them. The files stay until the network is dropped.
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
        self.babylond.stop().await?;
        self.bitcoind.stop().await
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
        nodes.into_iter().chain(programs).collect()
    }
}
