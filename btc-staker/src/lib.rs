//! The program of BTC holders: stake, unbond, withdraw.
