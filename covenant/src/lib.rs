//! The program of covenant committee members: check delegations and co-sign their slashing paths.
