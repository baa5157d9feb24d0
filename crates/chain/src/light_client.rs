//! What a secured chain knows and asks of Bitcoin.

use bitcoin::block::Header;
use bitcoin::{BlockHash, Transaction};
use staking::inclusion::{InclusionError, InclusionProof};
use staking::units::BitcoinHeight;

/// A header of the chain's Bitcoin light client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LightClientHeader {
    /// Its height.
    pub height: BitcoinHeight,
    /// The header.
    pub header: Header,
}

impl LightClientHeader {
    /// Hash of the header.
    pub fn hash(&self) -> BlockHash {
        self.header.block_hash()
    }
}

/// What the chain asks of Bitcoin (spec 5.4). Depths in blocks on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightClientParams {
    /// k: depth at which a stake or a checkpoint counts as confirmed.
    pub confirmation_depth: u32,
    /// w: depth at which a checkpoint is final.
    pub finalization_timeout: u32,
    /// First bytes of every checkpoint transaction's data.
    pub checkpoint_tag: [u8; 4],
    /// So many blocks undone by one reorganisation halt the chain for good when it is reported; `None` where none does.
    pub halting_depth: Option<u32>,
    /// What the chain asks of the report of a spent stake.
    pub spends: SpendRules,
}

/// What a chain asks of the report of a spent stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendRules {
    /// Blocks on top of the spend.
    pub depth: u32,
    /// Whether it must see the transactions whose outputs were spent.
    pub with_funding: bool,
    /// What it takes of a spend that no node tells it of; `None` where every spend can be reported.
    pub limits: Option<SpendLimits>,
}

/// What a contract takes of a spend: it has nobody to ask but the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendLimits {
    /// Longest spending transaction that it reads, bytes without witnesses.
    pub transaction_bytes: usize,
}

impl SpendLimits {
    /// Checks what the contract will check, so that a report that is never taken is not sent.
    ///
    /// # Errors
    ///
    /// Says why a spend can never be reported with this proof.
    pub fn check(
        &self,
        spend: &Transaction,
        proof: &InclusionProof,
        header: &Header,
    ) -> Result<(), Unreportable> {
        let (found, most) = (spend.base_size(), self.transaction_bytes);
        if found > most {
            return Err(Unreportable::Size { found, most });
        }
        Ok(proof.verify_unambiguous(spend, header)?)
    }
}

/// Why a spend can never be reported to a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreportable {
    /// The transaction is too long.
    #[error(
        "the spending transaction is {found} bytes without witnesses, the chain reads at most {most}"
    )]
    Size {
        /// Its length.
        found: usize,
        /// Longest.
        most: usize,
    },
    /// The proof leaves a doubt that only a node could remove.
    #[error("the chain does not take the proof that the spend is in its block: {0}")]
    Proof(#[from] InclusionError),
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::{
        Amount, Block, Network, OutPoint, ScriptBuf, TxIn, TxOut, Txid, absolute, constants,
        transaction,
    };

    use super::*;

    const LIMITS: SpendLimits = SpendLimits {
        transaction_bytes: 400_000,
    };

    /// A spend with an output script of this length, and its block.
    fn spend(script: usize) -> (Transaction, Block) {
        let output = TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::from_bytes(vec![0x51; script]),
        };
        let spend = Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::all_zeros(), 1),
                witness: bitcoin::Witness::from_slice(&[vec![7; 500_000]]),
                ..TxIn::default()
            }],
            output: vec![output],
        };
        let mut block = constants::genesis_block(Network::Regtest);
        block.txdata.push(spend.clone());
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        (spend, block)
    }

    #[test]
    fn what_no_contract_can_take_is_known_before_it_is_sent() {
        let check = |script| {
            let (spend, block) = spend(script);
            let proof = InclusionProof::new(&block, spend.compute_txid()).unwrap();
            LIMITS.check(&spend, &proof, &block.header)
        };
        // The witness is left out.
        assert_eq!(check(22), Ok(()));
        assert!(matches!(check(400_000), Err(Unreportable::Size { .. })));
        // 60 bytes without a script: 64 in all.
        let ambiguous = check(4);
        assert!(
            matches!(
                ambiguous,
                Err(Unreportable::Proof(InclusionError::AmbiguousLength(_)))
            ),
            "{ambiguous:?}"
        );
    }
}
