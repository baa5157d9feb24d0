//! One module for each command: its arguments, what it does, and its result for people and for scripts.

mod arguments;
pub mod cancel;
pub mod exposure;
pub mod init;
pub mod inspect;
pub mod list;
pub mod params;
pub mod providers;
mod report;
pub mod restake;
pub mod resume;
pub mod rewards;
pub mod scripts;
pub mod stake;
mod standing;
pub mod status;
pub mod unbond;
pub mod wallet;
pub mod withdraw;
