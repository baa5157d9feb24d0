//! Which instance of `btc-mesh` is secured, and how its chain is reached.

use std::collections::BTreeSet;

use mesh_core::Domain;
use serde::{Deserialize, Serialize};
use staking::proof_of_possession::AccountAddress;

use crate::cosmos;

/// Configuration of one partner chain: `[[chain]]`, with the node in `[chain.node]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What commands, logs and metrics call the chain: a to z, 0 to 9 and -.
    pub name: String,
    /// Address of the contract `btc-mesh`.
    pub contract: ContractAddress,
    /// The instance's domain, 64 hex digits. Pinned: an instance with another one is refused, since nonces depend on it.
    pub domain: PinnedDomain,
    /// The era that is trusted. Governance begins a new one after a stall, which no guarantee spans; nothing is signed in
    /// one that the operator has not pinned.
    #[serde(default)]
    pub era: u32,
    /// A full node of our own, and what its transactions may cost.
    pub node: cosmos::Config,
}

/// Address of a contract, bech32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContractAddress(pub AccountAddress);

/// A domain as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinnedDomain(pub Domain);

/// What commands call Babylon, so no partner chain is called so.
pub const BABYLON: &str = "babylon";

/// Which settings of `[[chain]]` entries break a rule, such as `chain.0.name`, and how. `babylon` is the chain id of the
/// Babylon that is configured besides: records name chains by it or by a domain, so no two may be the same.
pub fn broken_settings(chains: &[Config], babylon: Option<&str>) -> Vec<(String, String)> {
    let mut broken = Vec::new();
    let mut names = BTreeSet::from([BABYLON]);
    let mut domains: BTreeSet<String> = babylon.map(str::to_owned).into_iter().collect();
    for (index, chain) in chains.iter().enumerate() {
        let mut breaks = |key: &str, text| broken.push((format!("chain.{index}.{key}"), text));
        if !is_name(&chain.name) {
            let text = format!("`{}` is no name: use a to z, 0 to 9 and -", chain.name);
            breaks("name", text);
        } else if !names.insert(&chain.name) {
            breaks("name", format!("`{}` is used twice", chain.name));
        }
        let domain = chain.domain.0.to_string();
        if domains.contains(&domain) {
            breaks("domain", format!("`{domain}` is used twice"));
        }
        domains.insert(domain);
    }
    broken
}

/// Whether a text can name something in commands, files and metric labels: 1 to 40 of a to z, 0 to 9 and -.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=40).contains(&text.len()) && text.bytes().all(allowed)
}

impl TryFrom<String> for ContractAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|error| format!("`{text}` is no contract's address: {error}"))
    }
}

impl From<ContractAddress> for String {
    fn from(address: ContractAddress) -> Self {
        address.0.text().to_owned()
    }
}

impl TryFrom<String> for PinnedDomain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|_| format!("`{text}` is not a domain of 64 hex digits"))?;
        Ok(Self(Domain::from_bytes(bytes)))
    }
}

impl From<PinnedDomain> for String {
    fn from(domain: PinnedDomain) -> Self {
        domain.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(change: impl Fn(&str) -> String) -> Result<Config, String> {
        let contract = AccountAddress::new("wasm", &[1; 32]).unwrap();
        let contract = contract.text();
        let text = "name = 'x'\ncontract = 'CONTRACT'\n\
                    domain = '0101010101010101010101010101010101010101010101010101010101010101'\n\
                    [node]\nchain_id = 'x-1'\ngrpc_url = 'http://127.0.0.1:9090'\naccount_prefix = 'wasm'\n\
                    fee_denomination = 'stake'\ngas_price = '0'\nmax_fee = 1\n";
        let text = text.replace("CONTRACT", contract);
        toml::from_str(&change(&text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_pin_is_named() {
        let config = loaded(str::to_owned).unwrap();
        assert_eq!(config.domain.0, Domain::from_bytes([1; 32]));
        assert_eq!(config.era, 0);
        for (from, to, named) in [
            ("domain = '01", "domain = '0x", "64 hex digits"),
            ("'wasm1", "'wasn1", "no contract's address"),
            ("name = 'x'", "nam = 'x'", "unknown field `nam`"),
        ] {
            let error = loaded(|text| text.replace(from, to)).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
