//! Protobuf messages and gRPC services that btc-mesh speaks.
//!
//! The `.proto` files beside this crate are our own minimal ones: they hold the messages, queries and fields in use
//! and no others (spec 2). [`babylon`], [`cosmos`] and [`cosmwasm`] are what secured chains speak, we are their client
//! only; [`btcmesh`] are the services between our own programs. Nothing here is a domain type: the crate that receives a
//! message turns it into one, and [`field`] gives it errors that name the field.
//!
//! Chains may add fields, so what a chain answers is read leniently. Between our own programs a field that the receiver
//! does not know means that two versions disagree about what is being signed: [`strict`] refuses it.

pub mod endpoint;
pub mod field;
pub mod grpc_url;
pub mod strict;

pub use prost;
pub use prost_types;
pub use tonic;

pub use generated::{babylon, btcmesh, cosmos, cosmwasm, tendermint};

#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the code generator's style is not ours to choose"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/chain.rs"));
    include!(concat!(env!("OUT_DIR"), "/own.rs"));
}
