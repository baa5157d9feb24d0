//! What the owner of a stake is shown before anything is signed.

use std::fmt;

use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, Script, Transaction, Txid};
use bitcoin_source::sat_per_vb;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use super::{NamedChain, Proposal};
use crate::blocks::Blocks;
use crate::printable::Printable;
use crate::restake::ShareSummary;
use crate::restake::number::{Decision, FIRST};

/// A stake before it is made: every output, fee and timelock, and what can be lost at most. Amounts in satoshi.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The stake's id.
    pub staking_txid: Txid,
    /// With whom.
    pub finality_provider: Provider,
    /// Coins that are spent.
    pub inputs: Vec<OutPoint>,
    /// Where they go.
    pub outputs: Vec<Output>,
    /// What miners get.
    pub fees: Fees,
    /// How long coins are locked.
    pub timelocks: Timelocks,
    /// What is lost if the finality provider equivocates.
    pub penalty: Penalty,
    /// Version of the chain's parameters that govern the stake for ever.
    pub params_version: u32,
    /// How many of the covenant committee must sign.
    pub covenant_quorum: usize,
    /// Members of the covenant committee.
    pub covenant_members: usize,
    /// Partner chains and their shares, where the stake is to be without a hub.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareSummary>,
    /// Number of the consent to these shares; one from the clock may be a little higher when it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_number: Option<u32>,
}

/// The chosen finality provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// Its key.
    pub key: FinalityProviderKey,
    /// Its name for people.
    pub moniker: String,
    /// Its share of the rewards.
    pub commission: String,
    /// Whether it is out of the active set for now.
    pub jailed: bool,
}

/// An output of the staking transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// `stake` or `change`.
    pub purpose: &'static str,
    /// Whose address.
    pub address: String,
    /// Its value.
    pub value_sat: u64,
}

/// Fees on Bitcoin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fees {
    /// Of the staking transaction: paid now.
    pub staking_sat: u64,
    /// The same for each virtual byte.
    pub staking_sat_per_vb: f64,
    /// Of the unbonding transaction: paid out of the stake if it is unbonded early.
    pub unbonding_sat: u64,
    /// Of a slashing transaction: paid out of the stake if it is slashed.
    pub slashing_sat: u64,
}

/// Timelocks in Bitcoin blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timelocks {
    /// Until the stake can be withdrawn, unless it is unbonded.
    pub staking_blocks: u32,
    /// About how many days that is.
    pub staking_days: f64,
    /// Until an unbonded or slashed stake can be withdrawn.
    pub unbonding_blocks: u32,
    /// About how many days that is.
    pub unbonding_days: f64,
}

/// What is lost if the finality provider signs two blocks at one height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Penalty {
    /// Share of the stake that is taken.
    pub rate: String,
    /// What is taken of the bonded stake.
    pub slashed_sat: u64,
    /// Most that can be lost, all fees of the stake's later transactions included.
    pub largest_loss_sat: u64,
}

impl Summary {
    /// Summarises a proposal; addresses are spelled for `network`.
    pub fn new(proposal: &Proposal, network: Network) -> Self {
        let Proposal {
            provider,
            params,
            draft,
            delegation,
            staking_time,
            without_hub,
        } = proposal;
        let stake = delegation.staking_output();
        let outputs = draft
            .transaction()
            .output
            .iter()
            .map(|output| Output {
                purpose: if output == stake.tx_out() {
                    "stake"
                } else {
                    "change"
                },
                address: address(&output.script_pubkey, network),
                value_sat: output.value.to_sat(),
            })
            .collect();
        let (staking_time, unbonding_time) = (
            Blocks(u32::from(*staking_time)),
            Blocks(u32::from(params.unbonding_time)),
        );
        let losses = [delegation.slashing_tx(), delegation.unbonding_slashing_tx()]
            .map(|slashing| stake.value() - left_of(slashing));
        Self {
            staking_txid: draft.txid(),
            finality_provider: without_hub.as_ref().map_or_else(
                || Provider {
                    key: provider.key,
                    moniker: provider.moniker.clone(),
                    commission: provider.commission.clone(),
                    jailed: provider.jailed,
                },
                |without_hub| Provider::on(provider.key, &without_hub.chains),
            ),
            inputs: draft.inputs().collect(),
            outputs,
            fees: Fees {
                staking_sat: draft.fee().to_sat(),
                staking_sat_per_vb: rounded(draft.fee_rate()),
                unbonding_sat: params.unbonding_fee.to_sat(),
                slashing_sat: params.min_slashing_fee.to_sat(),
            },
            timelocks: Timelocks {
                staking_blocks: staking_time.0,
                staking_days: staking_time.approximate_days(),
                unbonding_blocks: unbonding_time.0,
                unbonding_days: unbonding_time.approximate_days(),
            },
            penalty: Penalty {
                rate: params.slashing_rate.to_string(),
                slashed_sat: params.slashing_rate.amount(stake.value()).to_sat(),
                largest_loss_sat: losses.into_iter().max().unwrap_or_default().to_sat(),
            },
            params_version: params.version,
            covenant_quorum: params.covenant.quorum(),
            covenant_members: params.covenant.keys().len(),
            shares: without_hub
                .iter()
                .flat_map(|without_hub| &without_hub.chains)
                .map(|chain| {
                    let NamedChain {
                        instance,
                        share,
                        terms,
                        covenant_set,
                        ..
                    } = chain;
                    let (terms, set) = (Some(terms), Some(covenant_set));
                    ShareSummary::new(&instance.name, share, terms, set, stake.value())
                })
                .collect(),
            consent_number: without_hub.as_ref().map(|without_hub| {
                let (Decision::Again(number) | Decision::New(number)) = without_hub.decision;
                number
            }),
        }
    }
}

impl Provider {
    /// A provider as several chains know it.
    fn on(key: FinalityProviderKey, chains: &[NamedChain]) -> Self {
        let commissions = chains
            .iter()
            .map(|chain| format!("{} on {}", chain.provider.commission, chain.instance.name));
        Self {
            key,
            moniker: String::new(),
            commission: commissions.collect::<Vec<_>>().join(", "),
            jailed: chains.iter().any(|chain| chain.provider.jailed),
        }
    }
}

/// What a slashing transaction leaves to the staker.
fn left_of(slashing: &Transaction) -> Amount {
    slashing
        .output
        .last()
        .map(|change| change.value)
        .unwrap_or_default()
}

fn address(script: &Script, network: Network) -> String {
    Address::from_script(script, network)
        .map_or_else(|_| script.to_hex_string(), |address| address.to_string())
}

/// In sat/vB, to two decimals.
fn rounded(rate: FeeRate) -> f64 {
    (sat_per_vb::from_rate(rate) * 100.0).round() / 100.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_sat;
        let Self {
            finality_provider: provider,
            fees,
            timelocks,
            penalty,
            ..
        } = self;
        writeln!(f, "stake {}", self.staking_txid)?;
        writeln!(
            f,
            "  with      {} ({}), commission {}",
            Printable(&provider.moniker),
            provider.key,
            Printable(&provider.commission)
        )?;
        if provider.jailed {
            writeln!(
                f,
                "            it is jailed: the stake has no voting power until it is back"
            )?;
        }
        for output in &self.outputs {
            writeln!(
                f,
                "  {:<9} {} to {}",
                output.purpose,
                amount(output.value_sat),
                output.address
            )?;
        }
        writeln!(
            f,
            "  fee       {} now ({} sat/vB)",
            amount(fees.staking_sat),
            fees.staking_sat_per_vb
        )?;
        writeln!(
            f,
            "            {} out of the stake if you unbond early",
            amount(fees.unbonding_sat)
        )?;
        writeln!(
            f,
            "            {} out of the stake if it is slashed",
            amount(fees.slashing_sat)
        )?;
        writeln!(f, "  locked    for {}", Blocks(timelocks.staking_blocks))?;
        writeln!(
            f,
            "            or, unbonded early or slashed, for {} more",
            Blocks(timelocks.unbonding_blocks)
        )?;
        writeln!(
            f,
            "  penalty   at most {} is lost if the provider signs two blocks at one height (rate {}, fees included)",
            amount(penalty.largest_loss_sat),
            penalty.rate
        )?;
        let (quorum, members) = (self.covenant_quorum, self.covenant_members);
        let Some(number) = self.consent_number else {
            let version = self.params_version;
            return write!(
                f,
                "  covenant  {quorum} of {members} members must sign; parameters version {version}"
            );
        };
        writeln!(
            f,
            "            once, whichever chain it is on: one penalty serves all chains together"
        )?;
        writeln!(
            f,
            "  covenant  {quorum} of {members} members are asked directly and must sign before it is broadcast"
        )?;
        for share in &self.shares {
            write!(f, "  {share}")?;
        }
        match number {
            FIRST => write!(
                f,
                "  consent   1, the first of this stake: its shares wait for nothing else"
            ),
            number => write!(
                f,
                "  consent   {number}: this home was restored, so each share waits for its chain's consent delay"
            ),
        }
    }
}
