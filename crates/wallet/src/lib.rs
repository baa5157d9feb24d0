//! The Bitcoin wallet of our programs: descriptors, coin selection, fees, signing.
//!
//! One BIP-0086 account, `m/86'/coin'/0'`, of one BIP-0039 mnemonic. bdk keeps the wallet and never sees a secret: it is
//! built from the account's public key, and signing is done here by [`AccountKey`], which is present only between
//! [`Wallet::unlock`] and [`Wallet::lock`].
//!
//! ```text
//!  bitcoind ──blocks, mempool──> sync ──> bdk wallet ──changes──> store (sled)
//!                                           │
//!       request ──build──> draft ──reserve──┤ (coins of the draft are set aside, durably)
//!                            └────sign──> transaction ──> whoever broadcasts it
//! ```
//!
//! Everything stored can be rebuilt from the mnemonic and the chain, except for which coins are reserved: that follows
//! from the journal of whoever reserved them.

mod account;
mod build;
mod bump;
mod coins;
mod error;
mod location;
mod reserve;
mod revive;
mod sign;
mod store;
mod sync;
mod wallet;

pub use account::{AccountKey, AccountPublicKey};
pub use build::{Draft, FeeLimit, Spendable, TransactionRequest};
pub use coins::{Balance, Coin, CoinState};
pub use error::{NotReplaceable, WalletError};
pub use sync::{SyncProgress, SyncSummary};
pub use wallet::Wallet;
