//! Creating, opening and unlocking a wallet, and what it shows without a key.

use std::collections::HashSet;

use bdk_wallet::error::{LoadError, LoadMismatch};
use bdk_wallet::{
    CreateWithPersistError, KeychainKind, LoadWithPersistError, PersistedWallet,
    Wallet as BdkWallet,
};
use bip39::Mnemonic;
use bitcoin::secp256k1::Keypair;
use bitcoin::{Address, Network, Txid};
use bitcoin_source::BlockId;
use staking::keys::StakerKey;
use staking::units::BitcoinHeight;

use crate::account::{AccountKey, AccountPublicKey};
use crate::error::WalletError;
use crate::store::{Store, StoreError};

/// How many addresses beyond the last one handed out are watched for coins.
///
/// A restored wallet knows of no address handed out, so this is the longest run of unused addresses it looks past.
pub(crate) const LOOKAHEAD: u32 = 100;

/// A wallet: one account's coins, and its key while it is unlocked.
///
/// Changes are durable when a method returns. One writer at a time: the store belongs to this value.
#[derive(Debug)]
pub struct Wallet {
    pub(crate) bdk: PersistedWallet<Store>,
    pub(crate) store: Store,
    pub(crate) account: AccountPublicKey,
    pub(crate) key: Option<AccountKey>,
    pub(crate) birthday: BitcoinHeight,
    /// Mempool transactions that were looked at and are not ours.
    pub(crate) foreign_mempool: HashSet<Txid>,
    /// When the mempool was last read; the next reading counts as later even within the same second.
    pub(crate) last_seen: u64,
}

impl Wallet {
    /// Creates an unlocked wallet in an empty tree.
    ///
    /// `birthday` is the height from which [`sync`](Self::sync) reads: the tip for a new mnemonic; for a restored one a
    /// height before its first coin, or 0.
    ///
    /// # Errors
    ///
    /// Refuses a tree that has a wallet.
    pub fn create(
        tree: sled::Tree,
        mnemonic: &Mnemonic,
        network: Network,
        birthday: BitcoinHeight,
    ) -> Result<Self, WalletError> {
        let key = AccountKey::from_mnemonic(mnemonic, network)?;
        let mut wallet = Self::create_watch_only(tree, key.public(), network, birthday)?;
        wallet.key = Some(key);
        Ok(wallet)
    }

    /// Creates a locked wallet of an account whose mnemonic is elsewhere.
    ///
    /// # Errors
    ///
    /// Refuses a tree that has a wallet, and a key of another kind of network.
    pub fn create_watch_only(
        tree: sled::Tree,
        account: AccountPublicKey,
        network: Network,
        birthday: BitcoinHeight,
    ) -> Result<Self, WalletError> {
        let mut store = Store::new(tree);
        let bdk = BdkWallet::create(
            account.descriptor(KeychainKind::External),
            account.descriptor(KeychainKind::Internal),
        )
        .network(network)
        .lookahead(LOOKAHEAD)
        .create_wallet(&mut store)
        .map_err(not_created)?;
        store.set_birthday(birthday)?;
        Self::assemble(bdk, store, birthday)
    }

    /// Opens a wallet, locked: it syncs and shows balances and addresses, and cannot sign.
    ///
    /// # Errors
    ///
    /// Refuses a tree without a wallet, and a wallet of another network.
    pub fn open(tree: sled::Tree, network: Network) -> Result<Self, WalletError> {
        let mut store = Store::new(tree);
        let bdk = BdkWallet::load()
            .check_network(network)
            .lookahead(LOOKAHEAD)
            .load_wallet(&mut store)
            .map_err(not_opened)?
            .ok_or(WalletError::Missing)?;
        let birthday = store.birthday()?;
        Self::assemble(bdk, store, birthday)
    }

    fn assemble(
        bdk: PersistedWallet<Store>,
        store: Store,
        birthday: BitcoinHeight,
    ) -> Result<Self, WalletError> {
        let account = account_of(&bdk)?;
        let foreign_mempool = HashSet::new();
        Ok(Self {
            bdk,
            store,
            account,
            key: None,
            birthday,
            foreign_mempool,
            last_seen: 0,
        })
    }

    /// Unlocks the wallet with its mnemonic.
    ///
    /// # Errors
    ///
    /// Refuses another wallet's mnemonic.
    pub fn unlock(&mut self, mnemonic: &Mnemonic) -> Result<(), WalletError> {
        let key = AccountKey::from_mnemonic(mnemonic, self.network())?;
        if key.public() != self.account {
            return Err(WalletError::WrongSeed);
        }
        self.key = Some(key);
        Ok(())
    }

    /// Forgets the key.
    pub fn lock(&mut self) {
        self.key = None;
    }

    /// Whether the wallet cannot sign at present.
    pub fn is_locked(&self) -> bool {
        self.key.is_none()
    }

    /// The network the wallet is on.
    pub fn network(&self) -> Network {
        self.bdk.network()
    }

    /// The height from which the wallet is synced.
    pub fn birthday(&self) -> BitcoinHeight {
        self.birthday
    }

    /// The last block that the wallet has seen; genesis before the first [`sync`](Self::sync).
    pub fn tip(&self) -> BlockId {
        let block = self.bdk.latest_checkpoint().block_id();
        BlockId {
            height: BitcoinHeight(block.height),
            hash: block.hash,
        }
    }

    /// The account's public key.
    pub fn account(&self) -> AccountPublicKey {
        self.account
    }

    /// The public staker key: that of `m/86'/coin'/0'/0/0`, not tweaked.
    pub fn staker_key(&self) -> Result<StakerKey, WalletError> {
        self.account.staker_key()
    }

    /// The staker key pair: that of `m/86'/coin'/0'/0/0`, not tweaked. The caller erases it when it is done.
    ///
    /// # Errors
    ///
    /// Fails where the wallet is locked.
    pub fn staker_keypair(&self) -> Result<Keypair, WalletError> {
        self.unlocked()?.staker_keypair()
    }

    /// An address to receive at: the first one that was handed out and is still unused, or a new one.
    pub fn next_address(&mut self) -> Result<Address, WalletError> {
        let address = self.bdk.next_unused_address(KeychainKind::External).address;
        self.persist()?;
        Ok(address)
    }

    pub(crate) fn unlocked(&self) -> Result<&AccountKey, WalletError> {
        self.key.as_ref().ok_or(WalletError::Locked)
    }

    pub(crate) fn persist(&mut self) -> Result<(), WalletError> {
        self.bdk.persist(&mut self.store)?;
        Ok(())
    }
}

/// Reads the account back from the stored descriptor.
fn account_of(bdk: &BdkWallet) -> Result<AccountPublicKey, WalletError> {
    let descriptor = bdk.public_descriptor(KeychainKind::External);
    let miniscript_key = match descriptor {
        bdk_wallet::miniscript::Descriptor::Tr(taproot) => taproot.internal_key(),
        other => return Err(foreign_descriptor(other)),
    };
    match miniscript_key {
        bdk_wallet::miniscript::DescriptorPublicKey::XPub(key) => match &key.origin {
            Some((master, _)) => Ok(AccountPublicKey {
                master: *master,
                key: key.xkey,
            }),
            None => Err(foreign_descriptor(descriptor)),
        },
        _ => Err(foreign_descriptor(descriptor)),
    }
}

fn foreign_descriptor(descriptor: &impl ToString) -> WalletError {
    WalletError::Storage(format!(
        "descriptor {} is not of BIP-0086",
        descriptor.to_string()
    ))
}

fn not_created(error: CreateWithPersistError<StoreError>) -> WalletError {
    match error {
        CreateWithPersistError::DataAlreadyExists(_) => WalletError::Exists,
        CreateWithPersistError::Persist(error) => error.into(),
        CreateWithPersistError::Descriptor(error) => WalletError::Refused {
            action: "create the wallet",
            reason: error.to_string(),
        },
    }
}

fn not_opened(error: LoadWithPersistError<StoreError>) -> WalletError {
    match error {
        LoadWithPersistError::Persist(error) => error.into(),
        LoadWithPersistError::InvalidChangeSet(LoadError::Mismatch(LoadMismatch::Network {
            loaded,
            expected,
        })) => WalletError::WrongNetwork {
            stored: loaded,
            expected,
        },
        LoadWithPersistError::InvalidChangeSet(error) => WalletError::Storage(error.to_string()),
    }
}
