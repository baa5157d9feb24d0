//! Contracts on one CosmWasm chain, over gRPC.
//!
//! [`Contracts`] asks contracts, and stores, instantiates and executes them for one account. What is asked for becomes
//! messages in `write` and goes through the sender of [`cosmos`](crate::cosmos), which batches it and owns the account's
//! sequence; what the chain and its contracts answer is read in `read`. Contracts speak JSON, whose types are the
//! caller's.

mod contract;
mod execution;
mod node;
mod read;
mod refusal;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use staking::proof_of_possession::AccountAddress;
use staking::units::ChainHeight;

pub use contract::{CodeId, ContractInfo};
pub use execution::{Coin, Executed, Execution};

use crate::cosmos::message::Encoded;
use crate::cosmos::node::Node;
use crate::cosmos::sender::{Landed, Sender};
use crate::cosmos::{AccountKey, Config};
use crate::{ChainError, Receipt, Rejection};

/// The contracts of a chain, and an account on it.
#[derive(Debug)]
pub struct Contracts {
    node: Node,
    /// `None` where nothing is sent.
    account: Option<Account>,
    chain_id: String,
    fee_denomination: String,
}

#[derive(Debug)]
struct Account {
    address: AccountAddress,
    sender: Sender,
}

impl Contracts {
    /// Connects to the node and starts sending for the account of `account_key`.
    ///
    /// One process may have one connection for each account: the connection keeps the account's sequence. Where another
    /// program uses the account too, both get through, only slower; but a message that both send at the same moment may
    /// become one and the same transaction, and then takes effect once.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`] while the node does not answer, [`ChainError::WrongChain`] where it serves another
    /// chain, [`ChainError::InvalidMessage`] for an account prefix that no address can have.
    pub async fn connect(config: Config, account_key: AccountKey) -> Result<Self, ChainError> {
        let address = account_key
            .address(&config.account_prefix)
            .map_err(|error| ChainError::InvalidMessage {
                reason: error.to_string(),
            })?;
        let node = Node::connect(&config).await?;
        let text = address.text().to_owned();
        let sender = Sender::start(node.clone(), &config, account_key, text);
        Ok(Self {
            account: Some(Account { address, sender }),
            ..Self::new(node, config)
        })
    }

    /// Connects to the node to ask questions only; whatever would need an account is refused.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`] while the node does not answer, [`ChainError::WrongChain`] where it serves another
    /// chain.
    pub async fn watch(config: Config) -> Result<Self, ChainError> {
        let node = Node::connect(&config).await?;
        Ok(Self::new(node, config))
    }

    fn new(node: Node, config: Config) -> Self {
        Self {
            node,
            account: None,
            chain_id: config.chain_id,
            fee_denomination: config.fee_denomination,
        }
    }

    /// The node that is asked.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// The account that signs and pays; `None` where nothing is sent.
    pub fn account(&self) -> Option<&AccountAddress> {
        self.account.as_ref().map(|account| &account.address)
    }

    // --- Asking ---

    /// Height of the chain's newest block.
    pub async fn height(&self) -> Result<ChainHeight, ChainError> {
        self.node.height().await
    }

    /// What an account or contract has of the fee denomination, in its smallest unit.
    pub async fn balance(&self, address: &AccountAddress) -> Result<u128, ChainError> {
        self.node
            .balance(address.text(), &self.fee_denomination)
            .await
    }

    /// What the chain knows of a contract; `None` where there is none at the address.
    pub async fn contract(
        &self,
        address: &AccountAddress,
    ) -> Result<Option<ContractInfo>, ChainError> {
        self.node.contract(address).await
    }

    /// Asks a contract.
    ///
    /// # Errors
    ///
    /// [`ChainError::Rejected`] with the contract's own words where it refuses, [`ChainError::InvalidAnswer`] where the
    /// answer is not a `T` or has more than 4 MiB.
    pub async fn query<T: DeserializeOwned>(
        &self,
        contract: &AccountAddress,
        msg: &(impl Serialize + Sync),
    ) -> Result<T, ChainError> {
        self.node.query(contract, write::json(msg)?).await
    }

    /// What a contract stores under a key; `None` where there is nothing. An entry is at most 4 MiB.
    pub async fn raw(
        &self,
        contract: &AccountAddress,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ChainError> {
        self.node.raw(contract, key).await
    }

    /// What a contract was told in transactions in which it said `event` of something, with this attribute: the oldest few
    /// of those that the node has in its index, oldest first; `None` where it has none. What travelled inside of other
    /// messages is not among it.
    ///
    /// # Errors
    ///
    /// [`ChainError::InvalidMessage`] for a value that no question can hold.
    pub async fn told(
        &self,
        contract: &AccountAddress,
        event: &str,
        (name, value): (&str, &str),
    ) -> Result<Option<Vec<Vec<u8>>>, ChainError> {
        let address = contract.text();
        if [event, name, value].iter().any(|text| text.contains('\'')) {
            return Err(ChainError::InvalidMessage {
                reason: format!("`{event}.{name}`: a quotation mark in `{value}`"),
            });
        }
        let query =
            format!("wasm-{event}.{name}='{value}' AND wasm-{event}._contract_address='{address}'");
        self.node.told(contract, query).await
    }

    /// What became of a transaction after [`ChainError::Timeout`]; `None` while it is in no block.
    pub async fn transaction(
        &self,
        tx_hash: &str,
    ) -> Result<Option<Result<Receipt, Rejection>>, ChainError> {
        self.node.transaction(tx_hash).await
    }

    // --- Acting ---

    /// Stores a contract's code, plain or gzipped.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`].
    pub async fn store_code(&self, wasm: Vec<u8>) -> Result<CodeId, ChainError> {
        let (account, sender) = self.sending()?;
        let landed = submit_one(sender, write::store_code(account, wasm)).await?;
        read::effect(&landed, read::stored_code)
    }

    /// Makes a contract of stored code. Who is `admin` may give it other code later; without one nobody may.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`].
    pub async fn instantiate(
        &self,
        code: CodeId,
        msg: &(impl Serialize + Sync),
        label: &str,
        admin: Option<&AccountAddress>,
    ) -> Result<AccountAddress, ChainError> {
        let (account, sender) = self.sending()?;
        let message = write::instantiate(account, code, write::json(msg)?, label, admin);
        let landed = submit_one(sender, message).await?;
        read::effect(&landed, read::new_contract)
    }

    /// Sends executions in as few transactions as their gas allows and waits until each is in a block.
    ///
    /// The answer has one entry for each execution, in order: a refused one does not take the others with it. Those of
    /// one call are executed in their order; a later one may build on an earlier one. Calls may run side by side and
    /// then share transactions.
    ///
    /// # Errors
    ///
    /// [`ChainError::Rejected`] with the contract's own words where it refuses, and any other [`ChainError`]. After any
    /// but [`ChainError::Timeout`], [`ChainError::Stopped`] and [`ChainError::UnreadableEffect`] the execution has not
    /// taken effect. After the former two it may have, or may still: whoever would be hurt by its happening twice looks
    /// before sending it again. After the last it has.
    pub async fn execute(&self, executions: Vec<Execution>) -> Vec<Result<Executed, ChainError>> {
        let (account, sender) = match self.sending() {
            Ok(sending) => sending,
            Err(error) => return executions.iter().map(|_| Err(error.clone())).collect(),
        };
        let messages = executions
            .into_iter()
            .map(|execution| write::execute(account, execution))
            .collect();
        submit(sender, messages)
            .await
            .map(|landed| read::effect(&landed?, read::executed))
            .collect()
    }

    /// Sends coins of the fee denomination, in its smallest unit.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`]; no coins are no transfer.
    pub async fn send(&self, to: &AccountAddress, amount: u128) -> Result<Receipt, ChainError> {
        let (account, sender) = self.sending()?;
        let coin = Coin {
            denomination: self.fee_denomination.clone(),
            amount,
        };
        let landed = submit_one(sender, write::send(account, to, coin)?).await?;
        Ok(landed.receipt)
    }

    /// The account's address and its sender.
    fn sending(&self) -> Result<(&str, &Sender), ChainError> {
        match &self.account {
            Some(account) => Ok((account.address.text(), &account.sender)),
            None => Err(ChainError::InvalidMessage {
                reason: format!(
                    "chain `{}` is only watched, an account's key is needed to send",
                    self.chain_id
                ),
            }),
        }
    }
}

/// Sends messages; the answers are in their order.
async fn submit(
    sender: &Sender,
    messages: Vec<Result<Encoded, ChainError>>,
) -> impl Iterator<Item = Result<Landed, ChainError>> {
    let answers = sender.submit(messages).await.into_iter();
    answers.map(|answer| answer.map_err(refusal::of_message))
}

async fn submit_one(sender: &Sender, message: Encoded) -> Result<Landed, ChainError> {
    submit(sender, vec![Ok(message)])
        .await
        .next()
        .unwrap_or(Err(ChainError::Stopped))
}
