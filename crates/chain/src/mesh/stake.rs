//! What the contract tells of stakes, as delegations. Everything in it is hostile: transactions and signatures are only
//! read here, and checked by whoever rebuilds the delegation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::consensus::deserialize;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, OutPoint, Transaction};
use eots::adaptor::AdaptorSignature;
use serde::{Deserialize, Deserializer};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::units::{BitcoinHeight, BlockInterval};

use super::answer::{Amount as LargeAmount, Bytes32, Few, address};
use super::covenant::CovenantSet;
use super::list::Listed;
use super::tables::StakeExits;
use crate::{
    Awaited, CovenantAdaptorSignatures, CovenantSignature, Delegation, DelegationStatus,
    StakingOutput,
};

/// Longest pre-signed transaction that the contract takes, bytes.
const LONGEST_PRESIGNED: usize = 500;

/// Members of the largest committee that the contract takes.
const MOST_MEMBERS: usize = 32;

/// Bytes as base64.
#[derive(Debug, Clone)]
pub(super) struct Binary(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// Some stakes.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stakes {
    pub(super) stakes: Vec<Stake>,
}

impl Listed for Stake {
    type Place = OutPoint;
    type Answer = Stakes;
    const LIST: &'static str = "stakes";
    /// Each was an output of Bitcoin's of some value, and cost a transaction with its signatures on the chain; some stay
    /// listed when they are over. In memory so many are about 200 MB.
    const MOST: usize = 200_000;

    fn on(page: Stakes) -> Vec<Self> {
        page.stakes
    }

    fn place(&self) -> OutPoint {
        self.outpoint
    }
}

/// Where a stake stands.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stake {
    pub(super) outpoint: OutPoint,
    pub(super) provider: Bytes32,
    covenant: u32,
    pub(super) value: u64,
    pub(super) weight: u64,
    pub(super) basis_points: u16,
    pub(super) increase: Option<Increase>,
    pub(super) consent_seq: u32,
    #[serde(deserialize_with = "address")]
    pub(super) reward_address: String,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) expires: u32,
    pub(super) status: StakeStatus,
    pub(super) unvested: LargeAmount,
}

/// An increase of a share that waits.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Increase {
    pub(super) basis_points: u16,
    pub(super) height: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StakeStatus {
    Pending { since: u32 },
    Unproven {},
    Active {},
    Ended { reason: EndReason },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EndReason {
    Spent { height: u32 },
    Expired {},
    Conflict {},
    Dropped {},
}

/// What burns a stake.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SlashKit {
    outpoint: OutPoint,
    covenant: u32,
    covenant_set: CovenantSet,
    staker: Bytes32,
    provider: Bytes32,
    timelock: u16,
    value: u64,
    slashing_tx: Binary,
    unbonding_tx: Binary,
    unbonding_slashing_tx: Binary,
    staker_slashing: Binary,
    staker_unbonding_slashing: Binary,
    covenant_signatures: Few<MemberSignatures, MOST_MEMBERS>,
}

#[derive(Debug, Clone, Deserialize)]
struct MemberSignatures {
    key: Bytes32,
    slashing: Binary,
    unbonding: Binary,
    unbonding_slashing: Binary,
}

/// What a field says, or its name and what is wrong with it.
pub(super) fn field<T, E: std::fmt::Display>(
    name: &'static str,
    read: Result<T, E>,
) -> Result<T, String> {
    read.map_err(|error| format!("field `{name}`: {error}"))
}

fn transaction(name: &'static str, bytes: &Binary) -> Result<Transaction, String> {
    let length = bytes.0.len();
    if length > LONGEST_PRESIGNED {
        return Err(format!(
            "field `{name}`: {length} bytes, the contract takes {LONGEST_PRESIGNED} at most"
        ));
    }
    field(name, deserialize(&bytes.0))
}

pub(super) fn signature(name: &'static str, bytes: &Binary) -> Result<Signature, String> {
    field(name, Signature::from_slice(&bytes.0))
}

pub(super) fn interval(name: &'static str, blocks: u16) -> Result<BlockInterval, String> {
    field(name, BlockInterval::new(blocks))
}

/// The height from which an activation lets a stake count that waits since `since`, with the share that it has and the
/// height of an increase.
pub(super) fn counts_from(
    since: u32,
    challenge: u32,
    basis_points: u16,
    increase: Option<u32>,
) -> u32 {
    let challenged = since.saturating_add(challenge);
    // Without a share that counts at once there is nothing to activate before the increase.
    let granted = increase.filter(|_| basis_points == 0);
    granted.map_or(challenged, |granted| challenged.max(granted))
}

impl Stake {
    /// Whether it may still count although its time is over.
    pub(super) fn has_expired(&self, bitcoin_tip: u32) -> bool {
        self.expires <= bitcoin_tip && !matches!(self.status, StakeStatus::Ended { .. })
    }

    /// Where it is in its life.
    pub(super) fn delegation_status(&self) -> DelegationStatus {
        match self.status {
            StakeStatus::Pending { .. } | StakeStatus::Unproven {} => DelegationStatus::Verified,
            StakeStatus::Active {} => DelegationStatus::Active,
            StakeStatus::Ended {
                reason: EndReason::Spent { .. },
            } => DelegationStatus::Unbonded,
            StakeStatus::Ended {
                reason: EndReason::Expired {} | EndReason::Conflict {} | EndReason::Dropped {},
            } => DelegationStatus::Expired,
        }
    }

    /// What it waits for, where a stake that nobody knew waits for `challenge` blocks.
    fn awaits(&self, challenge: u32) -> Awaited {
        let larger = self.increase.map(|increase| increase.height);
        match self.status {
            StakeStatus::Pending { since } => {
                let from = counts_from(since, challenge, self.basis_points, larger);
                Awaited::Tip(BitcoinHeight(from))
            }
            StakeStatus::Unproven {} => Awaited::Registration,
            StakeStatus::Active {} => larger.map_or(Awaited::Nothing, |height| {
                Awaited::Tip(BitcoinHeight(height))
            }),
            StakeStatus::Ended { .. } => Awaited::Nothing,
        }
    }

    /// The stake with what burns it.
    ///
    /// # Errors
    ///
    /// Names the field that cannot be read.
    pub(super) fn delegation(&self, kit: &SlashKit, challenge: u32) -> Result<Delegation, String> {
        if (kit.outpoint, kit.covenant, kit.provider)
            != (self.outpoint, self.covenant, self.provider)
        {
            return Err("the slash kit is another stake's".to_owned());
        }
        let awaits = self.awaits(challenge);
        let span = (BitcoinHeight(self.start), BitcoinHeight(self.end));
        let proven = !matches!(self.status, StakeStatus::Unproven {});
        let signatures = kit.covenant_signatures.0.iter();
        let members = signatures
            .map(MemberSignatures::read)
            .collect::<Result<Vec<_>, _>>()?;
        let adaptors = |of: fn(&Member) -> AdaptorSignature| {
            let of_member = |member: &Member| CovenantAdaptorSignatures {
                key: member.unbonding.key,
                signatures: vec![of(member)],
            };
            members.iter().map(of_member).collect()
        };
        let slashing = adaptors(|member| member.slashing);
        let unbonding_slashing = adaptors(|member| member.unbonding_slashing);
        Ok(Delegation {
            staker_address: self.reward_address.clone(),
            staker: field("staker", StakerKey::from_slice(&kit.staker.0))?,
            finality_providers: vec![field(
                "provider",
                FinalityProviderKey::from_slice(&kit.provider.0),
            )?],
            staking_time: interval("timelock", kit.timelock)?,
            staking_value: Amount::from_sat(kit.value),
            staking_output: StakingOutput::Outpoint(self.outpoint),
            slashing_tx: transaction("slashing_tx", &kit.slashing_tx)?,
            staker_slashing_signature: signature("staker_slashing", &kit.staker_slashing)?,
            covenant_slashing_signatures: slashing,
            unbonding_time: interval(
                "covenant_set.unbonding_time",
                kit.covenant_set.unbonding_time,
            )?,
            unbonding_tx: transaction("unbonding_tx", &kit.unbonding_tx)?,
            covenant_unbonding_signatures: members.into_iter().map(|it| it.unbonding).collect(),
            unbonding_slashing_tx: transaction(
                "unbonding_slashing_tx",
                &kit.unbonding_slashing_tx,
            )?,
            staker_unbonding_slashing_signature: signature(
                "staker_unbonding_slashing",
                &kit.staker_unbonding_slashing,
            )?,
            covenant_unbonding_slashing_signatures: unbonding_slashing,
            params_version: self.covenant,
            status: self.delegation_status(),
            bitcoin_span: proven.then_some(span),
            awaits,
            expansion: None,
        })
    }
}

impl SlashKit {
    /// Where the coins of `stake` may be.
    ///
    /// # Errors
    ///
    /// Names the field that cannot be read, or refuses the kit of another stake.
    pub(super) fn exits(&self, stake: OutPoint) -> Result<StakeExits, String> {
        if self.outpoint != stake {
            return Err("the slash kit is another stake's".to_owned());
        }
        let unbonding = transaction("unbonding_tx", &self.unbonding_tx)?;
        spends("unbonding_tx", &unbonding, stake)?;
        // It has one output.
        let unbonded = OutPoint::new(unbonding.compute_txid(), 0);
        let slashing = [
            transaction("slashing_tx", &self.slashing_tx)?,
            transaction("unbonding_slashing_tx", &self.unbonding_slashing_tx)?,
        ];
        spends("slashing_tx", &slashing[0], stake)?;
        spends("unbonding_slashing_tx", &slashing[1], unbonded)?;
        let outputs = |transaction: &Transaction| {
            let txid = transaction.compute_txid();
            let outputs = (0..).zip(&transaction.output);
            outputs
                .map(|(vout, _)| OutPoint::new(txid, vout))
                .collect::<Vec<_>>()
        };
        Ok(StakeExits {
            unbonding: unbonded,
            timelock: interval(
                "covenant_set.unbonding_time",
                self.covenant_set.unbonding_time,
            )?,
            slashing: slashing.iter().flat_map(outputs).collect(),
        })
    }
}

/// Refuses a transaction that spends anything but this output.
fn spends(name: &str, transaction: &Transaction, output: OutPoint) -> Result<(), String> {
    match transaction.input.as_slice() {
        [input] if input.previous_output == output => Ok(()),
        _ => Err(format!("field `{name}`: it does not spend {output} alone")),
    }
}

/// A member's signatures, read.
struct Member {
    slashing: AdaptorSignature,
    unbonding: CovenantSignature,
    unbonding_slashing: AdaptorSignature,
}

impl MemberSignatures {
    fn read(&self) -> Result<Member, String> {
        let adaptor = |name, bytes: &Binary| field(name, AdaptorSignature::from_slice(&bytes.0));
        Ok(Member {
            slashing: adaptor("covenant_signatures.slashing", &self.slashing)?,
            unbonding: CovenantSignature {
                key: field(
                    "covenant_signatures.key",
                    CovenantKey::from_slice(&self.key.0),
                )?,
                signature: signature("covenant_signatures.unbonding", &self.unbonding)?,
            },
            unbonding_slashing: adaptor(
                "covenant_signatures.unbonding_slashing",
                &self.unbonding_slashing,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use serde_json::{Value, json};

    use super::*;

    const PROVIDER: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    fn stake(status: &Value) -> Stake {
        serde_json::from_value(json!({
            "outpoint": format!("{}:1", "ab".repeat(32)),
            "provider": PROVIDER,
            "staker": PROVIDER,
            "covenant": 0,
            "value": 100_000,
            "weight": 0,
            "basis_points": 10_000,
            "increase": null,
            "consent_seq": 1,
            "reward_address": "wasm1",
            "start": 100,
            "end": 1_100,
            "expires": 1_000,
            "status": status,
            "unvested": "0",
        }))
        .unwrap()
    }

    #[test]
    fn where_a_stake_stands_is_said_in_the_words_of_delegations() {
        use DelegationStatus::{Active, Expired, Unbonded, Verified};
        for (status, expected, may_expire) in [
            (json!({ "pending": { "since": 110 } }), Verified, true),
            (json!({ "unproven": {} }), Verified, true),
            (json!({ "active": {} }), Active, true),
            (
                json!({ "ended": { "reason": { "spent": { "height": 120 } } } }),
                Unbonded,
                false,
            ),
            (
                json!({ "ended": { "reason": { "expired": {} } } }),
                Expired,
                false,
            ),
            (
                json!({ "ended": { "reason": { "conflict": {} } } }),
                Expired,
                false,
            ),
            (
                json!({ "ended": { "reason": { "dropped": {} } } }),
                Expired,
                false,
            ),
        ] {
            let stake = stake(&status);
            assert_eq!(stake.delegation_status(), expected, "{status}");
            assert_eq!(stake.has_expired(1_000), may_expire, "{status}");
            assert!(!stake.has_expired(999), "{status}");
        }
    }

    /// A transaction with one output that spends this.
    fn spending(output: OutPoint) -> Transaction {
        Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![bitcoin::TxIn {
                previous_output: output,
                ..bitcoin::TxIn::default()
            }],
            output: vec![bitcoin::TxOut {
                value: Amount::ONE_SAT,
                script_pubkey: bitcoin::ScriptBuf::new(),
            }],
        }
    }

    #[test]
    fn the_exits_of_a_stake_spend_it_and_nothing_else() {
        let stake = OutPoint::new(bitcoin::Txid::from_byte_array([1; 32]), 1);
        let other = OutPoint::new(stake.txid, 0);
        let exits = |unbonding: OutPoint, slashing: OutPoint, last: Option<OutPoint>| {
            let unbonding = spending(unbonding);
            let unbonded = OutPoint::new(unbonding.compute_txid(), 0);
            let encoded = |transaction: &Transaction| {
                STANDARD.encode(bitcoin::consensus::serialize(transaction))
            };
            let kit: SlashKit = serde_json::from_value(json!({
                "outpoint": stake,
                "covenant": 0,
                "covenant_set": {
                    "keys": [PROVIDER],
                    "quorum": 1,
                    "min_staking_value": 1,
                    "max_staking_value": 1,
                    "min_staking_time": 1,
                    "max_staking_time": 1,
                    "slashing_script": "",
                    "min_slashing_fee": 1,
                    "slashing_rate": 1,
                    "unbonding_time": 100,
                    "unbonding_fee": 1,
                    "max_share": 1,
                },
                "staker": PROVIDER,
                "provider": PROVIDER,
                "timelock": 1_000,
                "value": 1,
                "slashing_tx": encoded(&spending(slashing)),
                "unbonding_tx": encoded(&unbonding),
                "unbonding_slashing_tx": encoded(&spending(last.unwrap_or(unbonded))),
                "staker_slashing": "",
                "staker_unbonding_slashing": "",
                "covenant_signatures": [],
            }))
            .unwrap();
            kit.exits(stake)
        };
        let honest = exits(stake, stake, None).unwrap();
        assert_eq!((honest.timelock.blocks(), honest.slashing.len()), (100, 2));
        for (unbonding, slashing, last, named) in [
            (other, stake, None, "`unbonding_tx`"),
            (stake, other, None, "`slashing_tx`"),
            (stake, stake, Some(stake), "`unbonding_slashing_tx`"),
        ] {
            let refused = exits(unbonding, slashing, last).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn no_transaction_is_read_that_is_longer_than_the_contract_takes() {
        for (length, is_too_long) in [(500, false), (501, true)] {
            let error = transaction("slashing_tx", &Binary(vec![0; length])).unwrap_err();
            let named = "field `slashing_tx`: 501 bytes, the contract takes 500 at most";
            assert_eq!(error == named, is_too_long, "{error}");
        }
    }

    #[test]
    fn what_a_stake_waits_for_is_said_of_its_share_too() {
        let tip = |height| Awaited::Tip(BitcoinHeight(height));
        let pending = json!({ "pending": { "since": 110 } });
        let active = json!({ "active": {} });
        let unproven = json!({ "unproven": {} });
        let ended = json!({ "ended": { "reason": { "expired": {} } } });
        for (status, basis_points, increase, expected) in [
            (&pending, 10_000, None, tip(113)),
            (&pending, 5_000, Some(150), tip(113)),
            (&pending, 0, Some(150), tip(150)),
            (&pending, 0, Some(100), tip(113)),
            (&unproven, 10_000, None, Awaited::Registration),
            (&active, 10_000, None, Awaited::Nothing),
            (&active, 0, Some(150), tip(150)),
            (&ended, 0, Some(150), Awaited::Nothing),
        ] {
            let mut stake = stake(status);
            stake.basis_points = basis_points;
            stake.increase = increase.map(|height| Increase {
                basis_points: 7_000,
                height,
            });
            assert_eq!(
                stake.awaits(3),
                expected,
                "{status} {basis_points} {increase:?}"
            );
        }
    }
}
