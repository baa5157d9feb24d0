//! From what the deserializer says to what the user has to know: where, which key, which rule, what to do.

use figment::error::{Actual, Kind};
use figment::value::Value;
use figment::{Figment, Metadata};

use super::file::ConfigFile;
use super::{BrokenRule, Problem};

/// Names less alike than this are not suggested (1 is equal).
const LIKENESS: f64 = 0.75;

/// Parts of names whose values are never shown.
const SECRET_NAMES: [&str; 7] = [
    "password",
    "passphrase",
    "secret",
    "mnemonic",
    "seed",
    "token",
    "private",
];

/// End of the names of settings that say which file holds a secret.
const REFERENCE: &str = "_file";

/// Puts one deserialization error into words.
pub(super) fn describe(error: &figment::Error, figment: &Figment, file: &ConfigFile) -> Problem {
    let mut path = error.path.clone();
    // The deserializer stands at the section that lacks the field. That a variable may have set another field of the
    // section does not matter: the file is where it is to be added.
    let source = if let Kind::MissingField(field) = &error.kind {
        path.push(field.to_string());
        locate(None, &path, file)
    } else {
        locate(error.metadata.as_ref(), &path, file)
    };
    let name = path.last().map(String::as_str).unwrap_or_default();
    let key = path.join(".");
    let message = with_value(&error.kind, figment.find_value(&key).ok().as_ref());
    let message = if holds_secret(&path) || names_credentials(&message) {
        rule(&error.kind)
    } else {
        message
    };
    Problem {
        source,
        message,
        hint: hint(name, error),
        key,
    }
}

/// Says where the setting that breaks a rule comes from.
pub(super) fn locate_broken_rule(
    broken: BrokenRule,
    figment: &Figment,
    file: &ConfigFile,
) -> Problem {
    let path: Vec<String> = broken.key.split('.').map(str::to_owned).collect();
    let source = locate(figment.find_metadata(&broken.key), &path, file);
    Problem {
        source,
        key: broken.key,
        message: broken.rule,
        hint: broken.hint,
    }
}

/// `file, line n` or `environment variable NAME`.
fn locate(metadata: Option<&Metadata>, path: &[String], file: &ConfigFile) -> String {
    match metadata {
        Some(variable) if variable.source.is_none() => variable.name.to_string(),
        _ => match file.line_of(path) {
            Some(line) => format!("{}, line {line}", file.path().display()),
            None => file.path().display().to_string(),
        },
    }
}

/// The broken rule together with the value that breaks it.
fn with_value(kind: &Kind, value: Option<&Value>) -> String {
    match (kind, value.and_then(Value::as_str)) {
        (Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected), _) => {
            format!("expected {}, found {}", in_words(expected), found(actual))
        }
        (Kind::UnknownVariant(variant, expected), _) => {
            format!("`{variant}` is none of {}", quoted(expected))
        }
        (Kind::Message(message), Some(value)) if !message.contains(value) => {
            format!("`{value}`: {message}")
        }
        (Kind::Message(message), _) => message.clone(),
        _ => rule(kind),
    }
}

/// The broken rule without the value, which may be a secret.
fn rule(kind: &Kind) -> String {
    match kind {
        Kind::UnknownField(..) => "unknown key".to_owned(),
        Kind::MissingField(_) => "missing".to_owned(),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("expected {}", in_words(expected))
        }
        Kind::InvalidLength(length, expected) => {
            format!("has {length} entries, expected {expected}")
        }
        Kind::UnknownVariant(_, expected) => format!("is none of {}", quoted(expected)),
        Kind::Message(_) => "not valid".to_owned(),
        other => other.to_string(),
    }
}

/// The expected type in an operator's words; the deserializer names Rust's.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other.strip_prefix("struct ").map_or(other, |_| "a section"),
    }
}

fn found(actual: &Actual) -> String {
    match actual {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Str(value) => format!("the text `{value}`"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

fn hint(name: &str, error: &figment::Error) -> Option<String> {
    match &error.kind {
        Kind::UnknownField(field, known) if is_secret(field) => {
            let reference = format!("{field}{REFERENCE}");
            Some(if known.contains(&reference.as_str()) {
                format!("secrets are never settings: write it to a file and set `{reference}`")
            } else {
                "secrets are never settings: see --help for where they are read from".to_owned()
            })
        }
        Kind::UnknownField(given, known) | Kind::UnknownVariant(given, known) => {
            Some(match nearest(given, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", quoted(known)),
            })
        }
        Kind::MissingField(_) => Some(format!("set `{name}`; `config init` writes an example")),
        Kind::InvalidType(
            Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) | Actual::Bool(_),
            expected,
        ) if expected.contains("string") => Some("put the value in double quotes".to_owned()),
        _ => None,
    }
}

fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(given, name), *name))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether the setting at this path, or the list or section it is in, would hold a secret.
fn holds_secret(path: &[String]) -> bool {
    let is_reference = path.last().is_some_and(|name| name.ends_with(REFERENCE));
    !is_reference && path.iter().any(|name| is_secret(name))
}

/// Whether a text has a URL with a user name or password in it.
fn names_credentials(text: &str) -> bool {
    text.split("://").skip(1).any(|after| {
        after
            .split('/')
            .next()
            .is_some_and(|host| host.contains('@'))
    })
}

/// Whether a setting of this name would hold a secret itself, not the name of a file that does.
fn is_secret(name: &str) -> bool {
    !name.ends_with(REFERENCE) && SECRET_NAMES.iter().any(|secret| name.contains(secret))
}
