//! Proofs that stakes are on Bitcoin, and that they were spent.
