//! `wallet new`: a new seed.

use std::fmt;

use bitcoin_source::{BitcoinSource as _, Bitcoind};
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use keystore::Seed;
use serde::Serialize;
use staking::keys::StakerKey;
use staking::units::BitcoinHeight;

use crate::commands::arguments::Unlock;
use crate::error::Error;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::restake::ConsentRecord;
use crate::restake::number::Origin;
use crate::seed::{Keys, SeedError, SeedFile};
use crate::staker::Staker;

/// Arguments of `wallet new`.
#[derive(Debug, Args)]
pub struct New {
    #[command(flatten)]
    unlock: Unlock,
}

/// A new wallet, with the words of its seed.
#[derive(Serialize)]
struct NewWallet {
    words: String,
    bitcoin_address: String,
    account: String,
    staker_key: StakerKey,
    birthday: BitcoinHeight,
}

impl New {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        // Said before the passphrase is asked for.
        if staker.home.seed_file().exists() {
            return Err(Error::from(wallet::WalletError::Exists).into());
        }
        let bitcoin = Bitcoind::connect(&staker.config.bitcoin)
            .await
            .map_err(Error::from)?;
        let birthday = bitcoin.tip().await.map_err(Error::from)?.height;
        let keys = Keys::new(Seed::generate(), staker.networks()).map_err(Error::from)?;
        let mut ledger = store(&staker, &keys, &self.unlock, birthday, Origin::Made).await?;
        let bitcoin_address = ledger
            .wallet
            .next_address()
            .map_err(Error::from)?
            .to_string();
        Ok(NewWallet {
            words: keys.seed().expose().to_string(),
            bitcoin_address,
            account: keys.identity().account.to_string(),
            staker_key: keys.identity().staker,
            birthday,
        }
        .into())
    }
}

/// Encrypts the seed into its file and makes the wallet.
pub(super) async fn store(
    staker: &Staker,
    keys: &Keys,
    unlock: &Unlock,
    birthday: BitcoinHeight,
    origin: Origin,
) -> Result<Ledger, Error> {
    let path = staker.home.seed_file();
    let source = staker.passphrase_source(unlock.passphrase_source.as_ref());
    let passphrase = source.read_new("the new seed").map_err(SeedError::from)?;
    Ledger::create(&staker.home, staker.owner(), keys, birthday, || {
        note_origin(&staker.home, origin)?;
        SeedFile::create(&path, keys, &passphrase)
            .map(drop)
            .map_err(Error::from)
    })
    .await
}

/// Notes how a home comes to its stakes, before there are any.
pub(super) fn note_origin(home: &Home, origin: Origin) -> Result<(), Error> {
    let record = ConsentRecord::begin_now(&home.consents(), origin)?;
    if origin == Origin::Restored {
        record.mark_restored()?;
    }
    Ok(())
}

impl fmt::Display for NewWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Write these words down and keep them safe. They are shown only once, and whoever has them has the coins:\n"
        )?;
        let words: Vec<_> = self.words.split(' ').collect();
        for (line, chunk) in words.chunks(4).enumerate() {
            for (column, word) in chunk.iter().enumerate() {
                write!(f, "  {:>2} {word:<10}", line * 4 + column + 1)?;
            }
            writeln!(f)?;
        }
        writeln!(f, "\nbitcoin address  {}", self.bitcoin_address)?;
        writeln!(f, "account for gas  {}", self.account)?;
        write!(f, "staker key       {}", self.staker_key)
    }
}
