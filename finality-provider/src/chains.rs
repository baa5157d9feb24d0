//! The chains that the providers of this process vote on: Babylon and partner chains, each by itself.

use chain::SecuredChain;
use daemon::output::{CommandError, Exit};

use crate::config::Config;

impl Config {
    /// All chains, Babylon first; at least one.
    pub fn secured_chains(&self) -> Vec<SecuredChain> {
        SecuredChain::all(self.babylon.as_ref(), &self.chains)
    }

    /// The chain that a command names; where it names none, the only one, or Babylon.
    pub fn secured_chain(&self, name: Option<&str>) -> Result<SecuredChain, CommandError> {
        let mut chains = self.secured_chains();
        let names: Vec<_> = chains.iter().map(|chain| chain.name().to_owned()).collect();
        let position = match name {
            Some(name) => names.iter().position(|known| known == name),
            None if self.babylon.is_some() || names.len() == 1 => Some(0),
            None => None,
        };
        if let Some(position) = position.filter(|position| *position < chains.len()) {
            return Ok(chains.swap_remove(position));
        }
        let message = match name {
            Some(name) => format!("the configuration has no chain with the name `{name}`"),
            None => "the configuration has several chains: say which one with --chain".to_owned(),
        };
        let error = CommandError::new(Exit::Configuration, "unknown-chain", message);
        Err(error.with_hint(format!("it has: {}", names.join(", "))))
    }
}
