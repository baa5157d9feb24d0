//! The program anyone runs: headers, checkpoints, activation, unbonding reports, slashing.
