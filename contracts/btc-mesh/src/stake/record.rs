//! A stake as it is stored, and the one place where what counts of it changes.

use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Txid};
use cosmwasm_std::{Addr, Storage, Uint128, Uint256};
use eots::PublicKey;
use serde::{Deserialize, Serialize};

use crate::msg::{Bytes32, Increase, StakeResponse, StakeStatus};
use crate::store::{Records, big_endian};
use crate::{ContractError, provider, reward};

/// Length of an outpoint as a key: txid in internal byte order, BE32(vout).
const KEY_LENGTH: usize = 36;

const STAKES: Records<&[u8], Stake> = Records::new("stake");

/// A stake as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stake {
    pub(crate) provider: Bytes32,
    pub(crate) staker: Bytes32,
    /// Number of its covenant set.
    pub(crate) covenant: u32,
    /// Value of the staking output, sat.
    pub(crate) value: u64,
    /// Timelock of the staking output, blocks.
    pub(crate) timelock: u16,
    /// Share that counts, or will once it is active, basis points.
    pub(crate) basis_points: u16,
    /// An increase of the share that waits.
    pub(crate) increase: Option<Increase>,
    pub(crate) consent_seq: u32,
    /// What the staker signed under that number.
    pub(crate) consent_digest: Bytes32,
    pub(crate) reward_address: Addr,
    /// Height of its block.
    pub(crate) start: u32,
    /// Hash of its block, internal byte order.
    pub(crate) block_hash: Bytes32,
    /// Height at which its timelock is over.
    pub(crate) end: u32,
    /// Height from which it does not count any more.
    pub(crate) expires: u32,
    pub(crate) status: StakeStatus,
    /// Where its output was spent.
    pub(crate) spend: Option<Spend>,
    /// What is counted of it in its provider's weight now, sat.
    pub(crate) weight: u64,
    /// What is counted of it in its provider's amount at risk now, sat.
    pub(crate) at_risk: u64,
    /// The provider's reward index up to which its rewards are in `credited`.
    #[serde(with = "big_endian")]
    pub(crate) index: Uint256,
    /// Rewards credited since the last claim, which do not vest yet.
    pub(crate) credited: Uint128,
    /// Rewards credited before, that have not vested.
    pub(crate) unvested: Uint128,
    /// Bitcoin's height up to which they have vested.
    pub(crate) vested_to: u32,
}

/// Where a staking output was spent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spend {
    /// Height of the block.
    pub(crate) height: u32,
    /// Its hash, internal byte order.
    pub(crate) block_hash: Bytes32,
}

impl Stake {
    pub(crate) const fn provider(&self) -> PublicKey {
        PublicKey::from_checked_bytes(self.provider.0)
    }

    /// What is told of it, with what it has earned since it was written.
    pub(crate) fn answer(
        mut self,
        storage: &dyn Storage,
        outpoint: OutPoint,
    ) -> Result<StakeResponse, ContractError> {
        let provider = provider::get(storage, &self.provider())?;
        reward::accrue(&mut self, &provider);
        Ok(StakeResponse {
            outpoint,
            provider: self.provider,
            staker: self.staker,
            covenant: self.covenant,
            value: self.value,
            weight: self.weight,
            basis_points: self.basis_points,
            increase: self.increase,
            consent_seq: self.consent_seq,
            reward_address: self.reward_address.into(),
            start: self.start,
            end: self.end,
            expires: self.expires,
            status: self.status,
            unvested: self.unvested.saturating_add(self.credited),
        })
    }
}

/// Changes what counts of a stake, and with it its provider's weight. What it earned until now is credited first.
///
/// The caller saves both.
pub(crate) fn set_weight(
    storage: &dyn Storage,
    providers: &mut provider::Changes,
    stake: &mut Stake,
    weight: u64,
    at_risk: u64,
) -> Result<(), ContractError> {
    let provider = providers.of(storage, &stake.provider())?;
    reward::accrue(stake, provider);
    provider.sats = provider
        .sats
        .saturating_sub(stake.weight)
        .saturating_add(weight);
    provider.at_risk = provider
        .at_risk
        .saturating_sub(stake.at_risk)
        .saturating_add(at_risk);
    stake.weight = weight;
    stake.at_risk = at_risk;
    Ok(())
}

/// The stake at an outpoint; `None` where nobody showed it, or it is forgotten.
pub(crate) fn find(
    storage: &dyn Storage,
    outpoint: &OutPoint,
) -> Result<Option<Stake>, ContractError> {
    Ok(STAKES.may_load(storage, &key(outpoint))?)
}

/// The stake at an outpoint that must be known.
pub(crate) fn get(storage: &dyn Storage, outpoint: &OutPoint) -> Result<Stake, ContractError> {
    find(storage, outpoint)?.ok_or(ContractError::UnknownStake(*outpoint))
}

pub(crate) fn save(
    storage: &mut dyn Storage,
    outpoint: &OutPoint,
    stake: &Stake,
) -> Result<(), ContractError> {
    Ok(STAKES.save(storage, &key(outpoint), stake)?)
}

pub(super) fn remove(storage: &mut dyn Storage, outpoint: &OutPoint) {
    STAKES.remove(storage, &key(outpoint));
}

/// Stakes in the order of their outpoints' bytes, after one of them.
pub(crate) fn list(
    storage: &dyn Storage,
    start_after: Option<&OutPoint>,
    limit: usize,
) -> Result<Vec<StakeResponse>, ContractError> {
    let after = start_after.map(key);
    STAKES
        .keys(storage, after.as_deref(), limit)?
        .iter()
        .map(|key| {
            let outpoint = parse_key(key)?;
            get(storage, &outpoint)?.answer(storage, outpoint)
        })
        .collect()
}

/// An outpoint as a key.
pub(super) fn key(outpoint: &OutPoint) -> Vec<u8> {
    [
        outpoint.txid.as_byte_array().as_slice(),
        &outpoint.vout.to_be_bytes(),
    ]
    .concat()
}

/// Reads what [`key`] wrote.
pub(super) fn parse_key(bytes: &[u8]) -> Result<OutPoint, ContractError> {
    let wrong = || cosmwasm_std::StdError::invalid_data_size(KEY_LENGTH, bytes.len());
    let (txid, vout) = bytes.split_first_chunk::<32>().ok_or_else(wrong)?;
    let vout = vout.try_into().map_err(|_| wrong())?;
    Ok(OutPoint {
        txid: Txid::from_byte_array(*txid),
        vout: u32::from_be_bytes(vout),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;
    use crate::msg::EndReason;

    #[test]
    fn the_layout_of_a_stake_is_what_instances_have() {
        let stake = Stake {
            provider: Bytes32([1; 32]),
            staker: Bytes32([2; 32]),
            covenant: 3,
            value: 4,
            timelock: 5,
            basis_points: 6,
            increase: Some(Increase {
                basis_points: 7,
                height: 8,
            }),
            consent_seq: 9,
            consent_digest: Bytes32([10; 32]),
            reward_address: Addr::unchecked("staker"),
            start: 11,
            block_hash: Bytes32([12; 32]),
            end: 13,
            expires: 14,
            status: StakeStatus::Pending { since: 15 },
            spend: Some(Spend {
                height: 16,
                block_hash: Bytes32([17; 32]),
            }),
            weight: 18,
            at_risk: 19,
            index: Uint256::from(20_u8),
            credited: Uint128::new(21),
            unvested: Uint128::new(22),
            vested_to: 23,
        };
        let outpoint = OutPoint {
            txid: Txid::from_byte_array([b't'; 32]),
            vout: 1,
        };
        assert_stored(
            |storage| save(storage, &outpoint, &stake).unwrap(),
            r"\x00\x05staketttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            concat!(
                "01010101010101010101010101010101010101010101010101010101010101010202020202020202",
                "02020202020202020202020202020202020202020202020203040506010708090a0a0a0a0a0a0a0a",
                "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a067374616b65720b0c0c0c0c0c0c0c0c",
                "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0d0e000f011011111111111111111111",
                "11111111111111111111111111111111111111111111121300000000000000000000000000000000",
                "0000000000000000000000000000001402323102323217"
            ),
        );
    }

    #[test]
    fn the_layout_of_where_a_stake_stands_is_what_instances_have() {
        let ended = |reason| StakeStatus::Ended { reason };
        for (status, bytes) in [
            (StakeStatus::Unproven {}, [1].as_slice()),
            (StakeStatus::Active {}, &[2]),
            (ended(EndReason::Spent { height: 5 }), &[3, 0, 5]),
            (ended(EndReason::Expired {}), &[3, 1]),
            (ended(EndReason::Conflict {}), &[3, 2]),
            (ended(EndReason::Dropped {}), &[3, 3]),
        ] {
            assert_eq!(postcard::to_allocvec(&status).unwrap(), bytes);
        }
    }
}
