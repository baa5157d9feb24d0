//! What commands say of a stake.

use std::fmt;

use bitcoin::{Amount, OutPoint, Txid};
use chain::DelegationStatus;
use serde::Serialize;
use staking::keys::FinalityProviderKey;
use staking::units::{BitcoinHeight, BlockInterval};

use super::standing::Standing;
use crate::life::{Place, Position, Refusal, Seen};
use crate::printable::Printable;

/// One stake: where it is and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    /// Id of the staking transaction.
    pub staking_txid: Txid,
    /// Its state in one word.
    pub state: &'static str,
    /// Its state in a sentence.
    pub description: String,
    /// Value of the staking output in satoshi.
    pub amount_sat: u64,
    /// With whom.
    pub finality_provider: FinalityProviderKey,
    /// Timelock of the staking output in blocks.
    pub staking_time: BlockInterval,
    /// The staking output.
    pub staking_output: OutPoint,
    /// Version of the hub's parameters that governs it; `None` for a stake without a hub.
    pub params_version: Option<u32>,
    /// What the hub says; `None` where it does not know it.
    pub chain_status: Option<&'static str>,
    /// Committee members who have signed.
    pub covenant_signatures: usize,
    /// Committee members who must sign.
    pub covenant_quorum: usize,
    /// Where its coins are on Bitcoin.
    pub coins_in: Option<&'static str>,
    /// Height of the block that holds them, where there is one.
    pub block: Option<BitcoinHeight>,
    /// The transaction that unbonds it.
    pub unbonding_txid: Txid,
    /// The transaction that takes its coins back, once there is one.
    pub withdrawal_txid: Option<Txid>,
    /// Partner chains of a stake without a hub that have not heard of what happened, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Refusal>,
    /// Where it stands on partner chains, in commands that ask them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partner_chains: Vec<Standing>,
}

impl From<&Seen> for Report {
    fn from(seen: &Seen) -> Self {
        let Seen {
            stake,
            observation,
            step,
            ..
        } = seen;
        let entry = &stake.entry;
        let (coins_in, place) = match observation.position {
            Position::Nowhere | Position::Leaving(_) => (None, None),
            Position::Staked(place) => (Some("staking-output"), Some(place)),
            Position::Unbonding(place) => (Some("unbonding-output"), Some(place)),
            Position::Slashed(_, place) => (Some("slashing-change"), Some(place)),
        };
        Self {
            staking_txid: entry.staking_txid(),
            state: step.state(),
            description: step.to_string(),
            amount_sat: entry.staking_value.to_sat(),
            finality_provider: entry.finality_provider,
            staking_time: entry.staking_time,
            staking_output: stake.delegation.staking_outpoint(),
            params_version: entry.hubless.is_none().then_some(stake.params.version),
            chain_status: observation
                .registration
                .map(|on_chain| status_name(on_chain.status)),
            covenant_signatures: observation
                .registration
                .map(|on_chain| on_chain.signed)
                .or(observation.held.map(|held| held.signed))
                .unwrap_or(0),
            covenant_quorum: stake.params.covenant.quorum(),
            coins_in,
            block: match place {
                Some(Place::Block(height)) => Some(height),
                Some(Place::Mempool) | None => None,
            },
            unbonding_txid: stake.delegation.unbonding_outpoint().txid,
            withdrawal_txid: entry
                .withdrawal
                .as_ref()
                .map(|withdrawal| withdrawal.transaction.compute_txid()),
            failures: seen.failures(),
            partner_chains: Vec::new(),
        }
    }
}

/// A status as the chain spells it.
fn status_name(status: DelegationStatus) -> &'static str {
    match status {
        DelegationStatus::Pending => "PENDING",
        DelegationStatus::Verified => "VERIFIED",
        DelegationStatus::Active => "ACTIVE",
        DelegationStatus::Unbonded => "UNBONDED",
        DelegationStatus::Expired => "EXPIRED",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stake {}", self.staking_txid)?;
        writeln!(
            f,
            "  {} with {}",
            Amount::from_sat(self.amount_sat),
            self.finality_provider
        )?;
        write!(f, "  {}", self.description)?;
        for Refusal { chain, reason } in &self.failures {
            write!(f, "\n  {chain:<9} failed: {}", Printable(reason))?;
        }
        self.partner_chains
            .iter()
            .try_for_each(|standing| write!(f, "\n{standing}"))
    }
}
