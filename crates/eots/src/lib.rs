//! EOTS, Schnorr adaptor signatures, public randomness and its commitment trees.
//!
//! A finality provider derives a nonce for each height ([`randomness`]), commits to a range of them
//! ([`commitment`]), and signs one block at each height ([`sign`]). Whoever sees it sign two has its secret key
//! ([`extract`]), which decrypts what the covenant committee signed beforehand ([`adaptor`]) and so burns the stake.
//!
//! ```
//! # #[cfg(feature = "native")] {
//! use eots::curve::Native;
//! use eots::{SecretKey, Signed, extract, randomness, sign, verify, vote_message};
//!
//! let key = SecretKey::from_bytes(&[0x42; 32])?;
//! let public_key = key.public_key();
//! let public = randomness::derive(&key, "chain-test", 7).public();
//!
//! let vote = vote_message(7, &[0x11; 32]);
//! let signature = sign(&key, randomness::derive(&key, "chain-test", 7), &vote)?;
//! verify(&Native, &public_key, &public, &vote, &signature)?;
//!
//! // The same height once more: nothing here prevents it, and the key is out.
//! let fork = vote_message(7, &[0x22; 32]);
//! let second = sign(&key, randomness::derive(&key, "chain-test", 7), &fork)?;
//! let extracted = extract(
//!     &Native,
//!     &public_key,
//!     &public,
//!     Signed { message: &vote, signature: &signature },
//!     Signed { message: &fork, signature: &second },
//! )?;
//! assert_eq!(extracted.public_key(), public_key);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate is pure: no I/O, clock or randomness. Everything that verifies is generic over a [`curve::Curve`], so that
//! contracts run the same rules without C; everything that signs needs the feature `native` (libsecp256k1). Secrets are
//! zeroised when dropped (short-lived copies on the stack as far as Rust allows), never shown by `Debug`, and handled in
//! constant time. "spec" in the docs are the protocol notes
//! in docs/protocol.

pub mod adaptor;
pub mod bip340;
pub mod commitment;
pub mod curve;
mod encoding;
mod hash;
mod key;
pub mod randomness;
mod signature;

pub use encoding::{InvalidSecret, ParseError};
pub use key::{PublicKey, SecretKey};
pub use randomness::PublicRandomness;
#[cfg(feature = "native")]
pub use randomness::SecretRandomness;
#[cfg(feature = "native")]
pub use signature::sign;
pub use signature::{
    ChallengeOverflow, ExtractError, Signature, Signed, SignedHash, VerifyError, extract,
    extract_from_hashes, verify, vote_message,
};
