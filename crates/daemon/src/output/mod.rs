//! How every command reports: one envelope, one set of exit codes, data on stdout and everything else on stderr.
//!
//! A command returns `Result<Answer, CommandError>`. With `--json` both become one line on stdout,
//! `{"status":"success","result":…}` or `{"status":"error","error":{"code","message","hint"}}`; otherwise the answer is
//! text on stdout and the error is text on stderr. `status` says which of the two fields follows; the exit code says
//! how it went ([`Exit::Pending`] and [`Exit::Partial`] have a result and are not 0).

mod answer;
mod causes;
mod error;
mod exit;

use std::io::{self, ErrorKind, Write};

use serde::Serialize;
use serde_json::value::RawValue;

pub use answer::Answer;
pub use error::CommandError;
pub(crate) use error::with_causes;
pub use exit::Exit;

/// The form in which a command reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One line of JSON for scripts.
    Json,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Envelope<'a> {
    Success { result: Box<RawValue> },
    Error { error: &'a CommandError },
}

/// Writes the outcome of a command to `data` (stdout) or, where it is for people and an error, to `notes` (stderr), and
/// returns how the process should end.
///
/// A reader that has gone away, as in `… | head`, is not a failure of the command.
pub fn report(
    outcome: Result<Answer, CommandError>,
    format: Format,
    data: &mut dyn Write,
    notes: &mut dyn Write,
) -> Exit {
    let (exit, written) = match (outcome.and_then(split), format) {
        (Ok((exit, result, _)), Format::Json) => {
            (exit, write_line(data, &Envelope::Success { result }))
        }
        (Ok((exit, _, text)), Format::Text) => (exit, write_text(data, &text)),
        (Err(error), Format::Json) => (
            error.exit,
            write_line(data, &Envelope::Error { error: &error }),
        ),
        (Err(error), Format::Text) => (error.exit, write_error(notes, &error)),
    };
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // Nothing is left to do if stderr is gone too.
            let _ = writeln!(notes, "error: the result could not be written: {error}");
            Exit::Failed
        }
        _ => exit,
    }
}

fn split(answer: Answer) -> Result<(Exit, Box<RawValue>, String), CommandError> {
    let Answer { json, text, exit } = answer;
    json.map(|json| (exit, json, text)).map_err(|error| {
        CommandError::new(
            Exit::Failed,
            "internal-error",
            format!("the result has no JSON form: {error}; please report this"),
        )
    })
}

fn write_line(out: &mut dyn Write, envelope: &Envelope<'_>) -> io::Result<()> {
    let mut line = serde_json::to_string(envelope)?;
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}

fn write_text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        writeln!(out, "{text}")?;
    }
    out.flush()
}

fn write_error(out: &mut dyn Write, error: &CommandError) -> io::Result<()> {
    writeln!(out, "error: {}", error.message)?;
    if let Some(hint) = &error.hint {
        writeln!(out, "hint: {hint}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt;

    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize)]
    struct Stake {
        txid: &'static str,
    }

    impl fmt::Display for Stake {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            writeln!(f, "staked in {}", self.txid)
        }
    }

    fn refusal() -> CommandError {
        CommandError::new(Exit::Refused, "already-signed", "height 7 is signed")
            .with_hint("nothing to do")
    }

    fn reported(outcome: Result<Answer, CommandError>, format: Format) -> (Exit, String, String) {
        let (mut data, mut notes) = (Vec::new(), Vec::new());
        let exit = report(outcome, format, &mut data, &mut notes);
        (
            exit,
            String::from_utf8(data).unwrap(),
            String::from_utf8(notes).unwrap(),
        )
    }

    #[test]
    fn an_answer_is_one_line_of_json_or_its_text() {
        let answer = || Ok(Stake { txid: "ab" }.into());
        let (exit, data, notes) = reported(answer(), Format::Json);
        assert_eq!(
            (exit, data.as_str()),
            (
                Exit::Success,
                "{\"status\":\"success\",\"result\":{\"txid\":\"ab\"}}\n"
            )
        );
        assert_eq!(notes, "");
        let (_, data, notes) = reported(answer(), Format::Text);
        assert_eq!((data.as_str(), notes.as_str()), ("staked in ab\n", ""));
    }

    #[test]
    fn an_error_is_an_envelope_on_stdout_or_text_on_stderr() {
        let (exit, data, notes) = reported(Err(refusal()), Format::Json);
        assert_eq!(exit.code(), 6);
        assert_eq!(
            serde_json::from_str::<Value>(&data).unwrap(),
            json!({"status": "error", "error": {
                "code": "already-signed", "message": "height 7 is signed", "hint": "nothing to do",
            }})
        );
        assert_eq!(notes, "");
        let (exit, data, notes) = reported(Err(refusal()), Format::Text);
        assert_eq!((exit.code(), data.as_str()), (6, ""));
        assert_eq!(notes, "error: height 7 is signed\nhint: nothing to do\n");
    }

    #[test]
    fn pending_and_partial_results_keep_their_result_and_their_exit_code() {
        let (exit, data, _) = reported(Ok(Answer::pending(Stake { txid: "ab" })), Format::Json);
        assert_eq!(exit.code(), 7);
        assert!(data.contains("\"result\""));
        let (exit, _, _) = reported(Ok(Answer::partial(Stake { txid: "ab" })), Format::Text);
        assert_eq!(exit.code(), 8);
    }

    #[test]
    fn a_result_without_a_json_form_is_an_error_not_a_panic() {
        #[derive(Serialize)]
        struct KeyedByBytes(BTreeMap<Vec<u8>, u8>);
        impl fmt::Display for KeyedByBytes {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
        }
        let answer = KeyedByBytes(BTreeMap::from([(vec![1], 1)])).into();
        let (exit, data, _) = reported(Ok(answer), Format::Json);
        assert_eq!(exit, Exit::Failed);
        assert!(data.contains("internal-error"));
    }

    struct FailingWriter(ErrorKind);

    impl Write for FailingWriter {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_but_a_full_disk_is() {
        for (kind, expected) in [
            (ErrorKind::BrokenPipe, Exit::Success),
            (ErrorKind::StorageFull, Exit::Failed),
        ] {
            let exit = report(
                Ok(Stake { txid: "ab" }.into()),
                Format::Json,
                &mut FailingWriter(kind),
                &mut Vec::new(),
            );
            assert_eq!(exit, expected);
        }
    }

    #[test]
    fn exit_codes_are_numbered_as_documented() {
        let codes: Vec<u8> = Exit::MEANINGS.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
