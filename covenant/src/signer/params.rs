//! Which staking parameters a signer works under.
//!
//! Parameters decide where slashed coins go and how long an unbonding stake can still be slashed. Whoever may choose
//! them may have anything signed, so the signer does not take them from the request: a request's parameters must equal
//! those of a source that the signer's operator chose.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use bitcoin::hashes::{Hash, sha256};
use chain::Chain;
use committee::message::params_to_proto;
use proto::prost::Message;
use serde::{Deserialize, Serialize};
use staking::params::{ParamsVersions, StakingParams};
use tokio::sync::RwLock;

use super::{Refusal, SignerError};

/// Fingerprint of one version of the parameters: SHA-256 of its `StakingParams` message (`signer.proto`).
pub fn fingerprint(params: &StakingParams) -> sha256::Hash {
    sha256::Hash::hash(&params_to_proto(params).encode_to_vec())
}

/// Parameters that an operator looked at and wrote into the signer's configuration.
///
/// In text `VERSION:FINGERPRINT`, as `covenant params` prints it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinnedParams {
    /// The version.
    pub version: u32,
    /// Its [`fingerprint`].
    pub fingerprint: sha256::Hash,
}

impl PinnedParams {
    /// What pins these.
    pub fn of(params: &StakingParams) -> Self {
        Self {
            version: params.version,
            fingerprint: fingerprint(params),
        }
    }
}

/// Text that pins no parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `VERSION:FINGERPRINT` as `covenant params` prints it")]
pub struct PinnedParamsError(String);

impl FromStr for PinnedParams {
    type Err = PinnedParamsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PinnedParamsError(text.to_owned());
        let (version, fingerprint) = text.split_once(':').ok_or_else(refused)?;
        Ok(Self {
            version: version.parse().map_err(|_| refused())?,
            fingerprint: fingerprint.parse().map_err(|_| refused())?,
        })
    }
}

impl TryFrom<String> for PinnedParams {
    type Error = PinnedParamsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PinnedParams> for String {
    fn from(pinned: PinnedParams) -> Self {
        pinned.to_string()
    }
}

impl fmt::Display for PinnedParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.version, self.fingerprint)
    }
}

/// The sources of parameters that a signer trusts: those that its operator wrote down, and its own chain node.
pub struct TrustedParams {
    pinned: BTreeSet<PinnedParams>,
    chain: Option<ChainSource>,
}

/// A place for the chain's node, empty until it answers: what is pinned can be signed under meanwhile.
pub type ConnectedChain = Arc<OnceLock<Arc<dyn Chain>>>;

struct ChainSource {
    connected: ConnectedChain,
    known: RwLock<Option<ParamsVersions>>,
}

impl TrustedParams {
    /// Those in the signer's configuration. The signer needs no network for this.
    pub fn pinned(pinned: impl IntoIterator<Item = PinnedParams>) -> Self {
        Self {
            pinned: pinned.into_iter().collect(),
            chain: None,
        }
    }

    /// These, and those that the signer's own chain node answers.
    #[must_use]
    pub fn or_of_chain(self, connected: ConnectedChain) -> Self {
        Self {
            chain: Some(ChainSource {
                connected,
                known: RwLock::new(None),
            }),
            ..self
        }
    }

    /// Refuses parameters that are not the trusted ones of their version.
    pub async fn check(&self, params: &StakingParams) -> Result<(), SignerError> {
        let asked = PinnedParams::of(params);
        if self.pinned.contains(&asked) {
            return Ok(());
        }
        let (trusted, source) = match &self.chain {
            None => (
                self.pinned
                    .iter()
                    .find(|pinned| pinned.version == asked.version)
                    .map(|pinned| pinned.fingerprint),
                "in `trusted_params` of the signer",
            ),
            Some(source) => {
                let chain = source.connected.get().ok_or_else(|| {
                    SignerError::Unavailable("the chain's node has not answered yet".to_owned())
                })?;
                let trusted = version_of(chain.as_ref(), &source.known, asked.version).await?;
                (trusted, "on the signer's chain node")
            }
        };
        match trusted {
            Some(trusted) if trusted == asked.fingerprint => Ok(()),
            Some(trusted) => Err(Refusal::new(
                "untrusted-params",
                format!("params {asked} are {}:{trusted} {source}", asked.version),
            )
            .into()),
            None => Err(
                Refusal::new("unknown-params", format!("params {asked} are not {source}")).into(),
            ),
        }
    }
}

/// Fingerprint of a version that the chain has; it is asked once for each version that appears.
async fn version_of(
    chain: &dyn Chain,
    known: &RwLock<Option<ParamsVersions>>,
    version: u32,
) -> Result<Option<sha256::Hash>, SignerError> {
    let fingerprint_in = |versions: &Option<ParamsVersions>| {
        versions
            .as_ref()
            .and_then(|versions| versions.version(version))
            .map(fingerprint)
    };
    if let Some(fingerprint) = fingerprint_in(&*known.read().await) {
        return Ok(Some(fingerprint));
    }
    let mut known = known.write().await;
    let versions = chain
        .staking_params()
        .await
        .map_err(|error| SignerError::Unavailable(error.to_string()))?;
    *known = Some(versions);
    Ok(fingerprint_in(&known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pinned_params_are_read_as_they_are_written(version in any::<u32>(), fingerprint in any::<[u8; 32]>()) {
            let pinned = PinnedParams { version, fingerprint: sha256::Hash::from_byte_array(fingerprint) };
            prop_assert_eq!(pinned.to_string().parse(), Ok(pinned));
        }

        #[test]
        fn any_other_text_pins_nothing(
            text in prop_oneof![any::<String>(), "[0-9]{0,12}:[0-9a-f]{60,68}", "[-+ 0-9]{1,4}:[0-9a-fA-F]{64}"],
        ) {
            match text.parse::<PinnedParams>() {
                // Digits may be spelled in other ways; the value is the same.
                Ok(pinned) => prop_assert_eq!(pinned.to_string().parse(), Ok(pinned)),
                Err(error) => {
                    let named = format!("`{text}`");
                    prop_assert!(error.to_string().contains(&named));
                }
            }
        }
    }
}
