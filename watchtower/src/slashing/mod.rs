//! Slashing transactions, made with the keys that equivocation gave away.
