//! One module for each command: its arguments, what it does, and its result for people and for scripts.

mod arguments;
pub mod cancel;
pub mod init;
pub mod inspect;
pub mod list;
pub mod params;
pub mod providers;
mod report;
pub mod resume;
pub mod scripts;
pub mod stake;
pub mod status;
pub mod unbond;
pub mod wallet;
pub mod withdraw;
