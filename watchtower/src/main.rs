//! Entry point of `watchtower`.

fn main() {}
