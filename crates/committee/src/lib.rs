//! Signatures of a covenant committee without a chain in between: what a staker asks a member, and what it believes of
//! the answer.
//!
//! A staker builds a delegation ([`staking::delegation::DelegationPlan`]), signs both slashing transactions, and makes a
//! [`SignatureRequest`] of it, which judges it as everybody else will. [`Member::sign`] asks one member, [`collect`] all of
//! them at once: each answers for itself, and one that is down, slow or lies costs the others nothing. Whatever a member
//! sends is read at the edge ([`message`]) and then checked: every adaptor signature and signature must verify against
//! the rebuilt delegation, by a key of the committee that the *staker* named in its parameters.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use bitcoin::{Network, Transaction};
//! # use committee::{Delegation, Member, SignatureRequest, collect};
//! # use staking::delegation::{StakerSignatures, ValidDelegation};
//! # use staking::params::StakingParams;
//! # async fn ask(
//! #     params: StakingParams,
//! #     valid: ValidDelegation,
//! #     staking_tx: Transaction,
//! #     signatures: StakerSignatures,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! // `params` are what the partner chain's covenant set says, whichever number it has there and at each member.
//! let delegation = Delegation::new(&valid, &staking_tx, signatures);
//! let request = SignatureRequest::new(Network::Signet, &params, delegation)?;
//! let members = [
//!     Member::new("https://covenant.example.org".to_owned().try_into()?)?,
//!     Member::new("https://covenant.example.net".to_owned().try_into()?)?,
//! ];
//! let collected = collect(&members, &request).await;
//! for (member, error) in &collected.failures {
//!     eprintln!("{member}: {error}");
//! }
//! if collected.is_quorum() {
//!     // Only now the staking transaction may be broadcast.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The members' side is the program `covenant`, which uses [`Delegation`], [`Refusal`] and [`message`] too.

mod collect;
mod delegation;
mod member;
pub mod message;
mod refusal;
mod request;

pub use collect::{Collected, collect};
pub use delegation::Delegation;
pub use member::{Member, MemberError, Terms};
pub use refusal::Refusal;
pub use request::{SignatureRequest, SignatureRequestError};
