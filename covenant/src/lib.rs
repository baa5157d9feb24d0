//! The program of covenant committee members.
//!
//! A member co-signs every delegation that keeps the rules, in advance: the unbonding transaction plainly, the slashing
//! transactions encrypted to the finality provider's key. [`service`] polls the chain for pending delegations, decides
//! what to do with each ([`service::decide`]), has the [`signer`] sign in parallel and submits in batches. [`stakers`]
//! serves those who stake without a hub and ask directly. The signer trusts neither: it rebuilds and checks everything
//! itself, keeps a durable record of what it signed, and an [`audit`] log. It runs in the same process or in one of its
//! own.

pub mod audit;
pub mod cli;
mod commands;
pub mod config;
pub mod home;
pub mod metrics;
pub mod offline;
pub mod service;
pub mod signer;
pub mod stakers;
pub mod startup;

use daemon::output::{Answer, CommandError};
use daemon::program::{Context, Program};

/// The program `covenant`.
#[derive(Debug, Clone, Copy)]
pub struct Covenant;

impl Program for Covenant {
    const NAME: &'static str = config::PROGRAM;
    const ABOUT: &'static str =
        "Checks delegations and co-signs them for a covenant committee member";
    const CONFIG_TEMPLATE: &'static str = config::TEMPLATE;
    type Command = cli::Command;
    type Config = config::Config;

    async fn execute(command: cli::Command, context: Context) -> Result<Answer, CommandError> {
        commands::execute(command, &context).await
    }
}
