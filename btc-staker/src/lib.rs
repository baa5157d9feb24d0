//! The program of BTC holders: stake, restake, unbond, withdraw.
//!
//! ```text
//!  commands ──> proposal: a stake planned and summarised ──consent──> journal: what its owner wants
//!      │                                                                 │
//!      │                       nodes: Bitcoin, chain ──observe──> life: decide ──> act, wait, rest
//!      ├──> withdrawal: coins taken back after a timelock                │
//!      └──> restake: a stake shown to partner chains ──consent──> record │
//!                                                          seed: keys, only while something is signed
//! ```
//!
//! A stake is registered before it is broadcast (pre-approval, spec 2.8), so its coins do not move until the covenant
//! committee has signed the way back. [`staker`] puts the parts together; [`scripts`] and [`inspect`] need no node.

pub mod blocks;
pub mod cli;
pub mod commands;
pub mod config;
pub mod durable;
pub mod error;
pub mod home;
pub mod inspect;
pub mod journal;
pub mod ledger;
pub mod life;
pub mod nodes;
pub mod printable;
pub mod proposal;
pub mod restake;
pub mod scripts;
pub mod seed;
pub mod staker;
pub mod withdrawal;

use daemon::output::{Answer, CommandError};
use daemon::program::{Context, Program};

/// The program.
#[derive(Debug, Clone, Copy)]
pub struct BtcStaker;

impl Program for BtcStaker {
    const NAME: &'static str = "btc-staker";
    const ABOUT: &'static str = "Stakes bitcoin to secure other chains, without giving it away";
    const CONFIG_TEMPLATE: &'static str = config::TEMPLATE;
    type Command = cli::Command;
    type Config = config::Config;

    async fn execute(command: cli::Command, context: Context) -> Result<Answer, CommandError> {
        command.execute(&context).await
    }
}
