//! What a mirror is: whom it follows, whom it believes, its numbers. All is fixed at the beginning.

use btc_mesh::Record;
use btc_mesh::msg::Bytes32;
use cosmwasm_std::{Addr, Storage};
use mesh_core::Domain;
use mesh_core::age::AgeLimits;
use serde::{Deserialize, Serialize};

use crate::ContractError;
use crate::msg::Subject;

const CONFIG: Record<Config> = Record::new("config");

/// What a mirror is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) subject: Subject,
    pub(crate) test_only: bool,
    pub(crate) light: Addr,
    pub(crate) gov: Addr,
    /// Blocks of Bitcoin.
    pub(crate) max_age: u32,
    /// Seconds.
    pub(crate) max_stale: u32,
    /// Checkpoints.
    pub(crate) window: u32,
}

impl Config {
    pub(crate) const fn domain(&self) -> Domain {
        Domain::from_bytes(self.subject.domain.0)
    }

    pub(crate) const fn age_limits(&self) -> AgeLimits {
        AgeLimits {
            max_age: self.max_age,
            max_stale: self.max_stale,
        }
    }
}

pub(crate) fn load(storage: &dyn Storage) -> Result<Config, ContractError> {
    Ok(CONFIG.load(storage)?)
}

/// Stores a config that keeps the rules.
pub(crate) fn begin(storage: &mut dyn Storage, config: &Config) -> Result<(), ContractError> {
    check_domain(&config.subject)?;
    let rule = "1 to 64, as on the subject";
    in_range("window", config.window, 1, 64, rule)?;
    in_range("max_age", config.max_age, 1, u32::MAX, "at least 1")?;
    Ok(CONFIG.save(storage, config)?)
}

/// The domain hashes what people know the subject by, so a slip of theirs cannot name another instance.
fn check_domain(subject: &Subject) -> Result<(), ContractError> {
    let Subject {
        domain: given,
        chain_id,
        contract,
        height,
        time,
    } = subject;
    let domain = Domain::new(chain_id, contract, *height, *time)?;
    let computed = Bytes32(*domain.as_bytes());
    if *given == computed {
        Ok(())
    } else {
        let given = *given;
        Err(ContractError::SubjectDomain { given, computed })
    }
}

fn in_range(
    name: &'static str,
    value: u32,
    least: u32,
    most: u32,
    rule: &'static str,
) -> Result<(), ContractError> {
    if value >= least && value <= most {
        Ok(())
    } else {
        Err(ContractError::Range { name, value, rule })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_the_config_is_what_instances_have() {
        let domain = Domain::new("chain", "contract", 1, 2).unwrap();
        let config = Config {
            subject: Subject {
                domain: Bytes32(*domain.as_bytes()),
                chain_id: "chain".to_owned(),
                contract: "contract".to_owned(),
                height: 1,
                time: 2,
            },
            test_only: true,
            light: Addr::unchecked("light"),
            gov: Addr::unchecked("gov"),
            max_age: 3,
            max_stale: 4,
            window: 5,
        };
        assert_stored(
            |storage| begin(storage, &config).unwrap(),
            "config",
            concat!(
                "7e2e55570d5dc487e49ec492173ebafa7db9e80e8f3d077fd436e19f1b84e55305636861696e0863",
                "6f6e7472616374010201056c6967687403676f76030405"
            ),
        );
    }
}
