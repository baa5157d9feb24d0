//! Why a transaction was refused, as far as the sender acts on it.

use crate::Rejection;
use crate::cosmos::node::SDK;

/// Why a transaction was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The message at this position.
    Message(usize),
    /// The account's next transaction has another number.
    WrongSequence,
    /// The account cannot pay the fee.
    InsufficientFunds,
    /// The gas limit is too low, or higher than the mempool takes.
    Gas,
    /// The mempool has no room now.
    MempoolFull,
    /// The mempool has this very transaction already.
    AlreadyInMempool,
    /// The timeout height went by.
    Expired,
    /// Every transaction of this account would be refused alike: signature, fee price.
    Account,
    /// Something else: one of the messages, or their sum.
    Unknown,
}

/// Reads the cause from the error code, and the position from the log.
pub(super) fn cause(refusal: &Rejection) -> Cause {
    if let Some(position) = message_position(&refusal.log) {
        return Cause::Message(position);
    }
    if refusal.codespace != SDK {
        return Cause::Unknown;
    }
    match refusal.code {
        4 | 13 => Cause::Account,
        5 => Cause::InsufficientFunds,
        11 => Cause::Gas,
        19 => Cause::AlreadyInMempool,
        20 => Cause::MempoolFull,
        30 => Cause::Expired,
        32 => Cause::WrongSequence,
        _ => Cause::Unknown,
    }
}

/// The refusal in the message's own words, without what the SDK puts before them.
pub(super) fn own_words(refusal: Rejection) -> Rejection {
    let log = refusal
        .log
        .strip_prefix("failed to simulate tx: ")
        .unwrap_or(&refusal.log);
    let words = split_at_position(log).and_then(|(_, words)| words.strip_prefix(": "));
    Rejection {
        log: words.unwrap_or(log).to_owned(),
        ..refusal
    }
}

fn message_position(log: &str) -> Option<usize> {
    split_at_position(log).map(|(position, _)| position)
}

/// Splits at the first `message index: <n>`: the SDK puts it before the message's own words.
fn split_at_position(log: &str) -> Option<(usize, &str)> {
    let (_, rest) = log.split_once("message index: ")?;
    let end = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let (position, words) = rest.split_at_checked(end)?;
    Some((position.parse().ok()?, words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(codespace: &str, code: u32, log: &str) -> Rejection {
        Rejection {
            codespace: codespace.to_owned(),
            code,
            log: log.to_owned(),
        }
    }

    #[test]
    fn the_culprit_is_named_in_the_log_whatever_the_code() {
        let log = "failed to execute message; message index: 12: duplicated finality vote";
        assert_eq!(cause(&refusal("finality", 1109, log)), Cause::Message(12));
        let log = "failed to simulate tx: failed to execute message; message index: 0: \
                   spendable balance 1ubbn is smaller than 2ubbn: insufficient funds";
        assert_eq!(cause(&refusal("sdk", 5, log)), Cause::Message(0));
    }

    #[test]
    fn a_position_in_the_messages_own_words_does_not_count() {
        let log = "failed to execute message; message index: 1: no such `message index: 7`";
        assert_eq!(cause(&refusal("sdk", 18, log)), Cause::Message(1));
    }

    #[test]
    fn the_callers_see_the_messages_own_words() {
        let log = "failed to simulate tx: failed to execute message; message index: 12: duplicated \
                   finality vote";
        assert_eq!(
            own_words(refusal("finality", 1109, log)).log,
            "duplicated finality vote"
        );
        assert_eq!(
            own_words(refusal("sdk", 13, "insufficient fee")).log,
            "insufficient fee"
        );
    }

    #[test]
    fn codes_of_other_modules_are_not_taken_for_the_sdks() {
        assert_eq!(
            cause(&refusal("sdk", 32, "account sequence mismatch")),
            Cause::WrongSequence
        );
        assert_eq!(cause(&refusal("finality", 32, "")), Cause::Unknown);
    }

    proptest! {
        #[test]
        fn any_log_is_read_without_panic(log in ".{0,40}(message index: )?.{0,40}") {
            let _ = cause(&refusal("sdk", 1, &log));
            let _ = own_words(refusal("sdk", 1, &log));
        }
    }
}
