//! Entry point of `finality-provider`.

fn main() {}
