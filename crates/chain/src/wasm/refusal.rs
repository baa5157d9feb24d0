//! A contract's refusal in its own words.

use proto::tonic::Code;

use crate::cosmos::node::Failure;
use crate::{ChainError, Rejection};

/// Module whose errors these are.
pub(super) const MODULE: &str = "wasm";

/// What wasmd says, by error code, when a contract refuses a message. It follows the contract's own words.
const MESSAGE_FAILED: [(u32, &str); 2] = [
    (4, ": instantiate wasm contract failed"),
    (5, ": execute wasm contract failed"),
];

/// Code of a query that a contract refused, and what wasmd says.
const QUERY_FAILED: (u32, &str) = (9, "query wasm contract failed");

/// Leaves of a contract's refusal of a message only the contract's own words.
pub(super) fn of_message(error: ChainError) -> ChainError {
    let ChainError::Rejected(mut rejection) = error else {
        return error;
    };
    let failed = MESSAGE_FAILED
        .iter()
        .find(|(code, _)| rejection.codespace == MODULE && rejection.code == *code);
    if let Some((_, suffix)) = failed {
        rejection.log = without_suffix(rejection.log, suffix);
    }
    rejection.into()
}

/// Finds a contract's refusal of a query, and leaves only the contract's own words.
///
/// wasmd 0.61 sends it without a code and with its own words at the end; older ones send it as the SDK sends all errors.
pub(super) fn of_query(failure: Failure) -> Failure {
    let (code, words) = QUERY_FAILED;
    let own = match &failure {
        Failure::Other(Code::Unknown, message) => message
            .strip_suffix(words)
            .and_then(|message| message.strip_suffix(": ")),
        Failure::Refused(refusal) if refusal.codespace == MODULE && refusal.code == code => refusal
            .log
            .strip_prefix(words)
            .and_then(|log| log.strip_prefix(": ")),
        _ => None,
    };
    match own {
        Some(own) => Failure::Refused(Rejection {
            codespace: MODULE.to_owned(),
            code,
            log: own.to_owned(),
        }),
        None => failure,
    }
}

fn without_suffix(log: String, suffix: &str) -> String {
    match log.strip_suffix(suffix) {
        Some(words) => words.to_owned(),
        None => log,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::tonic::Status;

    use super::*;

    fn log(codespace: &str, code: u32, log: &str) -> String {
        let rejection = Rejection {
            codespace: codespace.to_owned(),
            code,
            log: log.to_owned(),
        };
        match of_message(rejection.into()) {
            ChainError::Rejected(rejection) => rejection.log,
            error => panic!("{error}"),
        }
    }

    fn query(words: &str) -> Failure {
        of_query(Failure::from(&Status::unknown(words)))
    }

    #[test]
    fn only_the_contracts_words_are_left() {
        for (code, refusal) in [
            (4, "no headers: instantiate wasm contract failed"),
            (5, "no headers: execute wasm contract failed"),
        ] {
            assert_eq!(log("wasm", code, refusal), "no headers");
        }
        let refused = Failure::Refused(Rejection {
            codespace: "wasm".to_owned(),
            code: 9,
            log: "no headers".to_owned(),
        });
        for words in [
            "no headers: query wasm contract failed",
            "codespace wasm code 9: query wasm contract failed: no headers",
        ] {
            assert_eq!(query(words), refused);
        }
    }

    #[test]
    fn other_refusals_are_left_as_they_are() {
        for (codespace, code, refusal) in [
            ("wasm", 22, "address wasm1: no such contract"),
            ("wasm", 5, "execute wasm contract failed"),
            ("sdk", 5, "no headers: execute wasm contract failed"),
        ] {
            assert_eq!(log(codespace, code, refusal), refusal);
        }
        let stopped = of_message(ChainError::Stopped);
        assert!(matches!(stopped, ChainError::Stopped));
        for words in [
            "query wasm contract failed",
            "codespace wasm code 22: no such contract: wasm1",
            "codespace sdk code 11: out of gas",
        ] {
            assert_eq!(query(words), Failure::from(&Status::unknown(words)));
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read_without_panic(words in ".{0,30}(: )?(query wasm contract failed)?(: )?.{0,30}") {
            let _ = query(&words);
            let _ = query(&format!("codespace wasm code 9: {words}"));
            let _ = log("wasm", 5, &words);
        }
    }
}
