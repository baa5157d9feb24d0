//! Contracts as the chain knows them.

use std::fmt;

use staking::proof_of_possession::AccountAddress;

/// Number of a contract's code on its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId(pub u64);

impl fmt::Display for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What the chain knows of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractInfo {
    /// The code it runs.
    pub code: CodeId,
    /// Who made it.
    pub creator: AccountAddress,
    /// Who may give it other code; `None` where nobody may.
    pub admin: Option<AccountAddress>,
    /// Its name for people.
    pub label: String,
}
