//! Entry point of `covenant`.

fn main() {}
