//! Proving a stake anew whose block a reorganisation of Bitcoin undid.
//!
//! The contract takes such a stake again as it was first shown, consent included, and keeps what was granted since. It stores
//! the newest consent with its signature, but not the staking transaction nor the consent that the stake was first shown
//! with; the chain's own transactions have them, so nobody needs the stake's holder for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::consensus::deserialize;
use bitcoin::{OutPoint, Transaction};
use serde_json::Value;

use super::Mesh;
use super::write::{self, Inclusion, invalid};
use crate::{AddInclusionProof, ChainError};

impl Mesh {
    /// The message that showed a stake, with another proof of inclusion.
    pub(super) async fn shown_again(&self, proof: &AddInclusionProof) -> Result<Value, ChainError> {
        let outpoint = proof.staking_output;
        let text = outpoint.to_string();
        let attribute = ("outpoint", text.as_str());
        let told = self.contracts.told(&self.contract, "stake", attribute);
        let inclusion = write::inclusion(proof.block_height, &proof.inclusion_proof);
        let told = told.await.map_err(|error| unindexed(error, outpoint))?;
        let told = told.ok_or_else(|| {
            invalid(&format!(
                "the node's index has no transaction that showed stake {outpoint}; its holder can show it anew, or a node that \
                 indexes transactions since then"
            ))
        })?;
        told.iter()
            .find_map(|message| again(message, outpoint, &inclusion))
            .ok_or_else(|| {
                invalid(&format!(
                    "stake {outpoint} was shown by other means than a plain message to the contract; its holder must show it \
                     anew"
                ))
            })
    }
}

/// A node that answers, but not this question, says nothing about other stakes.
fn unindexed(error: ChainError, outpoint: OutPoint) -> ChainError {
    let ChainError::InvalidAnswer { reason, .. } = error else {
        return error;
    };
    invalid(&format!(
        "the node cannot tell which transaction showed stake {outpoint} ({reason}); its holder can show it anew, or a node that \
         indexes transactions"
    ))
}

/// The message with this inclusion, if it shows this stake.
fn again(message: &[u8], outpoint: OutPoint, inclusion: &Inclusion) -> Option<Value> {
    let mut message: Value = serde_json::from_slice(message).ok()?;
    let stake = message.get_mut("stake")?.as_object_mut()?;
    let staking_tx = STANDARD.decode(stake.get("staking_tx")?.as_str()?).ok()?;
    let staking_tx: Transaction = deserialize(&staking_tx).ok()?;
    let vout = stake.get("vout")?.as_u64()?;
    if staking_tx.compute_txid() != outpoint.txid || vout != u64::from(outpoint.vout) {
        return None;
    }
    stake.insert(
        "inclusion".to_owned(),
        serde_json::to_value(inclusion).ok()?,
    );
    Some(message)
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::serialize;
    use bitcoin::hashes::Hash as _;
    use bitcoin::{BlockHash, absolute, transaction};
    use serde_json::json;
    use staking::inclusion::InclusionProof;
    use staking::units::BitcoinHeight;

    use super::*;

    #[test]
    fn a_node_without_an_index_fails_one_stake_and_an_outage_is_left_as_it_is() {
        let outpoint = OutPoint::null();
        let without = ChainError::InvalidAnswer {
            query: "GetTxsEvent",
            reason: "Unknown: transaction indexing is disabled".to_owned(),
        };
        let ChainError::InvalidMessage { reason } = unindexed(without, outpoint) else {
            panic!("no matter of this stake alone");
        };
        assert!(reason.contains("indexing is disabled"), "{reason}");
        assert!(reason.contains("its holder can show it anew"), "{reason}");
        let outage = ChainError::Unreachable {
            endpoint: "x".to_owned(),
            reason: "it is down".to_owned(),
        };
        assert!(matches!(
            unindexed(outage, outpoint),
            ChainError::Unreachable { .. }
        ));
    }

    #[test]
    fn only_the_message_that_showed_this_stake_is_told_again() {
        let staking_tx = Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: Vec::new(),
            output: Vec::new(),
        };
        let outpoint = OutPoint::new(staking_tx.compute_txid(), 1);
        let proof = InclusionProof {
            index: 3,
            txid: outpoint.txid,
            siblings: Vec::new(),
            block_hash: BlockHash::all_zeros(),
        };
        let inclusion = write::inclusion(BitcoinHeight(200), &proof);
        let shown = json!({ "stake": {
            "covenant": 2,
            "staking_tx": STANDARD.encode(serialize(&staking_tx)),
            "vout": 1,
            "inclusion": { "height": 100, "index": 7, "branch": "AA==" },
            "consent": { "seq": 4_294_967_295_u32, "signature": "AQ==" },
        }});
        let bytes = |value: &Value| serde_json::to_vec(value).unwrap();
        let told = again(&bytes(&shown), outpoint, &inclusion).unwrap();
        let mut expected = shown.clone();
        expected["stake"]["inclusion"] = json!({ "height": 200, "index": 3, "branch": "" });
        assert_eq!(told, expected);

        let other = OutPoint::new(outpoint.txid, 0);
        assert!(again(&bytes(&shown), other, &inclusion).is_none());
        for broken in ["staking_tx", "vout"] {
            let mut without = shown.clone();
            without["stake"].as_object_mut().unwrap().remove(broken);
            assert!(
                again(&bytes(&without), outpoint, &inclusion).is_none(),
                "{broken}"
            );
        }
        for hostile in ["{}", "[]", "\"stake\"", "{\"stake\":7}", "{", ""] {
            assert!(
                again(hostile.as_bytes(), outpoint, &inclusion).is_none(),
                "{hostile}"
            );
        }
    }
}
