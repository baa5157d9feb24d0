//! The wallet that pays for checkpoints.

use std::sync::Arc;

use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, ScriptBuf, Transaction, TxOut};
use bitcoin_source::{Location, RpcClient};
use daemon::output::{CommandError, Exit};
use keystore::Seed;
use staking::units::BitcoinHeight;
use wallet::{FeeLimit, Spendable, TransactionRequest, Wallet, WalletError};

use crate::role::RoundError;
use crate::store::StoreError;

/// The table of the wallet in the database of progress.
const TREE: &str = "wallet";

/// An unlocked wallet.
#[derive(Debug)]
pub struct Purse {
    wallet: Wallet,
}

/// A signed transaction that was not sent yet.
#[derive(Debug)]
pub struct Payment {
    /// The transaction.
    pub transaction: Transaction,
    /// What it pays to miners.
    pub fee: Amount,
}

/// Why there is no wallet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurseError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The wallet itself.
    #[error(transparent)]
    Wallet(#[from] WalletError),
}

/// Opens the seed's wallet. Where its data was deleted it is made again, to be synced from the chain's beginning.
pub fn open(database: &sled::Db, seed: &Seed, network: Network) -> Result<Purse, PurseError> {
    match Wallet::open(tree(database)?, network) {
        Err(WalletError::Missing) => {
            tracing::warn!(
                "there is no wallet data: it is rebuilt from the blocks, which takes a while"
            );
            Purse::create(database, seed, network, BitcoinHeight(0))
        }
        Ok(mut wallet) => {
            wallet.unlock(seed.expose())?;
            Ok(Purse { wallet })
        }
        Err(error) => Err(error.into()),
    }
}

impl Purse {
    /// Makes the wallet of a seed; it has no coins below `birthday`.
    pub fn create(
        database: &sled::Db,
        seed: &Seed,
        network: Network,
        birthday: BitcoinHeight,
    ) -> Result<Self, PurseError> {
        let wallet = Wallet::create(tree(database)?, seed.expose(), network, birthday)?;
        Ok(Self { wallet })
    }

    /// Where the wallet receives coins.
    pub fn address(&mut self) -> Result<Address, WalletError> {
        self.wallet.next_address()
    }

    /// Reads the blocks since the last time.
    pub async fn sync(&mut self, node: &Arc<RpcClient>) -> Result<(), WalletError> {
        self.wallet.sync(node, |_| {}).await?;
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

    /// Makes and signs a transaction with one data output; its coins are set aside, durably.
    pub fn pay(
        &mut self,
        data: ScriptBuf,
        fee_rate: FeeRate,
        fee_limit: FeeLimit,
    ) -> Result<Payment, RoundError> {
        let request = TransactionRequest {
            outputs: vec![TxOut {
                value: Amount::ZERO,
                script_pubkey: data,
            }],
            fee_rate,
            fee_limit,
            spendable: Spendable::ConfirmedAndChange,
        };
        let draft = match self.wallet.build(&request) {
            Err(source @ WalletError::InsufficientFunds { .. }) => {
                let address = self.address()?.to_string();
                return Err(RoundError::NoCoins { source, address });
            }
            draft => draft?,
        };
        self.wallet.reserve(&draft)?;
        Ok(Payment {
            transaction: self.wallet.sign(&draft)?,
            fee: draft.fee(),
        })
    }

    /// Notes that a transaction was sent.
    pub fn sent(&mut self, transaction: &Transaction) -> Result<(), WalletError> {
        self.wallet.record_broadcast(transaction)
    }

    /// Where a transaction of the wallet is, as of the last sync.
    pub fn location(&self, transaction: &Transaction) -> Option<Location> {
        self.wallet.location(transaction.compute_txid())
    }

    /// Gives the coins of a transaction back that can never be mined.
    pub fn release(&mut self, transaction: &Transaction) -> Result<(), WalletError> {
        let coins = transaction.input.iter().map(|input| input.previous_output);
        self.wallet.release(coins)
    }

    /// Gives coins back that were set aside for a transaction which nobody noted before the process ended.
    pub fn release_all_but(&mut self, noted: &[OutPoint]) -> Result<(), WalletError> {
        let mut leaked = self.wallet.reserved();
        leaked.retain(|coin| !noted.contains(coin));
        self.wallet.release(leaked)
    }
}

fn tree(database: &sled::Db) -> Result<sled::Tree, StoreError> {
    Ok(database.open_tree(TREE)?)
}

impl From<PurseError> for CommandError {
    fn from(error: PurseError) -> Self {
        match error {
            PurseError::Store(error) => error.into(),
            PurseError::Wallet(error) => wallet_error(error),
        }
    }
}

/// A failure of the wallet as commands report it.
pub fn wallet_error(error: WalletError) -> CommandError {
    match error {
        WalletError::Source(error) => error.into(),
        WalletError::WrongNetwork { .. } => {
            CommandError::caused_by(Exit::Configuration, "wrong-network", &error)
        }
        error => CommandError::caused_by(Exit::Failed, "wallet", &error),
    }
}
