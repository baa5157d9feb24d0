//! Wallet and journal on disk, and the right to change them.
//!
//! A [`Ledger`] is open only while something is written: a command that waits for hours holds nothing, so that others
//! can look and stake beside it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use bitcoin::{Network, Txid};
use daemon::lock::{InstanceLock, LockError};
use staking::units::BitcoinHeight;
use wallet::{CoinState, FeeLimit, Wallet, WalletError};

use crate::home::Home;
use crate::journal::{Entry, Journal, JournalError, StakeRecord};
use crate::seed::Keys;

/// Names of the trees in the database.
const WALLET: &str = "wallet";
const JOURNAL: &str = "journal";

/// How long to wait for another command that is writing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Wallet and journal of one home, open for writing.
#[derive(Debug)]
pub struct Ledger {
    /// The coins.
    pub wallet: Wallet,
    /// The stakes.
    pub journal: Journal,
    // Closed after the two above and before the lock is given back.
    _database: sled::Db,
    _lock: InstanceLock,
}

/// Which ledger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Network of the wallet.
    pub network: Network,
    /// The hub of the stakes, where one is configured.
    pub chain_id: Option<&'a str>,
    /// What its transactions may pay in fees.
    pub fee_limit: FeeLimit,
}

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another command is writing.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database cannot be opened.
    #[error("the data directory cannot be opened: {0}")]
    Database(#[from] sled::Error),
    /// The wallet cannot be opened.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Reads one stake of the journal; the wallet is not looked at.
pub async fn entry(
    home: &Home,
    owner: Owner<'_>,
    txid: Txid,
) -> Result<Option<Entry>, LedgerError> {
    let (_lock, database) = Ledger::take(home).await?;
    Ok(journal(home, &database, owner)?.get(txid)?)
}

/// Reads all stakes of the journal; the wallet is not looked at.
pub async fn entries(home: &Home, owner: Owner<'_>) -> Result<Vec<Entry>, LedgerError> {
    let (_lock, database) = Ledger::take(home).await?;
    Ok(journal(home, &database, owner)?.all()?)
}

fn journal(home: &Home, database: &sled::Db, owner: Owner<'_>) -> Result<Journal, LedgerError> {
    let journal = Journal::open(database.open_tree(JOURNAL)?, owner.chain_id)?;
    journal.catch_up(home)?;
    Ok(journal)
}

impl Ledger {
    /// Opens the ledger of `home`, waiting a while for another command that is writing.
    ///
    /// Coins that the journal's stakes need are reserved, and no others: a process that ended in between changed only
    /// one of the two.
    ///
    /// # Errors
    ///
    /// Refuses a home without a wallet, and one of another network or chain.
    pub async fn open(home: &Home, owner: Owner<'_>) -> Result<Self, LedgerError> {
        let (lock, database) = Self::take(home).await?;
        let wallet = Wallet::open(database.open_tree(WALLET)?, owner.network)?;
        Self::assemble(home, lock, database, wallet, owner)
    }

    /// Makes a new ledger whose wallet has no coins below `birthday`.
    ///
    /// `store` is called when it is certain that the home has no wallet yet, to store the seed.
    ///
    /// # Errors
    ///
    /// Refuses a home that has a wallet.
    pub async fn create<E: From<LedgerError>>(
        home: &Home,
        owner: Owner<'_>,
        keys: &Keys,
        birthday: BitcoinHeight,
        store: impl FnOnce() -> Result<(), E>,
    ) -> Result<Self, E> {
        let (lock, database) = Self::take(home).await?;
        let tree = database.open_tree(WALLET).map_err(LedgerError::from)?;
        match Wallet::open(tree.clone(), owner.network) {
            Err(WalletError::Missing) => {}
            Ok(_) => return Err(LedgerError::from(WalletError::Exists).into()),
            Err(error) => return Err(LedgerError::from(error).into()),
        }
        // One that cannot be read is refused before anything is made.
        let recorded = StakeRecord::recorded(home).map_err(LedgerError::from)?;
        store()?;
        let mut wallet = Wallet::create(tree, keys.seed().expose(), owner.network, birthday)
            .map_err(LedgerError::from)?;
        wallet.lock();
        let journal = database.open_tree(JOURNAL).map_err(LedgerError::from)?;
        let journal = Journal::open(journal, owner.chain_id).map_err(LedgerError::from)?;
        journal.take_over(recorded).map_err(LedgerError::from)?;
        Ok(Self::assemble(home, lock, database, wallet, owner)?)
    }

    fn assemble(
        home: &Home,
        lock: InstanceLock,
        database: sled::Db,
        wallet: Wallet,
        owner: Owner<'_>,
    ) -> Result<Self, LedgerError> {
        let journal = journal(home, &database, owner)?;
        let mut ledger = Self {
            wallet,
            journal,
            _database: database,
            _lock: lock,
        };
        ledger.reconcile_reservations(owner.fee_limit)?;
        Ok(ledger)
    }

    async fn take(home: &Home) -> Result<(InstanceLock, sled::Db), LedgerError> {
        let deadline = Instant::now() + PATIENCE;
        let lock = loop {
            match InstanceLock::acquire(home.path()) {
                Ok(lock) => break lock,
                Err(LockError::Held { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let database = loop {
            match sled::Config::new()
                .path(home.data())
                .flush_every_ms(None)
                .open()
            {
                Ok(database) => break database,
                // The last holder's background threads may outlive its lock for a moment.
                Err(sled::Error::Io(error))
                    if error.kind() == ErrorKind::Other && Instant::now() < deadline =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        Ok((lock, database))
    }

    fn reconcile_reservations(&mut self, limit: FeeLimit) -> Result<(), LedgerError> {
        let needing: Vec<_> = self
            .journal
            .all()?
            .into_iter()
            .filter(Entry::needs_its_coins)
            .collect();
        let reserved = self.wallet.reserved();
        let free: Vec<_> = reserved
            .iter()
            .filter(|coin| {
                !needing
                    .iter()
                    .any(|entry| entry.coins().any(|needed| needed == **coin))
            })
            .copied()
            .collect();
        if !free.is_empty() {
            self.wallet.release(free)?;
        }
        let coins = self.wallet.coins();
        for entry in needing {
            let is_unreserved = entry.coins().any(|needed| {
                coins
                    .iter()
                    .any(|coin| coin.outpoint == needed && coin.state != CoinState::Reserved)
            });
            if !is_unreserved {
                continue;
            }
            let txid = entry.staking_txid();
            let revived = self.wallet.revive(&entry.staking_tx, limit);
            if let Err(error) = revived.and_then(|draft| self.wallet.reserve(&draft)) {
                // The stake cannot be made any more; that must not keep its owner from everything else.
                tracing::warn!(%txid, %error, "the coins of a planned stake cannot be reserved");
            }
        }
        Ok(())
    }
}
