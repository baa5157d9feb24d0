//! What the owner of a stake is shown before its consent is signed.

use std::fmt;

use bitcoin::{Amount, Txid};
use chain::mesh::{BABYLON, CovenantSet, InstanceTerms};
use mesh_core::consent::{Share, Target};
use mesh_core::registration::WHOLE;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use super::number::{Decision, FIRST};
use super::plan::{Asked, Plan};
use super::revocation;
use super::spelling::percent;
use crate::blocks::Blocks;
use crate::printable::Printable;

/// Who may count which part of a stake, and what is at risk. Amounts in satoshi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The stake.
    pub staking_txid: Txid,
    /// Value of the staking output.
    pub amount_sat: u64,
    /// Whose equivocation, on any of these chains, burns a part of it.
    pub finality_provider: FinalityProviderKey,
    /// What is burned then, once for all chains together.
    pub penalty_sat: u64,
    /// Share of the stake that is burned.
    pub penalty_rate: String,
    /// Whether Babylon counts the whole stake besides.
    pub counted_by_babylon: bool,
    /// Number of the consent; one from the clock may be a little higher when it is signed.
    pub consent_number: u32,
    /// Whether it is signed already.
    pub is_signed: bool,
    /// Whether the stake is taken back from every partner chain.
    pub revokes: bool,
    /// Each chain's part.
    pub shares: Vec<ShareSummary>,
    /// Configured chains that get nothing, or lose what they had.
    pub without_share: Vec<String>,
    /// Configured chains that did not answer.
    pub silent: Vec<String>,
}

/// One chain's part of a stake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShareSummary {
    /// What the configuration calls the chain.
    pub chain: String,
    /// The share that the consent grants.
    pub basis_points: u16,
    /// The largest that the chain counts of a stake of this committee; `None` where it did not say.
    pub most_basis_points: Option<u16>,
    /// What counts of it, as far as is known.
    pub weight_sat: u64,
    /// Where the rewards go.
    pub reward_address: String,
    /// Blocks that the stake waits there before it may count.
    pub challenge_blocks: Option<u32>,
    /// Blocks that an increase waits there.
    pub consent_delay_blocks: Option<u32>,
}

impl Summary {
    /// Summarises what would be signed and shown.
    pub fn new(plan: &Plan<'_>, babylon: Option<Target>, decision: Decision) -> Self {
        let stake = &plan.seen.stake;
        let value = stake.entry.staking_value;
        let shares = plan.shares.iter();
        let of_babylon = shares.filter(|share| Some(share.target) == babylon);
        let mut shares: Vec<_> = of_babylon
            .map(|share| ShareSummary {
                chain: BABYLON.to_owned(),
                basis_points: share.basis_points,
                most_basis_points: None,
                weight_sat: value.to_sat(),
                reward_address: share.reward_address.clone(),
                challenge_blocks: None,
                consent_delay_blocks: None,
            })
            .collect();
        shares.extend(
            plan.chains
                .iter()
                .filter_map(|asked| of_chain(asked, value)),
        );
        let names = |keep: fn(&Asked<'_>) -> bool| {
            let kept = plan.chains.iter().filter(|asked| keep(asked));
            kept.map(|asked| asked.instance.name.clone()).collect()
        };
        let (consent_number, is_signed) = match decision {
            Decision::Again(number) => (number, true),
            Decision::New(number) => (number, false),
        };
        Self {
            staking_txid: stake.entry.staking_txid(),
            amount_sat: value.to_sat(),
            finality_provider: stake.entry.finality_provider,
            penalty_sat: stake.params.slashing_rate.amount(value).to_sat(),
            penalty_rate: stake.params.slashing_rate.to_string(),
            counted_by_babylon: stake.entry.hubless.is_none(),
            consent_number,
            is_signed,
            revokes: revocation::is_one(&plan.shares),
            shares,
            without_share: names(|asked| asked.share.is_none() && asked.look.is_ok()),
            silent: names(|asked| asked.look.is_err()),
        }
    }
}

fn of_chain(asked: &Asked<'_>, value: Amount) -> Option<ShareSummary> {
    let share = asked.share.as_ref()?;
    let terms = asked.look.as_ref().ok().map(|look| &look.terms);
    let (chain, set) = (&asked.instance.name, asked.covenant_set.as_ref());
    Some(ShareSummary::new(chain, share, terms, set, value))
}

impl ShareSummary {
    /// What a chain counts of a stake of this value, as far as it says.
    pub fn new(
        chain: &str,
        share: &Share,
        terms: Option<&InstanceTerms>,
        set: Option<&CovenantSet>,
        value: Amount,
    ) -> Self {
        let most = set.map(|set| set.max_share);
        let counted = most.map_or(share.basis_points, |most| most.min(share.basis_points));
        Self {
            chain: chain.to_owned(),
            basis_points: share.basis_points,
            most_basis_points: most,
            weight_sat: part(value, counted).to_sat(),
            reward_address: share.reward_address.clone(),
            challenge_blocks: terms.map(|terms| terms.challenge),
            consent_delay_blocks: terms.map(|terms| terms.consent_delay),
        }
    }
}

/// A share of a value, as the contract counts it.
fn part(value: Amount, basis_points: u16) -> Amount {
    let part = u128::from(value.to_sat()) * u128::from(basis_points) / u128::from(WHOLE);
    u64::try_from(part).map_or(value, Amount::from_sat)
}

impl Summary {
    fn penalty(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (penalty, rate) = (Amount::from_sat(self.penalty_sat), &self.penalty_rate);
        if self.revokes {
            return writeln!(
                f,
                "  penalty   {penalty} (rate {rate}) is burned as before if the provider signs two blocks at one height, \
                 wherever that is: `btc-staker unbond` ends it"
            );
        }
        let or_babylon = if self.counted_by_babylon {
            ", or on Babylon"
        } else {
            ""
        };
        writeln!(
            f,
            "  penalty   {penalty} (rate {rate}) is burned if the provider signs two blocks at one height on any of these \
             chains{or_babylon}; once: one penalty serves all chains together"
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_sat;
        let verb = if self.revokes { "revoke" } else { "restake" };
        writeln!(f, "{verb} {}", self.staking_txid)?;
        writeln!(
            f,
            "  {} with provider {}; no coin moves",
            amount(self.amount_sat),
            self.finality_provider
        )?;
        for share in &self.shares {
            write!(f, "  {share}")?;
        }
        if self.revokes {
            writeln!(
                f,
                "  revoked   no partner chain counts the stake any more: each takes its weight away when it is shown this \
                 consent, and has it in no table from the next one on"
            )?;
        }
        if !self.without_share.is_empty() {
            writeln!(f, "  no share  {}", self.without_share.join(", "))?;
        }
        if !self.silent.is_empty() {
            writeln!(
                f,
                "  silent    {}: told when this command is run again",
                self.silent.join(", ")
            )?;
        }
        if self.counted_by_babylon {
            writeln!(
                f,
                "  babylon   counts the whole stake whatever this list says: it reads no consents"
            )?;
        }
        self.penalty(f)?;
        match (self.is_signed, self.consent_number) {
            (true, number) => write!(
                f,
                "  consent   {number}, which is signed already: the same bytes again"
            ),
            (false, FIRST) => write!(
                f,
                "  consent   1, the first of this stake: its shares wait for nothing else"
            ),
            (false, number) => write!(
                f,
                "  consent   {number}: a share that grows waits on each chain for its consent delay; others hold at once"
            ),
        }
    }
}

impl fmt::Display for ShareSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = Amount::from_sat(self.weight_sat);
        writeln!(
            f,
            "{:<9} {}: {weight} count; rewards to {}",
            Printable(&self.chain),
            percent(self.basis_points),
            Printable(&self.reward_address)
        )?;
        if let Some(most) = self
            .most_basis_points
            .filter(|most| *most < self.basis_points)
        {
            writeln!(
                f,
                "            it counts no more than {} of a stake of this committee",
                percent(most)
            )?;
        }
        if let (Some(challenge), Some(delay)) = (self.challenge_blocks, self.consent_delay_blocks) {
            writeln!(
                f,
                "            after a wait of {}; a share that grows waits {}",
                Blocks(challenge),
                Blocks(delay)
            )?;
        }
        Ok(())
    }
}
