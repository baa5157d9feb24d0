//! The chain's checkpoints to Bitcoin, and the proof that they are there back to the chain.

pub mod purse;
