//! The providers of the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chain::mesh::is_name;
use daemon::config::BrokenRule;
use serde::Deserialize;
use staking::keys::FinalityProviderKey;

use super::SignerConfig;

/// One `[[provider]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name in logs and commands; also the name of its key files.
    pub name: String,
    /// EOTS key; needed where the signer is another process, otherwise the key file says it.
    pub public_key: Option<FinalityProviderKey>,
    /// File of the EOTS key; `keys/<name>.key` where absent.
    pub key_file: Option<PathBuf>,
    /// File of the account's key; `keys/<name>-account.key` where absent.
    pub account_key_file: Option<PathBuf>,
    /// Whether `start` runs it.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

impl ProviderConfig {
    /// Its EOTS key file below `home`.
    pub fn key_file(&self, home: &Path) -> PathBuf {
        let default = || PathBuf::from(format!("keys/{}.key", self.name));
        home.join(self.key_file.clone().unwrap_or_else(default))
    }

    /// Its account's key file below `home`.
    pub fn account_key_file(&self, home: &Path) -> PathBuf {
        let default = || PathBuf::from(format!("keys/{}-account.key", self.name));
        home.join(self.account_key_file.clone().unwrap_or_else(default))
    }

    /// What is wrong with it as the entry at `index`; `taken` is what only one provider may have.
    pub(super) fn broken_rules(
        &self,
        index: usize,
        signer: &SignerConfig,
        taken: &mut BTreeSet<(&'static str, String)>,
    ) -> Vec<BrokenRule> {
        let rule = |key, text: String| BrokenRule::new(format!("provider.{index}.{key}"), text);
        let mut broken = Vec::new();
        if !is_name(&self.name) {
            let text = format!("`{}` is no name: use a to z, 0 to 9 and -", self.name);
            broken.push(rule("name", text));
        }
        // Files of the same name would only say the same again.
        if !taken.insert(("name", self.name.clone())) {
            broken.push(rule("name", format!("`{}` is used twice", self.name)));
            return broken;
        }
        // Two tasks with one key would be in each other's way, and two with one account too.
        let here = Path::new("");
        let public_key = self.public_key.map(|key| key.to_string());
        for (key, kind, value) in [
            ("public_key", "public key", public_key),
            (
                "key_file",
                "file",
                Some(self.key_file(here).display().to_string()),
            ),
            (
                "account_key_file",
                "file",
                Some(self.account_key_file(here).display().to_string()),
            ),
        ] {
            if let Some(value) = value
                && !taken.insert((kind, value.clone()))
            {
                broken.push(rule(key, format!("`{value}` is used twice")));
            }
        }
        if signer.endpoint.is_some() && self.public_key.is_none() {
            let text = "is needed because `signer.endpoint` puts the key into another process";
            broken.push(rule("public_key", text.to_owned()));
        }
        broken
    }
}

fn enabled() -> bool {
    true
}
