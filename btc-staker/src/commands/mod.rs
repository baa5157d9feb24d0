//! One module for each command: its arguments, what it does, and its result for people and for scripts.

pub mod inspect;
pub mod scripts;
