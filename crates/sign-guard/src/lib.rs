//! The only door to an EOTS signature: a durable record of what each key has signed at each height.
//!
//! Two signatures of one key at one height give the key away (spec 3.2), so before a nonce is used the vote must be
//! on disk. [`SignGuard::sign`] writes it there and only then hands out a [`Permit`]; whoever signs takes the permit
//! by value and signs what the permit says:
//!
//! ```
//! use sign_guard::{Identity, Permit, SignGuard, Vote};
//!
//! fn sign(permit: Permit) -> Result<[u8; 32], std::convert::Infallible> {
//!     let vote = permit.vote(); // Here the EOTS signature of this height and app hash is made.
//!     Ok(vote.content)
//! }
//!
//! let directory = tempfile::tempdir()?;
//! let guard = SignGuard::create(&directory.path().join("votes.redb"))?;
//! let identity = Identity { public_key: [1; 32], chain: "bbn-1".parse()? };
//! guard.register(&identity, 0)?; // A new key; else the highest height it has voted at.
//!
//! let vote = Vote { identity, height: 7, content: [0xaa; 32] };
//! let signature = guard.sign(&vote, sign)?;
//! assert_eq!(guard.sign(&vote, sign)?, signature);
//! let fork = Vote { content: [0xbb; 32], ..vote };
//! assert!(guard.sign(&fork, sign).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A permit cannot be made, copied or used twice outside this crate:
//!
//! ```compile_fail
//! fn sign(permit: sign_guard::Permit) {}
//! fn twice(permit: sign_guard::Permit) {
//!     sign(permit);
//!     sign(permit);
//! }
//! ```
//!
//! ```compile_fail
//! fn copied(permit: &sign_guard::Permit) -> sign_guard::Permit {
//!     permit.clone()
//! }
//! ```
//!
//! ```compile_fail
//! fn forged(vote: sign_guard::Vote) -> sign_guard::Permit {
//!     sign_guard::Permit { vote }
//! }
//! ```
//!
//! What is recorded is never signed differently, the same data again gives the same signature, and everything else is
//! refused ([`Refusal`]): another block at a recorded height, a height at or below the watermark (which rises when
//! records are pruned or another signer's are imported), a key that was never registered, any failure of the storage.
//!
//! # The crash argument
//!
//! Wherever the machine stops, a signature that can have left it has a record that is found again:
//!
//! 1. A permit exists only after `commit` of the transaction that holds its record has returned. That transaction is
//!    `Durability::Immediate` with two-phase commit: data, `fsync`, switch of the root, `fsync`. Votes contain data
//!    of others, which is what two-phase commit is for.
//! 2. Before the second `fsync` returns, the old or the new root is found, whole. Both are right: no permit is out.
//! 3. If `commit` fails, no permit is handed out, though the record may be there. It then answers
//!    [`SameData::Unsigned`] for the same data and [`Refusal::Conflict`] for any other.
//! 4. Between permit and signature nothing is written. A crash there leaves a record without signature; the same data
//!    gets a permit again, and the nonce and message being the same, so is the signature.
//! 5. The signature is added without a sync of its own and becomes durable with the next record. Losing it is case 4.
//! 6. Pruning deletes records and raises the watermark over them in one transaction.
//! 7. [`SignGuard::create`] prepares the store under a temporary name, syncs it, links it to its own only if nothing
//!    is there, and syncs the directories. It is there whole or not at all; [`SignGuard::open`] never makes one.
//!
//! One process at a time has the store (a lock on the file), and inside it one writer at a time.
//!
//! Not covered: a disk that lies about `fsync`, and an old copy of the file put back in place. To move a key to
//! another machine, export and import ([`SignGuard::export`]), never copy the file.

mod error;
mod file;
mod guard;
mod interchange;
mod store;
mod vote;

#[cfg(test)]
mod crash_tests;

pub use error::{OpenError, Refusal, SignError, StorageError};
pub use guard::{SameData, SignAnswer, SignGuard, Signature, Status, Verdict};
pub use interchange::{ImportError, Interchange};
pub use vote::{ChainDomain, ChainDomainError, Identity, Permit, Vote};
