//! Transactions: what the sender needs of a node.

use std::sync::Arc;

use proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use proto::cosmos::base::abci::v1beta1::TxResponse;
use proto::cosmos::base::tendermint::v1beta1::AbciQueryRequest;
use proto::cosmos::tx::v1beta1::{BroadcastMode, BroadcastTxRequest, GetTxRequest};
use proto::field::{self, FieldError};
use serde::Deserialize;
use staking::units::ChainHeight;

use super::{Node, client, invalid};
use crate::cosmos::effects::Effects;
use crate::{ChainError, Receipt, Rejection};

/// An account's numbers that a transaction's signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountState {
    /// Number of the account.
    pub(crate) number: u64,
    /// Number of its next transaction.
    pub(crate) sequence: u64,
}

/// Gas that a transaction used in a simulation, or why it failed there.
pub(crate) type Simulation = Result<u64, Rejection>;

/// A transaction that is in a block.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    /// The block's height.
    pub(crate) height: ChainHeight,
    /// Whether its messages took effect, all or none, and what that was.
    pub(crate) outcome: Result<Arc<Effects>, Rejection>,
}

/// What the transaction sender needs of a node; tests put a model of the chain behind it.
pub(crate) trait TransactionService: Send + Sync + 'static {
    /// State of an account as of the newest block; `None` before it received anything.
    fn account_state(
        &self,
        address: &str,
    ) -> impl Future<Output = Result<Option<AccountState>, ChainError>> + Send;

    /// Height of the newest block.
    fn newest_height(&self) -> impl Future<Output = Result<ChainHeight, ChainError>> + Send;

    /// Executes a transaction on a copy of the state in which waiting transactions count as signed and paid, but not
    /// as executed.
    fn simulate(
        &self,
        transaction: &[u8],
    ) -> impl Future<Output = Result<Simulation, ChainError>> + Send;

    /// Puts a transaction into the mempool.
    fn broadcast(
        &self,
        transaction: &[u8],
    ) -> impl Future<Output = Result<Result<(), Rejection>, ChainError>> + Send;

    /// Looks a transaction up in the blocks by its hash.
    fn included(
        &self,
        tx_hash: &str,
    ) -> impl Future<Output = Result<Option<Included>, ChainError>> + Send;
}

impl TransactionService for Node {
    async fn account_state(&self, address: &str) -> Result<Option<AccountState>, ChainError> {
        const QUERY: &str = "AccountInfo";
        let mut client = client!(self, cosmos::auth::v1beta1::query_client::QueryClient);
        let request = QueryAccountInfoRequest {
            address: address.to_owned(),
        };
        match self.ask(client.account_info(request)).await {
            Ok(answer) => field::required("info", answer.info)
                .map(|info| {
                    Some(AccountState {
                        number: info.account_number,
                        sequence: info.sequence,
                    })
                })
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    async fn newest_height(&self) -> Result<ChainHeight, ChainError> {
        self.height().await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        const QUERY: &str = "/app/simulate";
        let mut client = client!(
            self,
            cosmos::base::tendermint::v1beta1::service_client::ServiceClient
        );
        let request = AbciQueryRequest {
            data: transaction.to_vec(),
            path: QUERY.to_owned(),
            ..AbciQueryRequest::default()
        };
        let answer = self
            .ask(client.abci_query(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        if answer.code == 0 {
            simulated_gas(&answer.value).map(Ok).map_err(invalid(QUERY))
        } else {
            Ok(Err(rejection(answer.codespace, answer.code, &answer.log)))
        }
    }

    async fn broadcast(&self, transaction: &[u8]) -> Result<Result<(), Rejection>, ChainError> {
        const QUERY: &str = "BroadcastTx";
        let mut client = client!(self, cosmos::tx::v1beta1::service_client::ServiceClient);
        let request = BroadcastTxRequest {
            tx_bytes: transaction.to_vec(),
            mode: BroadcastMode::Sync.into(),
        };
        let answer = self
            .ask(client.broadcast_tx(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::required("tx_response", answer.tx_response)
            .map(|response| outcome(response).map(drop))
            .map_err(invalid(QUERY))
    }

    async fn included(&self, tx_hash: &str) -> Result<Option<Included>, ChainError> {
        const QUERY: &str = "GetTx";
        let mut client = client!(self, cosmos::tx::v1beta1::service_client::ServiceClient);
        match self
            .ask(client.get_tx(GetTxRequest {
                hash: tx_hash.to_owned(),
            }))
            .await
        {
            Ok(answer) => field::required("tx_response", answer.tx_response)
                .and_then(|response| {
                    let height = field::number("tx_response.height", response.height)?;
                    Ok(Some(Included {
                        height: ChainHeight(height),
                        outcome: outcome(response).map(Arc::new),
                    }))
                })
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }
}

impl Node {
    /// What became of a transaction; `None` while it is in no block.
    pub(crate) async fn transaction(
        &self,
        tx_hash: &str,
    ) -> Result<Option<Result<Receipt, Rejection>>, ChainError> {
        let included = self.included(tx_hash).await?;
        Ok(included.map(|included| {
            included.outcome.map(|_| Receipt {
                tx_hash: tx_hash.to_owned(),
                height: included.height,
            })
        }))
    }
}

fn outcome(response: TxResponse) -> Result<Effects, Rejection> {
    if response.code == 0 {
        Ok(response.into())
    } else {
        Err(rejection(
            response.codespace,
            response.code,
            &response.raw_log,
        ))
    }
}

fn rejection(codespace: String, code: u32, log: &[u8]) -> Rejection {
    Rejection {
        codespace,
        code,
        log: String::from_utf8_lossy(log).into_owned(),
    }
}

/// Reads the gas from the JSON of a simulation's answer.
fn simulated_gas(json: &[u8]) -> Result<u64, FieldError> {
    #[derive(Deserialize)]
    struct Answer {
        gas_info: GasInfo,
    }
    #[derive(Deserialize)]
    struct GasInfo {
        gas_used: String,
    }
    let answer: Answer =
        serde_json::from_slice(json).map_err(|error| FieldError::new("value", error))?;
    let gas = &answer.gas_info.gas_used;
    gas.parse()
        .map_err(|_| FieldError::new("gas_info.gas_used", format!("`{gas}` is no number")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_gas_of_a_simulation_is_read() {
        let json = br#"{"gas_info":{"gas_wanted":"0","gas_used":"81234"},"result":{"log":""}}"#;
        assert_eq!(simulated_gas(json).unwrap(), 81_234);
        let error = simulated_gas(br#"{"gas_info":{"gas_used":"-1"}}"#).unwrap_err();
        assert_eq!(error.path(), "gas_info.gas_used");
        assert!(
            simulated_gas(br#"{"gas_info":{}}"#)
                .unwrap_err()
                .to_string()
                .contains("gas_used")
        );
    }

    proptest! {
        #[test]
        fn arbitrary_json_never_panics(json in "[{}\\[\\]\":a-z_0-9]{0,80}") {
            let _ = simulated_gas(json.as_bytes());
        }
    }
}
