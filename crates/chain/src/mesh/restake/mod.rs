//! Stakes that are there already, shown to an instance by their staker, and what the instance says of them.

mod handed;
mod read;
mod write;

use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Message, SECP256K1};
use bitcoin::{Amount, OutPoint, Transaction};
use mesh_core::consent::{Consent, ConsentError, Share, Target};
use serde_json::json;
use staking::delegation::{CovenantSignatures, StakerSignatures, ValidDelegation};
use staking::inclusion::InclusionProof;
use staking::keys::{FinalityProviderKey, StakerKey};
use staking::params::StakingParams;
use staking::units::BitcoinHeight;

pub use handed::{HandedConsent, HandedError, WrittenShare};

use super::stake::counts_from;
use super::{Mesh, receipt};
use crate::{ChainError, PageKey, Receipt};
use write::StakeMessage;

/// Most stakes of one claim.
pub const MAX_CLAIMS: usize = 32;

/// What an instance prescribes for stakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTerms {
    /// The committees that are accepted, with their staking parameters.
    pub covenant_sets: Vec<CovenantSet>,
    /// Bitcoin blocks that a stake waits before it may count.
    pub challenge: u32,
    /// Bitcoin blocks that an increase of a share waits.
    pub consent_delay: u32,
    /// Whether it takes no stakes any more.
    pub closed: bool,
    /// Whether the coins of the Bitcoin network it follows are worthless.
    pub test_only: bool,
}

/// A committee and the staking parameters that it signs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CovenantSet {
    /// Its number in the instance's list.
    pub number: u32,
    /// Committee and parameters.
    pub params: StakingParams,
    /// Largest share of one of its stakes that counts, in basis points.
    pub max_share: u16,
}

/// What an instance knows of a stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeStanding {
    /// What counts of it now.
    pub weight: Amount,
    /// Share that counts, or will once it is active, in basis points.
    pub basis_points: u16,
    /// An increase that waits.
    pub increase: Option<ShareIncrease>,
    /// Number of the newest consent that was shown.
    pub consent_number: u32,
    /// Where its rewards go; the chain's own words.
    pub reward_address: String,
    /// Height from which it does not count any more.
    pub expires: BitcoinHeight,
    /// Where it stands.
    pub state: StakeState,
    /// Rewards that were credited and not paid, in the smallest unit of [`Mesh::denomination`].
    pub owed: u128,
}

impl StakeStanding {
    /// Bitcoin's height from which an activation lets it count, where it is pending and the instance has such stakes wait
    /// for `challenge` blocks.
    pub fn counts_from(&self, challenge: u32) -> Option<BitcoinHeight> {
        let StakeState::Pending { since } = self.state else {
            return None;
        };
        let increase = self.increase.map(|increase| increase.from.0);
        let from = counts_from(since.0, challenge, self.basis_points, increase);
        Some(BitcoinHeight(from))
    }
}

/// An increase of a share that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareIncrease {
    /// The new share in basis points.
    pub basis_points: u16,
    /// Height from which an activation lets it count.
    pub from: BitcoinHeight,
}

/// Where a stake stands on an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StakeState {
    /// It waits: anybody may still show that it was spent.
    Pending {
        /// Bitcoin's height when the wait began.
        since: BitcoinHeight,
    },
    /// A reorganisation undid its block.
    Unproven,
    /// It counts.
    Active,
    /// It does not count any more.
    Ended(StakeEnd),
}

/// Why a stake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StakeEnd {
    /// Its output was spent in the block at this height.
    Spent(BitcoinHeight),
    /// Its time is over.
    Expired,
    /// Its staker signed two lists with one number.
    Conflict,
    /// Governance dropped it.
    Dropped,
}

/// With whom a stake is shared, as far as an instance was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Number of the newest consent.
    pub number: u32,
    /// Its list.
    pub shares: Vec<Share>,
    /// What is said to be the staker's signature of it.
    pub signature: Signature,
    /// Value of the stake.
    pub value: Amount,
    /// What slashing burns of it, once for all chains together.
    pub penalty: Amount,
}

/// A staker's numbered list of shares, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedConsent {
    /// Its number.
    pub number: u32,
    /// Its list, targets ascending.
    pub shares: Vec<Share>,
    /// The staker's BIP-0340 signature.
    pub signature: Signature,
}

/// Why a consent is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConsent {
    /// Numbers begin with 1.
    #[error("its number is 0; the first is 1")]
    Zero,
    /// The list.
    #[error(transparent)]
    List(#[from] ConsentError),
    /// The signature.
    #[error("it is not signed by the stake's staker {0}")]
    Signature(StakerKey),
}

impl Exposure {
    /// The consent that the instance was shown; whoever relies on it [verifies](SignedConsent::verify) it.
    pub fn consent(self) -> SignedConsent {
        SignedConsent {
            number: self.number,
            shares: self.shares,
            signature: self.signature,
        }
    }
}

impl SignedConsent {
    /// Checks that it is a consent for this stake, signed by its staker.
    ///
    /// # Errors
    ///
    /// Names the first rule that it breaks.
    pub fn verify(&self, stake: OutPoint, staker: &StakerKey) -> Result<(), InvalidConsent> {
        if self.number == 0 {
            return Err(InvalidConsent::Zero);
        }
        let txid = stake.txid.to_byte_array();
        let list = Consent::new(&txid, stake.vout, self.number, self.shares.clone())?;
        let message = Message::from_digest(*list.digest());
        SECP256K1
            .verify_schnorr(&self.signature, &message, &staker.0)
            .map_err(|_| InvalidConsent::Signature(*staker))
    }

    /// The share for a target, where there is one.
    pub fn share_of(&self, target: &Target) -> Option<&Share> {
        self.shares.iter().find(|share| share.target == *target)
    }
}

/// Some of the stakes with one provider, and where each stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    /// The stakes, by their staking outputs.
    pub stakes: Vec<(OutPoint, StakeStanding)>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<PageKey>,
}

/// All that proves a stake, but for its staker's consent.
#[derive(Debug, Clone, Copy)]
pub struct StakeProof<'a> {
    /// Number of the covenant set in the instance's list.
    pub covenant_set: u32,
    /// Its outputs and transactions.
    pub delegation: &'a ValidDelegation,
    /// The staking transaction.
    pub staking_tx: &'a Transaction,
    /// Height of its block.
    pub block_height: BitcoinHeight,
    /// That it is in there.
    pub inclusion_proof: &'a InclusionProof,
    /// The staker's signatures of the slashing transactions.
    pub staker_signatures: &'a StakerSignatures,
    /// A quorum of the committee's signatures.
    pub covenant_signatures: &'a [CovenantSignatures],
}

impl Mesh {
    /// Denomination in which rewards are paid.
    pub fn denomination(&self) -> &str {
        &self.denomination
    }

    /// What the instance prescribes for stakes now.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or its answer cannot be read.
    pub async fn instance_terms(&self) -> Result<InstanceTerms, ChainError> {
        let config: read::Config = self.ask(json!({ "config": {} })).await?;
        Ok(config.into())
    }

    /// What the instance knows of a stake; `None` where nobody showed it.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or its answer cannot be read: that a stake is unknown is never taken from an error.
    pub async fn stake_standing(
        &self,
        outpoint: OutPoint,
    ) -> Result<Option<StakeStanding>, ChainError> {
        Ok(self.find(outpoint).await?.map(StakeStanding::from))
    }

    /// With whom a stake that the instance knows is shared, as far as it was shown.
    ///
    /// # Errors
    ///
    /// [`ChainError::Rejected`] where the instance does not know the stake or has forgotten the list.
    pub async fn exposure(&self, outpoint: OutPoint) -> Result<Exposure, ChainError> {
        let question = json!({ "exposure": { "outpoint": outpoint } });
        let answer: read::ExposureAnswer = self.ask(question).await?;
        answer.try_into()
    }

    /// Shows a stake that the instance does not know, with its staker's consent.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`](crate::wasm::Contracts::execute).
    pub async fn show_stake(
        &self,
        proof: &StakeProof<'_>,
        consent: &SignedConsent,
    ) -> Result<Receipt, ChainError> {
        self.tell(&write::stake(proof, consent)?).await.map(receipt)
    }

    /// One page of at most `limit` of the instance's stakes, of which only those with `provider` are told.
    ///
    /// # Errors
    ///
    /// When the node does not answer, or its answer cannot be read.
    pub async fn standings_with(
        &self,
        provider: &FinalityProviderKey,
        after: Option<PageKey>,
        limit: usize,
    ) -> Result<Standings, ChainError> {
        let (stakes, next) = self.stakes_page(after, limit).await?;
        let key = provider.to_bytes();
        let with = stakes.into_iter().filter(|stake| stake.provider.0 == key);
        Ok(Standings {
            stakes: with
                .map(|stake| (stake.outpoint, StakeStanding::from(stake)))
                .collect(),
            next,
        })
    }

    /// Shows a newer consent for a stake that the instance knows.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`](crate::wasm::Contracts::execute).
    pub async fn show_consent(
        &self,
        outpoint: OutPoint,
        consent: &SignedConsent,
    ) -> Result<Receipt, ChainError> {
        let consent = write::consent_parts(consent);
        let message = StakeMessage::Consent { outpoint, consent };
        self.tell(&message).await.map(receipt)
    }

    /// Shows two lists that a stake's staker signed under one number, which ends the stake there.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`](crate::wasm::Contracts::execute).
    pub async fn show_conflict(
        &self,
        outpoint: OutPoint,
        [first, second]: [&SignedConsent; 2],
    ) -> Result<Receipt, ChainError> {
        let message = StakeMessage::ConsentConflict {
            outpoint,
            first: write::consent_parts(first),
            second: write::consent_parts(second),
        };
        self.tell(&message).await.map(receipt)
    }

    /// Has what is vested of stakes paid to their reward addresses, and returns what each was paid, in their order. More
    /// than [`MAX_CLAIMS`] are refused.
    ///
    /// # Errors
    ///
    /// As [`Contracts::execute`](crate::wasm::Contracts::execute).
    pub async fn claim_stakes(&self, outpoints: &[OutPoint]) -> Result<Vec<u128>, ChainError> {
        let message = StakeMessage::Claim {
            outpoints: outpoints.to_vec(),
        };
        let executed = self.tell(&message).await?;
        let events = executed.events.iter();
        let claims: Vec<_> = events.filter(|event| event.kind == "wasm-claim").collect();
        outpoints
            .iter()
            .map(|outpoint| {
                let outpoint = outpoint.to_string();
                let claim = claims
                    .iter()
                    .find(|event| event.attribute("outpoint") == Some(&outpoint));
                let paid = claim.and_then(|event| event.attribute("paid"));
                paid.map_or(Ok(0), read::paid)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::stake::Stakes;

    #[test]
    fn a_standing_is_read_as_the_contract_writes_it() {
        let text = r#"{"stakes":[{"outpoint":"1111111111111111111111111111111111111111111111111111111111111111:1",
            "provider":"0101010101010101010101010101010101010101010101010101010101010101","staker":"02","covenant":0,"value":500000,"weight":0,"basis_points":0,
            "increase":{"basis_points":5000,"height":120},"consent_seq":7,"reward_address":"wasm1","start":100,
            "end":1100,"expires":1000,"status":{"ended":{"reason":{"spent":{"height":110}}}},"unvested":"18446744073709551616"}]}"#;
        let page: Stakes = serde_json::from_str(text).unwrap();
        let standing = StakeStanding::from(page.stakes.into_iter().next().unwrap());
        assert_eq!(standing.consent_number, 7);
        assert_eq!(standing.owed, 1 << 64);
        assert_eq!(
            standing.state,
            StakeState::Ended(StakeEnd::Spent(BitcoinHeight(110)))
        );
        for broken in ["\"unvested\":\"-1\"", "\"unvested\":5"] {
            let text = text.replace("\"unvested\":\"18446744073709551616\"", broken);
            assert!(serde_json::from_str::<Stakes>(&text).is_err());
        }
    }
}
