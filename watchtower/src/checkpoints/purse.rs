//! The wallet that pays for checkpoints.

use std::sync::Arc;

use bitcoin::{Address, Amount, Network};
use bitcoin_source::RpcClient;
use daemon::output::{CommandError, Exit};
use keystore::Seed;
use staking::units::BitcoinHeight;
use wallet::{Wallet, WalletError};

use crate::store::StoreError;

/// The table of the wallet in the database of progress.
const TREE: &str = "wallet";

/// An unlocked wallet.
#[derive(Debug)]
pub struct Purse {
    pub(super) wallet: Wallet,
}

/// Opens the seed's wallet. Where its data was deleted it is made again, to be synced from the chain's beginning.
pub fn open(database: &sled::Db, seed: &Seed, network: Network) -> Result<Purse, CommandError> {
    match Wallet::open(tree(database)?, network) {
        Err(WalletError::Missing) => {
            tracing::warn!(
                "there is no wallet data: it is rebuilt from the blocks, which takes a while"
            );
            Purse::create(database, seed, network, BitcoinHeight(0))
        }
        Ok(mut wallet) => {
            wallet.unlock(seed.expose()).map_err(failed)?;
            Ok(Purse { wallet })
        }
        Err(error) => Err(failed(error)),
    }
}

impl Purse {
    /// Makes the wallet of a seed.
    pub fn create(
        database: &sled::Db,
        seed: &Seed,
        network: Network,
        birthday: BitcoinHeight,
    ) -> Result<Self, CommandError> {
        let wallet =
            Wallet::create(tree(database)?, seed.expose(), network, birthday).map_err(failed)?;
        Ok(Self { wallet })
    }

    /// Where the wallet receives coins.
    pub fn address(&mut self) -> Result<Address, CommandError> {
        self.wallet.next_address().map_err(failed)
    }

    /// Reads the blocks since the last time.
    pub async fn sync(&mut self, node: &Arc<RpcClient>) -> Result<(), CommandError> {
        self.wallet.sync(node, |_| {}).await.map_err(failed)?;
        Ok(())
    }

    /// What can be spent on the next checkpoint, and everything.
    pub fn balance(&self) -> (Amount, Amount) {
        let balance = self.wallet.balance();
        (
            balance.confirmed + balance.unconfirmed_change,
            balance.total(),
        )
    }
}

fn tree(database: &sled::Db) -> Result<sled::Tree, CommandError> {
    Ok(database.open_tree(TREE).map_err(StoreError::from)?)
}

fn failed(error: WalletError) -> CommandError {
    match error {
        WalletError::Source(error) => error.into(),
        WalletError::WrongNetwork { .. } => {
            CommandError::caused_by(Exit::Configuration, "wrong-network", &error)
        }
        error => CommandError::caused_by(Exit::Failed, "wallet", &error),
    }
}
