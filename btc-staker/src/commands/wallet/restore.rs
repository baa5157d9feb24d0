//! `wallet restore`: the seed from its words, and everything else from the seed and the chains.

use std::fmt;

use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::StakerKey;
use staking::units::BitcoinHeight;

use super::new::{note_origin, store};
use super::sync::{Found, sync_all};
use super::words::WordsSource;
use crate::commands::arguments::Unlock;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::restake::number::Origin;
use crate::seed::Keys;
use crate::staker::Staker;

/// Arguments of `wallet restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Where the words are: stdin, file:PATH or fd:NUMBER. Not needed where keys/seed.key is there already
    #[arg(long, value_name = "SOURCE", default_value = "stdin")]
    words_source: WordsSource,

    /// Bitcoin height before the first coin; blocks below it are not read
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    birthday: u32,

    #[command(flatten)]
    unlock: Unlock,
}

#[derive(Serialize)]
struct Restored {
    account: String,
    staker_key: StakerKey,
    #[serde(flatten)]
    found: Option<Found>,
    /// Why the chains were not read to their end; `wallet sync --find-stakes` goes on.
    unfinished: Option<String>,
}

impl Restore {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let birthday = BitcoinHeight(self.birthday);
        let source = staker.passphrase_source(self.unlock.passphrase_source.as_ref());
        let (keys, ledger) = if staker.home.seed_file().exists() {
            let keys = staker.unlock(&source)?;
            let owner = staker.owner();
            let ledger = Ledger::create(&staker.home, owner, &keys, birthday, || {
                note_origin(&staker.home, Origin::Restored)
            });
            (keys.clone(), ledger.await?)
        } else {
            let seed = self.words_source.read()?;
            let keys = Keys::new(seed, staker.networks()).map_err(Error::from)?;
            let ledger = store(&staker, &keys, &self.unlock, birthday, Origin::Restored).await?;
            (keys, ledger)
        };
        drop(ledger);
        let outcome = sync_all(&staker).await;
        let mut restored = Restored {
            account: keys.identity().account.to_string(),
            staker_key: keys.identity().staker,
            found: None,
            unfinished: None,
        };
        match outcome {
            Ok(found) => {
                restored.found = Some(found);
                Ok(restored.into())
            }
            Err(error) => {
                restored.unfinished = Some(error.to_string());
                Ok(Answer::partial(restored))
            }
        }
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "account for gas  {}", self.account)?;
        writeln!(f, "staker key       {}", self.staker_key)?;
        match (&self.found, &self.unfinished) {
            (Some(found), _) => found.fmt(f),
            (None, Some(reason)) => write!(
                f,
                "The seed is restored, but coins and stakes are not found yet: {reason}\n\
                 Run `btc-staker wallet sync --find-stakes` to go on."
            ),
            (None, None) => Ok(()),
        }
    }
}
