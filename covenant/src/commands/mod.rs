//! The commands, one module each: they read what the user gave, call the library and put the outcome into words.

mod audit;
mod chain;
mod failure;
mod init;
mod keys;
mod offline;
mod params;
mod record;
mod signer;
mod start;
mod status;
mod unlock;

use daemon::output::{Answer, CommandError};
use daemon::parked;
use daemon::program::Context;

use crate::cli::Command;
use crate::config::Config;
use crate::home::Home;

/// Carries out one command.
pub(crate) async fn execute(command: Command, context: &Context) -> Result<Answer, CommandError> {
    match command {
        Command::VerifyAdaptorSignature => offline::verify_adaptor_signature(),
        Command::CheckDelegation => offline::check_delegation(),
        Command::Init => init::init(context),
        Command::Keys(command) => keys::execute(command, &context.config()?, &home(context)?),
        Command::Audit(command) => audit::execute(&command, &home(context)?),
        Command::Parked(command) => parked::execute(command, &home(context)?.parked()),
        Command::Params => params::show(&context.config()?).await,
        Command::Record(command) => {
            record::execute(command, &context.config()?, &home(context)?).await
        }
        Command::Status => status::show(&context.config()?, &home(context)?).await,
        Command::Signer(passphrase) => {
            signer::serve(context, context.config()?, home(context)?, passphrase).await
        }
        Command::Start(passphrases) => {
            let config: Config = context.config()?;
            start::start(context, config, home(context)?, passphrases).await
        }
    }
}

fn home(context: &Context) -> Result<Home, CommandError> {
    Ok(Home::new(context.home()?))
}
