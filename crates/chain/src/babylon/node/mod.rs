//! Questions that only a Babylon node answers.
//!
//! They are further methods of the [`Node`] that every chain of the Cosmos SDK has. What the node sent is read in `read`
//! and nothing of it travels further.

mod checkpoint;
mod finality;
mod light_client;
mod rewards;
mod staking;

use crate::cosmos::node::{Failure, Node, client, invalid};

/// How many items a page of a listing has that is read to its end.
const PAGE_SIZE: u64 = 500;
