//! The ways out of a stake that its staker takes on Bitcoin: unbonding, what follows it, and an expansion.

use anyhow::Context as _;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Transaction, TxIn, TxOut, WPubkeyHash};
use eots::bip340;
use staking::delegation::DelegationPlan;
use staking::keys::CovenantKey;
use staking::quorum::{CovenantSignature, QuorumSignatures};
use staking::{expansion, sighash, witness};

use super::{Stake, terms};
use crate::Bitcoind;
use crate::scenario::Committee;

/// What the transactions here pay to miners.
const FEE: Amount = Amount::from_sat(10_000);

impl Stake {
    /// The transaction that unbonds it, ready for Bitcoin.
    ///
    /// # Errors
    ///
    /// Never for a stake of [`Self::sign`].
    pub fn unbonding(&self) -> anyhow::Result<Transaction> {
        let sighash = self.delegation.unbonding_sighash().to_bytes();
        let staker = bip340::sign(&self.staker, &sighash, &rand::random());
        let covenant: Vec<_> = self
            .covenant
            .iter()
            .map(|signatures| CovenantSignature {
                key: signatures.covenant,
                signature: signatures.unbonding_signature,
            })
            .collect();
        Ok(self
            .delegation
            .signed_unbonding_tx(&staker.into(), &covenant)?)
    }

    /// A transaction of 64 bytes that takes everything at once, signed by the staker and the whole committee behind
    /// everybody's back: no proof of inclusion is taken for it. Nodes do not relay it, but a miner may have it.
    ///
    /// # Errors
    ///
    /// Never for a stake of this committee's that is worth more than the fee.
    pub fn hidden_exit(&self, committee: &Committee) -> anyhow::Result<Transaction> {
        let staked = self.delegation.staking_output();
        let value = staked.value().checked_sub(FEE);
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: self.delegation.staking_outpoint(),
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: value.context("worth less than the fee")?,
                // Four bytes, which make it as long as an inner node of a Merkle tree.
                script_pubkey: ScriptBuf::from_bytes(vec![0x51; 4]),
            }],
        };
        let sighash = sighash::unbonding(&transaction, staked)?;
        let sign = |secret| bip340::sign(secret, &sighash.to_bytes(), &rand::random());
        let covenant = committee
            .secrets()
            .iter()
            .map(|secret| {
                Ok(CovenantSignature {
                    key: CovenantKey::from_slice(secret.public_key().as_bytes())?,
                    signature: sign(secret).into(),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let keys = self.delegation.keys();
        let quorum = QuorumSignatures::choose(keys.covenant(), sighash, &covenant)?;
        let witness = witness::unbonding_path(staked, &quorum, &sign(&self.staker).into());
        let input = transaction.input.first_mut().context("no input")?;
        input.witness = witness;
        Ok(transaction)
    }

    /// The transaction that takes what [`Self::unbonding`] left, once that is as deep as the unbonding time.
    ///
    /// # Errors
    ///
    /// Never for a stake that is worth more than the fee.
    pub fn withdrawal(&self) -> anyhow::Result<Transaction> {
        let unbonded = self.delegation.unbonding_output();
        let leaf = unbonded.timelock();
        let mut input = TxIn {
            previous_output: self.delegation.unbonding_outpoint(),
            sequence: leaf.sequence(),
            ..TxIn::default()
        };
        let value = unbonded.value().checked_sub(FEE);
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![input.clone()],
            output: vec![TxOut {
                value: value.context("worth less than the fee")?,
                script_pubkey: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
            }],
        };
        let spent = [unbonded.tx_out().clone()];
        let sighash = sighash::withdrawal(&transaction, 0, &spent, leaf)?.to_bytes();
        let signature = bip340::sign(&self.staker, &sighash, &rand::random());
        input.witness = witness::withdrawal(leaf, &signature.into());
        transaction.input = vec![input];
        Ok(transaction)
    }

    /// Another stake of the same staker with the same provider, which spends this one and a coin of the miner's. The coin's
    /// transaction is in the mempool.
    ///
    /// # Errors
    ///
    /// When the miner cannot pay for it, or the new stake is none that this one may become.
    pub fn expand(
        &self,
        bitcoind: &Bitcoind,
        committee: &Committee,
        value: Amount,
    ) -> anyhow::Result<Self> {
        let previous = &self.delegation;
        let staked = previous.staking_output();
        let plan = DelegationPlan::new(
            previous.keys().staker(),
            previous.keys().finality_providers().to_vec(),
            staked.timelock().timelock(),
            value,
            &terms::staking_params(committee)?,
        )?;
        let more = value.checked_sub(staked.value()).context("it shrinks")?;
        let (coin_tx, coin) = bitcoind.coin(more + FEE)?;
        let outpoint = previous.staking_outpoint();
        let expansion = expansion::transaction(outpoint, coin, plan.staking_output(), None);
        let delegation = plan.build(&expansion, None)?;
        let funding = expansion::funding_output(&expansion, &coin_tx)?;
        let valid = expansion::validate(&expansion, &delegation, previous, funding)?;

        let sighash = valid.sighash().to_bytes();
        let covenant = committee
            .secrets()
            .iter()
            .map(|secret| {
                Ok(CovenantSignature {
                    key: CovenantKey::from_slice(secret.public_key().as_bytes())?,
                    signature: bip340::sign(secret, &sighash, &rand::random()).into(),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let staker = bip340::sign(&self.staker, &sighash, &rand::random());
        let mut transaction = bitcoind.sign(&expansion)?;
        let spend = transaction.input.first_mut().context("no input")?;
        spend.witness = valid.witness(&staker.into(), &covenant)?;
        Self::cosigned(committee, self.staker.clone(), delegation, transaction)
    }
}
