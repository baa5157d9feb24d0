//! What a node's refusal means.

use std::error::Error;

use proto::tonic::{Code, Status};

use crate::Rejection;

/// Codespace of the errors that the SDK itself defines.
pub(crate) const SDK: &str = "sdk";

/// "Not found" of the SDK.
const SDK_NOT_FOUND: u32 = 38;

/// "Invalid height" of the SDK: before the first block.
const SDK_INVALID_HEIGHT: u32 = 26;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The node did not answer: ask again later.
    Unreachable(String),
    /// The chain refused.
    Refused(Rejection),
    /// The answer is larger than a message may be: ask for less.
    TooLarge(String),
    /// Anything else, an answer that cannot be decoded among it.
    Other(Code, String),
}

impl Failure {
    /// Whether this is error `code` of module `codespace`.
    pub(crate) fn is(&self, codespace: &str, code: u32) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.codespace == codespace && refusal.code == code)
    }

    /// Whether the node knows that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        self.is(SDK, SDK_NOT_FOUND)
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        // Only errors of our own side of the connection have a source.
        if status.source().is_some()
            || matches!(
                status.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
            )
        {
            return Self::Unreachable(reason(status));
        }
        match refusal(status.message()) {
            Some(Rejection {
                codespace,
                code: SDK_INVALID_HEIGHT,
                log,
            }) if codespace == SDK => Self::Unreachable(log),
            Some(refusal) => Self::Refused(refusal),
            None if status.code() == Code::NotFound => Self::Refused(Rejection {
                codespace: SDK.to_owned(),
                code: SDK_NOT_FOUND,
                log: status.message().to_owned(),
            }),
            None if is_too_large(status) => Self::TooLarge(status.message().to_owned()),
            None => Self::Other(status.code(), status.message().to_owned()),
        }
    }
}

/// Whether our side or the node's (grpc-go) refused an answer for its size.
fn is_too_large(status: &Status) -> bool {
    match status.code() {
        Code::OutOfRange => true,
        Code::ResourceExhausted => status.message().contains("larger than max"),
        _ => false,
    }
}

/// The status's words and those of what caused it.
fn reason(status: &Status) -> String {
    let mut reason = status.message().to_owned();
    let mut source = status.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !reason.contains(&words) {
            reason = format!("{reason}: {words}");
        }
        source = error.source();
    }
    reason
}

/// Reads `codespace <name> code <number>: <words>`, the form in which the SDK sends its errors over gRPC.
fn refusal(message: &str) -> Option<Rejection> {
    let rest = message.strip_prefix("codespace ")?;
    let (codespace, rest) = rest.split_once(" code ")?;
    let (code, log) = rest.split_once(": ")?;
    Some(Rejection {
        codespace: codespace.to_owned(),
        code: code.parse().ok()?,
        log: log.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_error_of_a_module_is_read_from_the_status() {
        let status =
            Status::unknown("codespace btcstaking code 1102: the BTC delegation is not found");
        let failure = Failure::from(&status);
        assert!(failure.is("btcstaking", 1102), "{failure:?}");
        assert!(!failure.is("finality", 1102));
    }

    #[test]
    fn a_node_before_its_first_block_counts_as_unreachable() {
        let status = Status::unknown(
            "codespace sdk code 26: invalid height: babylon is not ready; please wait for first block",
        );
        assert!(matches!(Failure::from(&status), Failure::Unreachable(_)));
    }

    #[test]
    fn words_that_only_look_like_an_error_of_a_module_are_kept_as_they_are() {
        for words in ["codespace", "codespace x code y: z", "codespace x code 1"] {
            let failure = Failure::from(&Status::unknown(words));
            assert_eq!(failure, Failure::Other(Code::Unknown, words.to_owned()));
        }
    }

    #[test]
    fn an_answer_beyond_the_size_limit_of_either_side_is_too_large() {
        for status in [
            Status::out_of_range(
                "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
            ),
            Status::resource_exhausted("trying to send message larger than max (9 vs. 8)"),
        ] {
            let failure = Failure::from(&status);
            assert!(matches!(failure, Failure::TooLarge(_)), "{failure:?}");
        }
        let busy = Failure::from(&Status::resource_exhausted("too many requests"));
        assert!(matches!(busy, Failure::Other(..)), "{busy:?}");
    }

    #[test]
    fn a_missing_thing_is_known_to_be_missing() {
        assert!(Failure::from(&Status::not_found("account bbn1 not found")).is_not_found());
    }

    proptest! {
        #[test]
        fn an_error_in_the_form_of_the_sdk_is_read_whatever_it_says(
            codespace in "[a-z]{1,20}", code in any::<u32>(), log in any::<String>(),
        ) {
            let status = Status::unknown(format!("codespace {codespace} code {code}: {log}"));
            let failure = Failure::from(&status);
            let not_ready = codespace == SDK && code == SDK_INVALID_HEIGHT;
            let expected = if not_ready {
                Failure::Unreachable(log)
            } else {
                Failure::Refused(Rejection { codespace, code, log })
            };
            prop_assert_eq!(failure, expected);
        }

        #[test]
        fn any_status_is_sorted(
            code in any::<i32>(),
            message in "(codespace |code |: |[a-z]{0,4}|[0-9]{0,12}|.{0,8}){0,8}",
        ) {
            let failure = Failure::from(&Status::new(Code::from_i32(code), &*message));
            if let Failure::Refused(refusal) = failure {
                let read = refusal.codespace == SDK || message.contains(&refusal.codespace);
                prop_assert!(read && message.contains(&refusal.log));
            }
        }
    }
}
