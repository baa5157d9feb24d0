//! What the signer has signed and refused: an append-only file of JSON lines, each bound to the one before by its hash.
//!
//! A line is durable before the answer it tells of leaves the signer, so no signature can exist that the log does not
//! know. Changing, removing or inserting a line breaks the chain of hashes and [`read`] says where. Lines cut off at the
//! end leave a chain that is whole: whoever wrote down an earlier head can show that it is still in the log, and `audit
//! verify --contains` does it.

mod entry;
mod log;
mod reader;
mod signed;

pub use entry::{Entry, Event, Head, Recorded};
pub use log::{AuditError, AuditLog};
pub use reader::{BrokenChain, Reader, read};
pub use signed::signed;
