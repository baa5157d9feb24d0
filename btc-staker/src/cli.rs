//! The command line.

use std::io;

use clap::Subcommand;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;

use crate::commands;

/// What the program can be told to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the home directory with a commented configuration
    #[command(after_help = "Example:\n  btc-staker init --home ~/stakes")]
    Init,

    /// The seed and the coins
    #[command(subcommand)]
    Wallet(commands::wallet::WalletCommand),

    /// List the finality providers to stake with
    #[command(
        after_help = "Examples:\n  btc-staker providers --json\n  btc-staker providers --chain x"
    )]
    Providers(commands::providers::Providers),

    /// Show the parameters that would govern a stake made now
    #[command(after_help = "Examples:\n  btc-staker params\n  btc-staker params --chain x")]
    Params(commands::params::ParamsCommand),

    /// Stake bitcoin: wait for the covenant committee's signatures, broadcast, wait until it is active; on Babylon, or with
    /// --chain or --share on partner chains alone
    #[command(
        after_help = "Examples:\n  btc-staker stake --amount 0.01BTC --finality-provider d9b9… --staking-time 64000 --dry-run\n  btc-staker stake --amount 1000000 --finality-provider d9b9… --staking-time 64000 --yes --no-wait\n  btc-staker stake --amount 0.01BTC --finality-provider d9b9… --staking-time 64000 --share x=0.6 --share y=0.4"
    )]
    Stake(commands::stake::Stake),

    /// Show a stake to partner chains, each with its share; no coin moves
    #[command(
        after_help = "Examples:\n  btc-staker restake 7d90… --share x=0.5 --share y=0.5 --dry-run\n  btc-staker restake 7d90… --share x=50% --reward-address x=wasm1… --yes"
    )]
    Restake(commands::restake::Restake),

    /// Say what partner chains count of stakes, and with whom they are shared
    #[command(after_help = "Examples:\n  btc-staker exposure\n  btc-staker exposure 7d90… --json")]
    Exposure(commands::exposure::Exposure),

    /// Show what stakes have earned on partner chains, or claim it
    #[command(after_help = "Examples:\n  btc-staker rewards\n  btc-staker rewards 7d90… --claim")]
    Rewards(commands::rewards::Rewards),

    /// Go on with stakes that were begun
    #[command(after_help = "Examples:\n  btc-staker resume\n  btc-staker resume --no-wait")]
    Resume(commands::resume::Resume),

    /// List all stakes and what they wait for
    #[command(after_help = "Example:\n  btc-staker list --json")]
    List,

    /// Say where a stake is and what it waits for
    #[command(after_help = "Example:\n  btc-staker status 7d90…")]
    Status(commands::status::Status),

    /// End a stake early: its coins are free after the unbonding time
    #[command(after_help = "Example:\n  btc-staker unbond 7d90… --yes")]
    Unbond(commands::unbond::Unbond),

    /// Take a stake's coins back once their timelock is over
    #[command(
        after_help = "Examples:\n  btc-staker withdraw 7d90…\n  btc-staker withdraw 7d90… --to bc1p… --fee-rate 5"
    )]
    Withdraw(commands::withdraw::Withdraw),

    /// Give up a stake that was not broadcast and free its coins
    #[command(after_help = "Example:\n  btc-staker cancel 7d90…")]
    Cancel(commands::cancel::Cancel),

    /// Tell what a Bitcoin transaction is to the staking protocol, offline
    #[command(after_help = "Example:\n  btc-staker inspect --network mainnet 0200000000010123…")]
    Inspect(commands::inspect::Inspect),

    /// Build all scripts and transactions of a delegation, offline, from a JSON object on stdin
    #[command(after_help = "Example:\n  btc-staker scripts --json < delegation.json")]
    Scripts,
}

impl Command {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        match self {
            Self::Init => commands::init::execute(context),
            Self::Wallet(command) => command.execute(context).await,
            Self::Providers(providers) => providers.execute(context).await,
            Self::Params(params) => params.execute(context).await,
            Self::Stake(stake) => Box::pin(stake.execute(context)).await,
            Self::Restake(restake) => Box::pin(restake.execute(context)).await,
            Self::Exposure(exposure) => exposure.execute(context).await,
            Self::Rewards(rewards) => Box::pin(rewards.execute(context)).await,
            Self::Resume(resume) => Box::pin(resume.execute(context)).await,
            Self::List => commands::list::execute(context).await,
            Self::Status(status) => Box::pin(status.execute(context)).await,
            Self::Unbond(unbond) => Box::pin(unbond.execute(context)).await,
            Self::Withdraw(withdraw) => Box::pin(withdraw.execute(context)).await,
            Self::Cancel(cancel) => Box::pin(cancel.execute(context)).await,
            Self::Inspect(inspect) => inspect.execute(),
            Self::Scripts => commands::scripts::execute(io::stdin().lock()),
        }
    }
}
