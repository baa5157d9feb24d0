//! Entry point of `btc-staker`.

fn main() {}
