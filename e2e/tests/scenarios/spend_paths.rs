//! Every way to spend a stake: bitcoind takes and mines it, and refuses it with anything about it wrong.

#![expect(clippy::disallowed_methods, reason = "the test plays the committee")]

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Network, OutPoint, PubkeyHash, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Witness,
};
use bitcoincore_rpc::RpcApi as _;
use eots::adaptor::{self, EncryptionKey};
use eots::{SecretKey, bip340};
use serde_json::{Value, json};
use staking::delegation::{DelegationPlan, SlashedOutput, ValidDelegation};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::outputs::{Leaf, TimelockLeaf};
use staking::params::{CovenantCommittee, StakingParams};
use staking::quorum::{CovenantAdaptorSignatures, CovenantSignature};
use staking::sighash::{self, SlashingSighash};
use staking::units::{BitcoinHeight, BlockInterval};
use staking::witness;
use testenv::Bitcoind;

const STAKED: Amount = Amount::from_sat(500_000);
const STAKING_TIME: u16 = 20;
const UNBONDING_TIME: u16 = 5;

/// The items after the signatures of a witness: script and control block.
const LEAF_ITEMS: usize = 2;

/// A node, and everybody's keys.
struct Setting {
    node: Bitcoind,
    staker: SecretKey,
    provider: SecretKey,
    /// Ascending by public key, as in the scripts.
    committee: Vec<SecretKey>,
    params: StakingParams,
}

fn secret() -> SecretKey {
    SecretKey::from_bytes(&rand::random()).unwrap()
}

fn sign(secret: &SecretKey, message: [u8; 32]) -> Signature {
    bip340::sign(secret, &message, &rand::random()).into()
}

fn covenant_key(secret: &SecretKey) -> CovenantKey {
    CovenantKey::from_slice(secret.public_key().as_bytes()).unwrap()
}

fn blocks(blocks: u16) -> BlockInterval {
    BlockInterval::new(blocks).unwrap()
}

impl Setting {
    /// A committee of three, two of whom are a quorum.
    async fn new() -> Self {
        let node = Bitcoind::launch().await.unwrap();
        node.mine_first_coins().unwrap();
        let mut committee: Vec<_> = (0..3).map(|_| secret()).collect();
        committee.sort_by_key(covenant_key);
        let keys = committee.iter().map(covenant_key).collect();
        let burn = PubkeyHash::from_raw_hash(bitcoin::hashes::Hash::from_byte_array([1; 20]));
        let params = StakingParams {
            version: 0,
            covenant: CovenantCommittee::new(keys, 2).unwrap(),
            min_staking_value: STAKED,
            max_staking_value: STAKED,
            min_staking_time: blocks(STAKING_TIME),
            max_staking_time: blocks(STAKING_TIME),
            slashing_script: ScriptBuf::new_p2pkh(&burn),
            min_slashing_fee: Amount::from_sat(1_000),
            slashing_rate: "0.1".parse().unwrap(),
            unbonding_time: blocks(UNBONDING_TIME),
            unbonding_fee: Amount::from_sat(1_000),
            activation_height: BitcoinHeight(0),
        };
        let (staker, provider) = (secret(), secret());
        Self {
            node,
            staker,
            provider,
            committee,
            params,
        }
    }

    /// A stake in a block.
    fn stake(&self) -> ValidDelegation {
        let staker = StakerKey::from_slice(self.staker.public_key().as_bytes()).unwrap();
        let provider =
            FinalityProviderKey::from_slice(self.provider.public_key().as_bytes()).unwrap();
        let time = blocks(STAKING_TIME);
        let plan = DelegationPlan::new(staker, vec![provider], time, STAKED, &self.params).unwrap();
        let staking_tx = self.fund(plan.staking_output().tx_out());
        self.mine(&staking_tx);
        plan.build(&staking_tx, None).unwrap()
    }

    fn fund(&self, output: &TxOut) -> Transaction {
        let rpc = self.node.rpc();
        let address = Address::from_script(&output.script_pubkey, Network::Regtest).unwrap();
        let outputs = json!([{ address.to_string(): output.value.to_btc() }]);
        let raw: String = rpc
            .call("createrawtransaction", &[json!([]), outputs])
            .unwrap();
        let funded: Value = rpc.call("fundrawtransaction", &[raw.into()]).unwrap();
        let hex = funded["hex"].clone();
        let signed: Value = rpc.call("signrawtransactionwithwallet", &[hex]).unwrap();
        deserialize_hex(signed["hex"].as_str().unwrap()).unwrap()
    }

    /// Sends a transaction and mines it.
    fn mine(&self, transaction: &Transaction) {
        let rpc = self.node.rpc();
        rpc.send_raw_transaction(transaction).unwrap();
        self.node.mine(1).unwrap();
        let found = rpc
            .get_raw_transaction_info(&transaction.compute_txid(), None)
            .unwrap();
        assert_eq!(found.confirmations, Some(1));
    }

    /// Why the node would not take a transaction; `None` where it would.
    fn verdict(&self, transaction: &Transaction) -> Option<String> {
        let raw = serialize_hex(transaction);
        let verdicts = self.node.rpc().test_mempool_accept(&[raw]).unwrap();
        let verdict = verdicts.into_iter().next().unwrap();
        (!verdict.allowed).then(|| verdict.reject_reason.unwrap())
    }

    /// The node refuses each of the malformed twins, for a reason that contains the given text, and takes and mines
    /// the transaction itself.
    fn mine_but_not(&self, good: &Transaction, twins: Vec<(&str, Transaction, &str)>) {
        assert_eq!(self.verdict(good), None);
        for (what, twin, reason) in twins {
            assert_ne!(&twin, good, "{what}");
            let verdict = self
                .verdict(&twin)
                .unwrap_or_else(|| panic!("{what} was taken"));
            assert!(verdict.contains(reason), "{what}: {verdict}");
        }
        self.mine(good);
    }

    fn covenant_signatures(&self, message: [u8; 32]) -> Vec<CovenantSignature> {
        let signature = |member: &SecretKey| CovenantSignature {
            key: covenant_key(member),
            signature: sign(member, message),
        };
        self.committee.iter().map(signature).collect()
    }

    fn adaptor_signatures(&self, sighash: SlashingSighash) -> Vec<CovenantAdaptorSignatures> {
        let key = EncryptionKey::from_x_only(&self.provider.public_key()).unwrap();
        let message = sighash.to_bytes();
        self.committee
            .iter()
            .map(|member| {
                let signature = adaptor::sign(member, &key, &message, &rand::random()).unwrap();
                CovenantAdaptorSignatures {
                    key: covenant_key(member),
                    signatures: vec![signature],
                }
            })
            .collect()
    }

    fn signed_unbonding(&self, stake: &ValidDelegation) -> Transaction {
        let message = stake.unbonding_sighash().to_bytes();
        stake
            .signed_unbonding_tx(
                &sign(&self.staker, message),
                &self.covenant_signatures(message),
            )
            .unwrap()
    }

    /// Mines the slashing of an output, refusing its malformed twins before.
    fn slash(&self, stake: &ValidDelegation, output: SlashedOutput) {
        let (sighash, other) = match output {
            SlashedOutput::Staking => (
                stake.slashing_sighash(),
                stake.staking_output().unbonding().clone(),
            ),
            SlashedOutput::Unbonding => (
                stake.unbonding_slashing_sighash(),
                stake.unbonding_output().timelock().leaf().clone(),
            ),
        };
        let message = sighash.to_bytes();
        let good = stake
            .signed_slashing_tx(
                output,
                &self.provider,
                &sign(&self.staker, message),
                &self.adaptor_signatures(sighash),
            )
            .unwrap();
        let mut twins = committee_twins(&good, &self.committee, message);
        let provider = self.committee.len();
        twins.push(("without the provider", without(&good, provider), SCRIPT));
        let stranger = sign(&secret(), message);
        let with_stranger = replaced(&good, provider, &stranger.serialize());
        twins.push(("with another provider", with_stranger, SCRIPT));
        twins.push((
            "staker and provider exchanged",
            exchanged(&good, provider, provider + 1),
            SCRIPT,
        ));
        twins.push(("by another leaf", by_leaf(&good, &other), SCRIPT));
        self.mine_but_not(&good, twins);
    }

    /// Mines the withdrawal of an output that is in the tip, refusing its malformed twins before.
    fn withdraw(
        &self,
        outpoint: OutPoint,
        output: &TxOut,
        leaf: &TimelockLeaf,
        other: Option<&Leaf>,
    ) {
        let timelock = leaf.timelock().blocks();
        let good = self.withdrawal(outpoint, output, leaf, |_| {});
        // The tip is the first confirmation, and the next block the spend's own.
        if let Some(missing) = u64::from(timelock).checked_sub(2) {
            self.node.mine(missing).unwrap();
        }
        let early = self.verdict(&good);
        assert_eq!(
            early.as_deref(),
            Some("non-BIP68-final"),
            "one block too early"
        );
        self.node.mine(1).unwrap();

        let change = |edit: fn(&mut Transaction)| self.withdrawal(outpoint, output, leaf, edit);
        let stranger = sign(&secret(), [7; 32]);
        let mut surplus = good.clone();
        let items = good.input[0].witness.to_vec();
        surplus.input[0].witness = Witness::from_slice(&[&items[..1], &items[..]].concat());
        let mut twins = vec![
            ("one signature too many", surplus, "Stack size"),
            ("no signature", replaced(&good, 0, &[]), SCRIPT),
            (
                "another's signature",
                replaced(&good, 0, &stranger.serialize()),
                SCRIPT,
            ),
            (
                "claiming a shorter time",
                change(|tx| tx.input[0].sequence = Sequence::from_height(1)),
                SCRIPT,
            ),
            (
                "claiming no time",
                change(|tx| tx.input[0].sequence = Sequence::MAX),
                SCRIPT,
            ),
            ("version 1", change(|tx| tx.version = Version::ONE), SCRIPT),
            (
                "claiming a time in seconds",
                change(|tx| tx.input[0].sequence = Sequence::from_512_second_intervals(0)),
                SCRIPT,
            ),
        ];
        if let Some(other) = other {
            twins.push(("by another leaf", by_leaf(&good, other), SCRIPT));
        }
        self.mine_but_not(&good, twins);
    }

    /// A signed withdrawal, edited before it was signed.
    fn withdrawal(
        &self,
        outpoint: OutPoint,
        output: &TxOut,
        leaf: &TimelockLeaf,
        edit: impl Fn(&mut Transaction),
    ) -> Transaction {
        let destination = Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51]), Network::Regtest);
        let mut transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: outpoint,
                sequence: leaf.sequence(),
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: output.value - Amount::from_sat(1_000),
                script_pubkey: destination.script_pubkey(),
            }],
        };
        edit(&mut transaction);
        let message =
            sighash::withdrawal(&transaction, 0, std::slice::from_ref(output), leaf).unwrap();
        let signature = sign(&self.staker, message.to_bytes());
        transaction.input[0].witness = witness::withdrawal(leaf, &signature);
        transaction
    }

    /// Withdraws what slashing left, whose tree has a single leaf.
    fn withdraw_change(&self, stake: &ValidDelegation, slashing: &Transaction) {
        let outpoint = OutPoint::new(slashing.compute_txid(), 1);
        let leaf = stake.slashing_change().timelock();
        self.withdraw(outpoint, &slashing.output[1], leaf, None);
    }
}

/// What bitcoind says of a witness that does not satisfy its script.
const SCRIPT: &str = "script-verify-flag-failed";

/// Malformed twins of a spend that the committee has signed; its slots come first, descending by key.
fn committee_twins<'a>(
    good: &Transaction,
    committee: &[SecretKey],
    message: [u8; 32],
) -> Vec<(&'a str, Transaction, &'a str)> {
    // The two highest keys fill the first two slots, the lowest one's is empty.
    let items = good.input[0].witness.to_vec();
    let filled: Vec<_> = items.iter().take(committee.len()).map(Vec::len).collect();
    assert_eq!(filled, [64, 64, 0]);
    let third = sign(&committee[0], message).serialize();
    let zeroes = [0; 64];
    let staker = items.len() - LEAF_ITEMS - 1;
    vec![
        ("one signature too many", replaced(good, 2, &third), SCRIPT),
        ("one signature too few", replaced(good, 1, &[]), SCRIPT),
        ("in the order of the script", exchanged(good, 0, 2), SCRIPT),
        ("two members exchanged", exchanged(good, 0, 1), SCRIPT),
        (
            "zeroes for who did not sign",
            replaced(good, 2, &zeroes),
            SCRIPT,
        ),
        ("a slot missing", without(good, 2), SCRIPT),
        ("without the staker", replaced(good, staker, &[]), SCRIPT),
        (
            "with a sighash byte",
            replaced(good, 0, &[&items[0][..], &[0]].concat()),
            SCRIPT,
        ),
    ]
}

fn with_items(good: &Transaction, edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Transaction {
    let mut transaction = good.clone();
    let mut items = good.input[0].witness.to_vec();
    edit(&mut items);
    transaction.input[0].witness = Witness::from_slice(&items);
    transaction
}

fn replaced(good: &Transaction, item: usize, by: &[u8]) -> Transaction {
    with_items(good, |items| items[item] = by.to_vec())
}

fn exchanged(good: &Transaction, one: usize, other: usize) -> Transaction {
    with_items(good, |items| items.swap(one, other))
}

fn without(good: &Transaction, item: usize) -> Transaction {
    with_items(good, |items| drop(items.remove(item)))
}

fn by_leaf(good: &Transaction, leaf: &Leaf) -> Transaction {
    with_items(good, |items| {
        items.truncate(items.len() - LEAF_ITEMS);
        items.push(leaf.script().to_bytes());
        items.push(leaf.control_block().serialize());
    })
}

#[tokio::test]
async fn a_stake_is_unbonded_by_staker_and_quorum_and_withdrawn_after_the_unbonding_time() {
    let setting = Setting::new().await;
    let stake = setting.stake();
    let good = setting.signed_unbonding(&stake);
    let message = stake.unbonding_sighash().to_bytes();
    let mut twins = committee_twins(&good, &setting.committee, message);
    let staking = stake.staking_output();
    twins.push((
        "by the slashing leaf",
        by_leaf(&good, staking.slashing()),
        SCRIPT,
    ));
    twins.push((
        "by the timelock leaf",
        by_leaf(&good, staking.timelock().leaf()),
        SCRIPT,
    ));
    let mut more_fee = good.clone();
    more_fee.output[0].value -= Amount::ONE_SAT;
    twins.push(("paying less to the staker", more_fee, SCRIPT));
    setting.mine_but_not(&good, twins);

    let output = stake.unbonding_output();
    let other = output.slashing();
    setting.withdraw(
        stake.unbonding_outpoint(),
        output.tx_out(),
        output.timelock(),
        Some(other),
    );
}

#[tokio::test]
async fn a_stake_is_withdrawn_by_the_staker_alone_after_the_staking_time() {
    let setting = Setting::new().await;
    let stake = setting.stake();
    let output = stake.staking_output();
    let other = output.unbonding();
    setting.withdraw(
        stake.staking_outpoint(),
        output.tx_out(),
        output.timelock(),
        Some(other),
    );
}

#[tokio::test]
async fn a_stake_is_slashed_with_the_providers_key_and_the_rest_withdrawn() {
    let setting = Setting::new().await;
    let stake = setting.stake();
    setting.slash(&stake, SlashedOutput::Staking);
    setting.withdraw_change(&stake, stake.slashing_tx());
}

#[tokio::test]
async fn an_unbonding_stake_is_slashed_with_the_providers_key_and_the_rest_withdrawn() {
    let setting = Setting::new().await;
    let stake = setting.stake();
    setting.mine(&setting.signed_unbonding(&stake));
    setting.slash(&stake, SlashedOutput::Unbonding);
    setting.withdraw_change(&stake, stake.unbonding_slashing_tx());
}
