//! The exit codes of every program, so that a script can act without reading the text.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the programs' interface and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// 0: everything that was asked for is done.
    Success = 0,
    /// 1: it failed, for a reason that no other code names.
    Failed = 1,
    /// 2: the command line cannot be understood.
    Usage = 2,
    /// 3: the configuration is missing or wrong.
    Configuration = 3,
    /// 4: a node or another of our programs does not answer.
    Unreachable = 4,
    /// 5: wrong passphrase, token or credential.
    Unauthorized = 5,
    /// 6: a safety rule forbids it; asking again changes nothing.
    Refused = 6,
    /// 7: it was started and is not finished; ask for its status later.
    Pending = 7,
    /// 8: done for some items only; the result lists the others.
    Partial = 8,
}

impl Exit {
    /// All codes with their meaning, as `--help` and the manual show them.
    pub const MEANINGS: [(Exit, &'static str); 9] = [
        (Exit::Success, "done"),
        (Exit::Failed, "failed"),
        (Exit::Usage, "the command line cannot be understood"),
        (Exit::Configuration, "the configuration is missing or wrong"),
        (Exit::Unreachable, "a node or service does not answer"),
        (Exit::Unauthorized, "wrong passphrase or credential"),
        (Exit::Refused, "refused by a safety rule"),
        (Exit::Pending, "started but not finished in time"),
        (Exit::Partial, "done for some items only"),
    ];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
