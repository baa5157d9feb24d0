//! Asking before money moves or something cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::output::{CommandError, Exit};

/// The `--yes` of commands that ask first; flatten it into their arguments.
///
/// ```
/// #[derive(clap::Args)]
/// struct Unbond {
///     staking_txid: String,
///     #[command(flatten)]
///     consent: daemon::consent::Consent,
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[group(skip)]
pub struct Consent {
    /// Go ahead without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

impl Consent {
    /// Asks the user, unless `--yes` was given, and returns only with their consent.
    ///
    /// # Errors
    ///
    /// Refuses where nobody can be asked (stdin is no terminal), and where the answer is not `y` or `yes`.
    pub fn ask(self, question: &str) -> Result<(), CommandError> {
        let stdin = io::stdin();
        if self.yes {
            return Ok(());
        }
        if !stdin.is_terminal() {
            return Err(nobody_to_ask());
        }
        answer(question, &mut stdin.lock(), &mut io::stderr())
    }
}

fn answer(
    question: &str,
    input: &mut impl BufRead,
    notes: &mut impl Write,
) -> Result<(), CommandError> {
    let mut line = String::new();
    write!(notes, "{question} [y/N] ")
        .and_then(|()| notes.flush())
        .and_then(|()| input.read_line(&mut line))
        .map_err(|error| CommandError::new(Exit::Failed, "no-answer", error.to_string()))?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::new(
            Exit::Failed,
            "declined",
            "not confirmed; nothing was done",
        )),
    }
}

fn nobody_to_ask() -> CommandError {
    CommandError::new(
        Exit::Usage,
        "not-confirmed",
        "this asks first, and stdin is not a terminal",
    )
    .with_hint("add --yes to go ahead without asking")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_consent() {
        for (typed, consents) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("n\n", false),
            ("", false),
            ("yep", false),
        ] {
            let mut shown = Vec::new();
            let answered = answer("Stake 1000 sat?", &mut typed.as_bytes(), &mut shown);
            assert_eq!(answered.is_ok(), consents, "{typed:?}");
            assert_eq!(shown, b"Stake 1000 sat? [y/N] ");
        }
    }

    #[test]
    fn yes_asks_nobody() {
        assert_eq!(Consent { yes: true }.ask("Stake?"), Ok(()));
    }
}
