//! Bitcoin staking protocol: scripts, transactions, delegation rules, proofs.
