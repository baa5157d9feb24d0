//! Transactions and outputs: finding, testing and sending them.

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Amount, BlockHash, Denomination, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use serde_json::{Value, json};

use super::answers::{AcceptInfo, HeaderInfo, OutputInfo, SpenderInfo, TransactionInfo};
use super::classify::invalid;
use super::rpc::RpcClient;
use crate::block_id::BlockId;
use crate::error::SourceError;
use crate::rejection::{Rejection, RejectionKind};
use crate::source::{
    ConfirmedOutput, FoundTransaction, Location, MempoolAcceptance, UnspentOutput,
};
use staking::units::BitcoinHeight;

/// Bitcoin Core's `RPC_VERIFY_REJECTED`: what a broadcast fails with where `testmempoolaccept` only gives a reason.
const VERIFY_REJECTED: i32 = -26;

impl RpcClient {
    pub(super) fn found_transaction(&self, txid: Txid) -> Result<FoundTransaction, SourceError> {
        let question = format!("transaction {txid}");
        let info: TransactionInfo =
            self.ask(&question, "getrawtransaction", &[json!(txid), json!(true)])?;
        let transaction = decode(&question, txid, &info.hex)?;
        let location = match info.block_hash {
            None => Location::Mempool,
            Some(hash) => {
                let header: HeaderInfo = self.ask(&question, "getblockheader", &[json!(hash)])?;
                let Some(confirmations) = u32::try_from(header.confirmations)
                    .ok()
                    .filter(|blocks| *blocks > 0)
                else {
                    let reason = format!("its block {hash} has left the best chain");
                    return Err(SourceError::NotFound {
                        what: question,
                        reason,
                    });
                };
                let block = BlockId {
                    height: BitcoinHeight(header.height),
                    hash,
                };
                Location::Block {
                    block,
                    confirmations,
                }
            }
        };
        Ok(FoundTransaction {
            transaction,
            location,
        })
    }

    pub(super) fn transaction_in(
        &self,
        block: BlockHash,
        txid: Txid,
    ) -> Result<Transaction, SourceError> {
        let question = format!("transaction {txid} in block {block}");
        let hex: String = self.ask(
            &question,
            "getrawtransaction",
            &[json!(txid), json!(false), json!(block)],
        )?;
        decode(&question, txid, &hex)
    }

    pub(super) fn unspent_output(
        &self,
        outpoint: OutPoint,
    ) -> Result<Option<UnspentOutput>, SourceError> {
        let question = format!("output {outpoint}");
        self.settled(&question, || {
            let info: Option<OutputInfo> = self.ask(
                &question,
                "gettxout",
                &[json!(outpoint.txid), json!(outpoint.vout)],
            )?;
            let Some(info) = info else {
                return Ok(Some(None));
            };
            let script_pubkey = ScriptBuf::from_hex(&info.script.hex)
                .map_err(|error| invalid(&question, error.to_string()))?;
            let location = self.location_below(&question, info.best_block, info.confirmations)?;
            Ok(location.map(|location| {
                Some(UnspentOutput {
                    output: TxOut {
                        value: info.value,
                        script_pubkey,
                    },
                    location,
                    coinbase: info.coinbase,
                })
            }))
        })
    }

    pub(super) fn confirmed_outputs(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<ConfirmedOutput>>, SourceError> {
        let arguments: Vec<_> = outpoints
            .iter()
            .map(|outpoint| vec![json!(outpoint.txid), json!(outpoint.vout), json!(false)])
            .collect();
        let outputs: Vec<Option<OutputInfo>> =
            self.ask_all("confirmed outputs", "gettxout", &arguments)?;
        let confirmed = |output: OutputInfo| ConfirmedOutput {
            value: output.value,
            confirmations: output.confirmations,
        };
        Ok(outputs
            .into_iter()
            .map(|output| output.map(confirmed))
            .collect())
    }

    pub(super) fn mempool_spenders(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<Option<Txid>>, SourceError> {
        if outpoints.is_empty() {
            // bitcoind refuses an empty list.
            return Ok(Vec::new());
        }
        let question = "mempool spenders of outputs";
        let arguments: Vec<Value> = outpoints
            .iter()
            .map(|outpoint| json!({"txid": outpoint.txid, "vout": outpoint.vout}))
            .collect();
        let spenders: Vec<SpenderInfo> =
            self.ask(question, "gettxspendingprevout", &[Value::from(arguments)])?;
        if spenders.len() != outpoints.len() {
            return Err(invalid(
                question,
                format!("{} of {}", spenders.len(), outpoints.len()),
            ));
        }
        Ok(spenders
            .into_iter()
            .map(|spender| spender.spending_txid)
            .collect())
    }

    pub(super) fn test_mempool_accept(
        &self,
        transactions: &[Transaction],
    ) -> Result<Vec<Result<MempoolAcceptance, Rejection>>, SourceError> {
        if transactions.is_empty() {
            return Ok(Vec::new());
        }
        let question = "whether the mempool would take transactions";
        let hex: Vec<String> = transactions.iter().map(serialize_hex).collect();
        let verdicts: Vec<AcceptInfo> = self.ask(question, "testmempoolaccept", &[json!(hex)])?;
        if verdicts.len() != transactions.len() {
            return Err(invalid(
                question,
                format!("{} of {}", verdicts.len(), transactions.len()),
            ));
        }
        verdicts
            .into_iter()
            .map(|verdict| read_verdict(question, verdict))
            .collect()
    }

    pub(super) fn broadcast(
        &self,
        transaction: &Transaction,
        max_burn: Amount,
    ) -> Result<Txid, SourceError> {
        let txid = transaction.compute_txid();
        let mut arguments = vec![json!(serialize_hex(transaction))];
        if max_burn > Amount::ZERO {
            // The limit on the fee rate before it stays bitcoind's own.
            arguments.push(Value::Null);
            arguments.push(json!(max_burn.to_string_in(Denomination::Bitcoin)));
        }
        let question = format!("a broadcast of transaction {txid}");
        let sent: Result<Txid, _> = self.ask(&question, "sendrawtransaction", &arguments);
        match sent {
            Ok(_) => Ok(txid),
            Err(SourceError::Rejected(rejection)) => match rejection.kind() {
                RejectionKind::AlreadyKnown => Ok(txid),
                // So speaks a node also of a transaction long confirmed whose outputs are all spent.
                RejectionKind::MissingInputs if self.found_transaction(txid).is_ok() => Ok(txid),
                _ => Err(rejection.into()),
            },
            Err(error) => Err(error),
        }
    }
}

fn decode(question: &str, txid: Txid, hex: &str) -> Result<Transaction, SourceError> {
    let transaction: Transaction =
        deserialize_hex(hex).map_err(|error| invalid(question, error.to_string()))?;
    if transaction.compute_txid() != txid {
        let reason = format!("it is transaction {}", transaction.compute_txid());
        return Err(invalid(question, reason));
    }
    Ok(transaction)
}

fn read_verdict(
    question: &str,
    verdict: AcceptInfo,
) -> Result<Result<MempoolAcceptance, Rejection>, SourceError> {
    if verdict.allowed == Some(true) {
        let (Some(virtual_size), Some(fees)) = (verdict.vsize, verdict.fees) else {
            return Err(invalid(
                question,
                "an accepted transaction without size or fee",
            ));
        };
        return Ok(Ok(MempoolAcceptance {
            virtual_size,
            fee: fees.base,
        }));
    }
    let reason = verdict
        .reject_reason
        .or(verdict.package_error)
        .unwrap_or_else(|| "not tested, because an earlier one of the list was refused".to_owned());
    Ok(Err(Rejection {
        code: VERIFY_REJECTED,
        reason,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(json: &str) -> Result<MempoolAcceptance, Rejection> {
        read_verdict("?", serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn verdicts_of_testmempoolaccept_are_read() {
        let txid = "\"txid\":\"00\",\"wtxid\":\"00\"";
        let accepted = verdict(&format!(
            "{{{txid},\"allowed\":true,\"vsize\":141,\"fees\":{{\"base\":0.00000282}}}}"
        ));
        let fee = Amount::from_sat(282);
        assert_eq!(
            accepted,
            Ok(MempoolAcceptance {
                virtual_size: 141,
                fee
            })
        );

        let refused = verdict(&format!(
            "{{{txid},\"allowed\":false,\"reject-reason\":\"non-BIP68-final\"}}"
        ));
        assert_eq!(refused.unwrap_err().kind(), RejectionKind::NotFinal);

        let untested = verdict(&format!("{{{txid}}}"));
        assert!(untested.unwrap_err().reason.starts_with("not tested"));
    }
}
