//! The key that two votes at one height reveal.
//!
//! Anybody can do this with public data; it is here so that others can verify our evidence and our slasher.

use std::fmt;
use std::io::Read;

use daemon::output::{CommandError, Exit};
use eots::curve::Native;
use eots::{PublicKey, PublicRandomness, Signature, Signed, extract, verify, vote_message};
use serde::{Deserialize, Serialize};

/// Longest input read: the real one is about 600 bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// Two votes of one provider at one height; hex but for the height.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoVotes {
    /// EOTS key, 32 bytes.
    pub public_key: String,
    /// The height both votes are for.
    pub height: u64,
    /// Public randomness of the height, 32 bytes.
    pub public_randomness: String,
    /// App hash of one vote, 32 bytes.
    pub app_hash: String,
    /// Its EOTS signature, 32 bytes.
    pub signature: String,
    /// App hash of the other vote, 32 bytes.
    pub fork_app_hash: String,
    /// Its EOTS signature, 32 bytes.
    pub fork_signature: String,
}

/// The key that the two votes reveal.
#[derive(Serialize)]
pub struct ExtractedKey {
    /// 32 bytes in hex: the representative whose point has even y.
    pub extracted_key: String,
}

impl fmt::Display for ExtractedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.extracted_key)
    }
}

/// Reads two votes as one JSON object.
///
/// # Errors
///
/// Refuses what is not one object with exactly the fields of [`TwoVotes`].
pub fn read_votes(input: impl Read) -> Result<TwoVotes, CommandError> {
    let unreadable = |message: String| {
        CommandError::new(Exit::Usage, "malformed-input", message).with_hint(
            "give one JSON object on stdin with `public_key`, `height`, `public_randomness`, `app_hash`, `signature`, \
             `fork_app_hash` and `fork_signature`",
        )
    };
    let mut json = serde_json::Deserializer::from_reader(input.take(MOST_BYTES));
    let votes = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner();
        unreadable(match path.as_str() {
            "." => problem.to_string(),
            field => format!("field `{field}`: {problem}"),
        })
    })?;
    json.end()
        .map_err(|error| unreadable(format!("after the object: {error}")))?;
    Ok(votes)
}

/// Computes the key.
///
/// # Errors
///
/// Refuses malformed fields, votes that do not verify, and two votes for the same block.
pub fn extract_key(votes: &TwoVotes) -> Result<ExtractedKey, CommandError> {
    let key: PublicKey = field("public_key", &votes.public_key)?;
    let randomness: PublicRandomness = field("public_randomness", &votes.public_randomness)?;
    let message = |name, text| -> Result<_, CommandError> {
        Ok(vote_message(votes.height, &app_hash(name, text)?))
    };
    let canonical = message("app_hash", &votes.app_hash)?;
    let fork = message("fork_app_hash", &votes.fork_app_hash)?;
    let canonical_signature: Signature = field("signature", &votes.signature)?;
    let fork_signature: Signature = field("fork_signature", &votes.fork_signature)?;

    for (name, message, signature) in [
        ("signature", &canonical, &canonical_signature),
        ("fork_signature", &fork, &fork_signature),
    ] {
        verify(&Native, &key, &randomness, message, signature)
            .map_err(|error| refused("invalid-vote", &format!("`{name}`: {error}")))?;
    }
    let secret = extract(
        &Native,
        &key,
        &randomness,
        Signed {
            message: &canonical,
            signature: &canonical_signature,
        },
        Signed {
            message: &fork,
            signature: &fork_signature,
        },
    )
    .map_err(|error| refused("no-equivocation", &error.to_string()))?;
    Ok(ExtractedKey {
        extracted_key: hex::encode(*secret.to_bytes()),
    })
}

fn refused(code: &'static str, message: &str) -> CommandError {
    CommandError::new(Exit::Failed, code, message)
}

fn field<T: std::str::FromStr<Err: fmt::Display>>(
    name: &str,
    text: &str,
) -> Result<T, CommandError> {
    text.parse()
        .map_err(|error: T::Err| malformed(name, &error))
}

fn app_hash(name: &str, text: &str) -> Result<[u8; 32], CommandError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|error| malformed(name, &format!("`{text}` is not 32 bytes of hex: {error}")))?;
    Ok(bytes)
}

fn malformed(name: &str, problem: &dyn fmt::Display) -> CommandError {
    CommandError::new(
        Exit::Usage,
        "malformed-input",
        format!("field `{name}`: {problem}"),
    )
}
