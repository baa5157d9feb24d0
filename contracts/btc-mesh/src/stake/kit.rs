//! What burns a stake on Bitcoin together with its provider's key, and with whom it is shared: kept as raw bytes until the
//! timelock is over.

use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Transaction};
use cosmwasm_std::Storage;
use cw_storage_plus::Map;
use staking::delegation::ValidDelegation;
use staking::params::CovenantCommittee;

use super::error::StakeError;
use super::record::{self, key};
use super::weight;
use crate::finality::slashed_key;
use crate::msg::{
    Bytes32, ConsentShare, CovenantSignature, ExposureResponse, SignedConsent, SlashKitResponse,
};
use crate::{ContractError, config};

/// Raw bytes: three transactions, each BE16(length) ‖ bytes; two signatures of the staker; then for each member of a
/// quorum its position in the committee (one byte), adaptor signature, signature, adaptor signature.
const KITS: Map<&[u8], ()> = Map::new("kit");
/// Raw bytes: the staker's signature, then for each share target ‖ BE16(basis points) ‖ L8(reward address).
const CONSENTS: Map<&[u8], ()> = Map::new("consent");

/// What burns a stake on Bitcoin.
pub(super) struct Kit {
    slashing_tx: Vec<u8>,
    unbonding_tx: Vec<u8>,
    unbonding_slashing_tx: Vec<u8>,
    /// Of the slashing and of the unbonding slashing transaction.
    staker: [[u8; 64]; 2],
    /// A quorum, ascending by key.
    members: Vec<Member>,
}

/// A committee member's signatures.
pub(super) struct Member {
    /// Its position among the committee's keys, ascending.
    pub(super) position: u8,
    pub(super) slashing: [u8; 65],
    pub(super) unbonding: [u8; 64],
    pub(super) unbonding_slashing: [u8; 65],
}

impl Kit {
    /// Of signatures that were verified.
    pub(super) fn new(
        delegation: &ValidDelegation,
        staker: [[u8; 64]; 2],
        members: Vec<Member>,
    ) -> Self {
        let bytes = |tx: &Transaction| serialize(tx);
        Self {
            slashing_tx: bytes(delegation.slashing_tx()),
            unbonding_tx: bytes(delegation.unbonding_tx()),
            unbonding_slashing_tx: bytes(delegation.unbonding_slashing_tx()),
            staker,
            members,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for tx in [
            &self.slashing_tx,
            &self.unbonding_tx,
            &self.unbonding_slashing_tx,
        ] {
            // Read with a limit far below.
            let length = u16::try_from(tx.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(tx);
        }
        bytes.extend(self.staker.iter().flatten());
        for member in &self.members {
            bytes.push(member.position);
            bytes.extend_from_slice(&member.slashing);
            bytes.extend_from_slice(&member.unbonding);
            bytes.extend_from_slice(&member.unbonding_slashing);
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (slashing_tx, rest) = prefixed(bytes)?;
        let (unbonding_tx, rest) = prefixed(rest)?;
        let (unbonding_slashing_tx, rest) = prefixed(rest)?;
        let (slashing, rest) = rest.split_first_chunk::<64>()?;
        let (unbonding_slashing, mut rest) = rest.split_first_chunk::<64>()?;
        let mut members = Vec::new();
        while let Some((position, following)) = rest.split_first() {
            let (slashing, following) = following.split_first_chunk::<65>()?;
            let (unbonding, following) = following.split_first_chunk::<64>()?;
            let (unbonding_slashing, following) = following.split_first_chunk::<65>()?;
            members.push(Member {
                position: *position,
                slashing: *slashing,
                unbonding: *unbonding,
                unbonding_slashing: *unbonding_slashing,
            });
            rest = following;
        }
        Some(Self {
            slashing_tx,
            unbonding_tx,
            unbonding_slashing_tx,
            staker: [*slashing, *unbonding_slashing],
            members,
        })
    }
}

/// Takes BE16(length) ‖ bytes off the front.
fn prefixed(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((value.to_vec(), rest))
}

pub(super) fn save(storage: &mut dyn Storage, outpoint: &OutPoint, kit: &Kit) {
    storage.set(&KITS.key(&key(outpoint)), &kit.to_bytes());
}

/// Whether the timelock of a stake that was shown is not over yet.
pub(super) fn is_kept(storage: &dyn Storage, outpoint: &OutPoint) -> bool {
    storage.get(&KITS.key(&key(outpoint))).is_some()
}

/// Keeps the list of a stake's newest consent with its signature, so that anybody can show it to another chain.
pub(super) fn save_consent(storage: &mut dyn Storage, outpoint: &OutPoint, signed: &SignedConsent) {
    // Verified, so it has 64 bytes.
    let mut bytes = signed.signature.to_vec();
    for share in &signed.shares {
        let address = share.reward_address.as_bytes();
        bytes.extend_from_slice(&share.target.0);
        bytes.extend_from_slice(&share.basis_points.to_be_bytes());
        // A consent has no longer ones.
        bytes.push(u8::try_from(address.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(address);
    }
    storage.set(&CONSENTS.key(&key(outpoint)), &bytes);
}

/// The signature and the list.
fn parse_consent(bytes: &[u8]) -> Option<([u8; 64], Vec<ConsentShare>)> {
    let (signature, mut bytes) = bytes.split_first_chunk()?;
    let mut shares = Vec::new();
    while !bytes.is_empty() {
        let (target, rest) = bytes.split_first_chunk::<32>()?;
        let (basis_points, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (address, rest) = rest.split_at_checked((*length).into())?;
        shares.push(ConsentShare {
            target: Bytes32(*target),
            basis_points: u16::from_be_bytes(*basis_points),
            reward_address: String::from_utf8(address.to_vec()).ok()?,
        });
        bytes = rest;
    }
    Some((*signature, shares))
}

/// Forgets both.
pub(super) fn remove(storage: &mut dyn Storage, outpoint: &OutPoint) {
    storage.remove(&KITS.key(&key(outpoint)));
    storage.remove(&CONSENTS.key(&key(outpoint)));
}

/// All bytes that burn a stake, with its provider's key where that is out.
pub(crate) fn slash_kit(
    storage: &dyn Storage,
    outpoint: &OutPoint,
) -> Result<SlashKitResponse, ContractError> {
    let stake = record::get(storage, outpoint)?;
    let bytes = storage
        .get(&KITS.key(&key(outpoint)))
        .ok_or(StakeError::Forgotten(*outpoint))?;
    let corrupt = || ContractError::CorruptStake(*outpoint);
    let kit = Kit::parse(&bytes).ok_or_else(corrupt)?;
    let covenant_set = config::set(storage, stake.covenant)?;
    let params = config::staking_params(stake.covenant, &covenant_set).map_err(|_| corrupt())?;
    let covenant_signatures = kit
        .members
        .iter()
        .map(|member| named(&params.covenant, member))
        .collect::<Option<_>>()
        .ok_or_else(corrupt)?;
    let [staker_slashing, staker_unbonding_slashing] = kit.staker;
    Ok(SlashKitResponse {
        outpoint: *outpoint,
        covenant: stake.covenant,
        covenant_set,
        staker: stake.staker,
        provider: stake.provider,
        timelock: stake.timelock,
        value: stake.value,
        slashing_tx: kit.slashing_tx.into(),
        unbonding_tx: kit.unbonding_tx.into(),
        unbonding_slashing_tx: kit.unbonding_slashing_tx.into(),
        staker_slashing: staker_slashing.into(),
        staker_unbonding_slashing: staker_unbonding_slashing.into(),
        covenant_signatures,
        sk: slashed_key(storage, &stake.provider())?.map(|slashed| slashed.sk),
    })
}

fn named(committee: &CovenantCommittee, member: &Member) -> Option<CovenantSignature> {
    let key = committee.keys().get(usize::from(member.position))?;
    Some(CovenantSignature {
        key: key.to_bytes().into(),
        slashing: member.slashing.into(),
        unbonding: member.unbonding.into(),
        unbonding_slashing: member.unbonding_slashing.into(),
    })
}

/// With whom a stake is shared, by the newest consent that this chain was shown.
pub(crate) fn exposure(
    storage: &dyn Storage,
    outpoint: &OutPoint,
) -> Result<ExposureResponse, ContractError> {
    let stake = record::get(storage, outpoint)?;
    let bytes = storage
        .get(&CONSENTS.key(&key(outpoint)))
        .ok_or(StakeError::Forgotten(*outpoint))?;
    let (signature, shares) =
        parse_consent(&bytes).ok_or(ContractError::CorruptStake(*outpoint))?;
    Ok(ExposureResponse {
        seq: stake.consent_seq,
        shares,
        signature: signature.into(),
        value: stake.value,
        penalty: weight::penalty(storage, &stake)?,
    })
}

#[cfg(test)]
mod tests {
    use bitcoin::Txid;
    use bitcoin::hashes::Hash;

    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_kit_is_what_instances_have() {
        let kit = Kit {
            slashing_tx: vec![1; 2],
            unbonding_tx: vec![2; 3],
            unbonding_slashing_tx: vec![3; 4],
            staker: [[4; 64], [5; 64]],
            members: vec![Member {
                position: 6,
                slashing: [7; 65],
                unbonding: [8; 64],
                unbonding_slashing: [9; 65],
            }],
        };
        assert_stored(
            |storage| save(storage, &outpoint(), &kit),
            r"\x00\x03kittttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            concat!(
                "00020101000302020200040303030304040404040404040404040404040404040404040404040404",
                "04040404040404040404040404040404040404040404040404040404040404040404040404040405",
                "05050505050505050505050505050505050505050505050505050505050505050505050505050505",
                "05050505050505050505050505050505050505050505050607070707070707070707070707070707",
                "07070707070707070707070707070707070707070707070707070707070707070707070707070707",
                "07070707070707070708080808080808080808080808080808080808080808080808080808080808",
                "08080808080808080808080808080808080808080808080808080808080808080809090909090909",
                "09090909090909090909090909090909090909090909090909090909090909090909090909090909",
                "090909090909090909090909090909090909"
            ),
        );
    }

    #[test]
    fn the_layout_of_a_consent_is_what_instances_have() {
        let share = |byte, address: &str| ConsentShare {
            target: Bytes32([byte; 32]),
            basis_points: 300,
            reward_address: address.to_owned(),
        };
        let signed = SignedConsent {
            seq: 7,
            shares: vec![share(1, "staker"), share(2, "other")],
            signature: [4; 64].into(),
        };
        assert_stored(
            |storage| save_consent(storage, &outpoint(), &signed),
            r"\x00\x07consenttttttttttttttttttttttttttttttttt\x00\x00\x00\x01",
            concat!(
                "04040404040404040404040404040404040404040404040404040404040404040404040404040404",
                "040404040404040404040404040404040404040404040404",
                "0101010101010101010101010101010101010101010101010101010101010101012c067374616b65",
                "720202020202020202020202020202020202020202020202020202020202020202012c056f746865",
                "72"
            ),
        );
    }

    fn outpoint() -> OutPoint {
        OutPoint {
            txid: Txid::from_byte_array([b't'; 32]),
            vout: 1,
        }
    }
}
