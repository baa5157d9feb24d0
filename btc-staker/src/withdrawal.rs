//! Taking a stake's coins back after a timelock: from the staking output, the unbonding output or what slashing left.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, Weight, Witness,
};
use daemon::output::{CommandError, Exit};
use staking::delegation::SlashedOutput;
use staking::outputs::TimelockLeaf;
use staking::sighash::{self, SighashError, TimelockSighash};
use staking::witness;
use wallet::{FeeLimit, WalletError};

use crate::blocks::Blocks;
use crate::life::{Observation, Place, Position, Stake};

/// What the first witness adds to a transaction: marker and flag.
const SEGWIT_MARKER: Weight = Weight::from_wu(2);

/// Name of the output of a bonded stake.
const STAKING: &str = "staking";

/// An output of a stake that its owner can take back, now or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which output.
    pub outpoint: OutPoint,
    /// Its value and script.
    pub output: TxOut,
    /// How it is spent.
    pub leaf: TimelockLeaf,
    /// `staking`, `unbonding` or `slashing-change`.
    pub name: &'static str,
}

/// A withdrawal without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    source: Source,
    transaction: Transaction,
    sighash: TimelockSighash,
    fee: Amount,
}

/// Why a stake's coins cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawalError {
    /// The timelock is not over.
    #[error("the {output} output of stake {txid} is locked for another {}", Blocks(*blocks))]
    TooEarly {
        /// The stake.
        txid: Txid,
        /// Which output.
        output: &'static str,
        /// Blocks until it can be spent.
        blocks: u32,
    },
    /// There is nothing to take back.
    #[error("stake {txid} has no coins to withdraw: it is {state}")]
    Nothing {
        /// The stake.
        txid: Txid,
        /// Its state in words.
        state: String,
    },
}

impl From<WithdrawalError> for CommandError {
    fn from(error: WithdrawalError) -> Self {
        match &error {
            WithdrawalError::TooEarly { output, .. } => {
                let answer = Self::caused_by(Exit::Failed, "too-early", &error);
                match *output {
                    STAKING => answer.with_hint(
                        "withdraw again later; `btc-staker unbond` shortens the wait for a small fee",
                    ),
                    _ => answer.with_hint("withdraw again later"),
                }
            }
            WithdrawalError::Nothing { .. } => {
                Self::caused_by(Exit::Failed, "nothing-to-withdraw", &error)
            }
        }
    }
}

/// The outputs of a stake that can be taken back, in the order of its life.
fn sources(stake: &Stake) -> Vec<Source> {
    let delegation = &stake.delegation;
    let staking = delegation.staking_output();
    let unbonding = delegation.unbonding_output();
    let mut sources = vec![
        Source {
            outpoint: delegation.staking_outpoint(),
            output: staking.tx_out().clone(),
            leaf: staking.timelock().clone(),
            name: STAKING,
        },
        Source {
            outpoint: delegation.unbonding_outpoint(),
            output: unbonding.tx_out().clone(),
            leaf: unbonding.timelock().clone(),
            name: "unbonding",
        },
    ];
    for slashing in [delegation.slashing_tx(), delegation.unbonding_slashing_tx()] {
        // The second output is the change (spec 1.8); a valid delegation has it.
        if let Some(output) = slashing.output.get(1) {
            sources.push(Source {
                outpoint: OutPoint {
                    txid: slashing.compute_txid(),
                    vout: 1,
                },
                output: output.clone(),
                leaf: delegation.slashing_change().timelock().clone(),
                name: "slashing-change",
            });
        }
    }
    sources
}

impl Source {
    /// The output that holds a stake's coins now, and where it is.
    pub fn current(stake: &Stake, seen: &Observation) -> Option<(Self, Place)> {
        let (index, place) = match seen.position {
            Position::Staked(place) => (0, place),
            Position::Unbonding(place) => (1, place),
            Position::Slashed(SlashedOutput::Staking, place) => (2, place),
            Position::Slashed(SlashedOutput::Unbonding, place) => (3, place),
            Position::Nowhere | Position::Leaving(_) => return None,
        };
        let source = sources(stake).into_iter().nth(index)?;
        Some((source, place))
    }

    /// The output that an earlier withdrawal of the stake spends.
    pub fn of_withdrawal(stake: &Stake, withdrawal: &Transaction) -> Option<Self> {
        let spent = withdrawal.input.first()?.previous_output;
        sources(stake)
            .into_iter()
            .find(|source| source.outpoint == spent)
    }

    /// Builds the transaction that pays all of it but the fee to `destination`.
    ///
    /// # Errors
    ///
    /// [`WalletError::FeeRateAboveCap`], [`WalletError::FeeAboveCap`] and [`WalletError::Dust`].
    pub fn withdraw(
        self,
        destination: ScriptBuf,
        fee_rate: FeeRate,
        limit: FeeLimit,
    ) -> Result<Unsigned, WalletError> {
        if fee_rate > limit.rate {
            return Err(WalletError::FeeRateAboveCap {
                rate: fee_rate,
                cap: limit.rate,
            });
        }
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: self.outpoint,
                script_sig: ScriptBuf::new(),
                sequence: self.leaf.sequence(),
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: self.output.value,
                script_pubkey: destination,
            }],
        };
        let weight = transaction.weight() + SEGWIT_MARKER + self.leaf.witness_weight();
        let fee = fee_rate.fee_wu(weight).unwrap_or(Amount::MAX);
        if fee > limit.total {
            return Err(WalletError::FeeAboveCap {
                fee,
                cap: limit.total,
            });
        }
        for output in &mut transaction.output {
            let value = self.output.value.checked_sub(fee).unwrap_or(Amount::ZERO);
            let minimum = output.script_pubkey.minimal_non_dust();
            if value < minimum {
                return Err(WalletError::Dust {
                    index: 0,
                    value,
                    minimum,
                });
            }
            output.value = value;
        }
        let sighash = sighash::withdrawal(
            &transaction,
            0,
            std::slice::from_ref(&self.output),
            &self.leaf,
        )
        .map_err(|error: SighashError| WalletError::Refused {
            action: "build the withdrawal",
            reason: error.to_string(),
        })?;
        Ok(Unsigned {
            source: self,
            transaction,
            sighash,
            fee,
        })
    }
}

impl Unsigned {
    /// What is spent.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The transaction without witness.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// What miners get.
    pub fn fee(&self) -> Amount {
        self.fee
    }

    /// What arrives.
    pub fn value(&self) -> Amount {
        self.source.output.value - self.fee
    }

    /// What the staker signs.
    pub fn sighash(&self) -> TimelockSighash {
        self.sighash
    }

    /// The transaction with the staker's signature.
    pub fn sign(&self, signature: &Signature) -> Transaction {
        let mut transaction = self.transaction.clone();
        for input in &mut transaction.input {
            input.witness = witness::withdrawal(&self.source.leaf, signature);
        }
        transaction
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
    use proptest::prelude::*;
    use staking::keys::StakerKey;
    use staking::outputs::SlashingChangeOutput;
    use staking::units::BlockInterval;

    use super::*;

    const LIMIT: FeeLimit = FeeLimit {
        rate: FeeRate::from_sat_per_vb_u32(200),
        total: Amount::from_sat(20_000),
    };

    fn pair() -> Keypair {
        Keypair::from_seckey_slice(SECP256K1, &[7; 32]).unwrap()
    }

    fn source(value: u64) -> Source {
        let staker = StakerKey(pair().x_only_public_key().0);
        let change = SlashingChangeOutput::new(staker, BlockInterval::new(144).unwrap());
        Source {
            outpoint: OutPoint {
                txid: Txid::from_byte_array([9; 32]),
                vout: 1,
            },
            output: TxOut {
                value: Amount::from_sat(value),
                script_pubkey: change.script_pubkey().clone(),
            },
            leaf: change.timelock().clone(),
            name: "slashing-change",
        }
    }

    fn destination() -> ScriptBuf {
        ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::from_byte_array([3; 20]))
    }

    #[test]
    fn fees_above_the_caps_and_dust_are_refused() {
        let rate = FeeRate::from_sat_per_vb_u32;
        let withdraw = |value, fee_rate, limit| {
            source(value)
                .withdraw(destination(), fee_rate, limit)
                .unwrap_err()
        };
        let error = withdraw(500_000, rate(201), LIMIT);
        assert!(
            matches!(error, WalletError::FeeRateAboveCap { .. }),
            "{error}"
        );
        let low = FeeLimit {
            total: Amount::from_sat(50),
            ..LIMIT
        };
        let error = withdraw(500_000, rate(1), low);
        assert!(matches!(error, WalletError::FeeAboveCap { .. }), "{error}");
        // What is left is dust, or less than nothing.
        for value in [1, 400, 12_000] {
            let error = withdraw(value, rate(150), LIMIT);
            assert!(
                matches!(error, WalletError::Dust { .. }),
                "{value}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_withdrawal_pays_the_rate_asked_for_and_the_rest_to_its_destination(
            value in 10_000_u64..100_000_000,
            sat_per_vb in 1_u32..60,
        ) {
            let fee_rate = FeeRate::from_sat_per_vb_u32(sat_per_vb);
            let unsigned = source(value).withdraw(destination(), fee_rate, LIMIT).unwrap();
            let message = Message::from_digest(unsigned.sighash().to_bytes());
            let signature = SECP256K1.sign_schnorr_no_aux_rand(&message, &pair());
            let signed = unsigned.sign(&signature);

            prop_assert_eq!(signed.compute_txid(), unsigned.transaction().compute_txid());
            prop_assert_eq!(unsigned.value() + unsigned.fee(), Amount::from_sat(value));
            prop_assert_eq!(signed.output[0].value, unsigned.value());
            prop_assert_eq!(&signed.output[0].script_pubkey, &destination());
            prop_assert_eq!(Some(unsigned.fee()), fee_rate.fee_wu(signed.weight()));
            // BIP-0068 asks for version 2; the lower 16 bits are blocks.
            prop_assert_eq!(signed.version, Version::TWO);
            prop_assert_eq!(signed.input[0].sequence.to_consensus_u32(), 144);
        }
    }
}
