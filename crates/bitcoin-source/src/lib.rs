//! Where Bitcoin data comes from: blocks, reorgs, fee rates, broadcast.
