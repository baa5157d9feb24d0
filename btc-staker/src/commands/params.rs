//! `params`: what a chain prescribes for stakes.

use std::fmt;

use bitcoin::Amount;
use chain::Chain as _;
use clap::Args;
use daemon::output::{Answer, CommandError};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::CovenantKey;
use staking::params::StakingParams;
use staking::units::{BitcoinHeight, BlockInterval};

use crate::blocks::Blocks;
use crate::error::Error;
use crate::staker::Staker;

/// Arguments of `params`.
#[derive(Debug, Args)]
pub struct ParamsCommand {
    /// A partner chain of the configuration, with all its covenant sets; Babylon where absent
    #[arg(long, value_name = "CHAIN")]
    chain: Option<String>,
}

/// The parameters of each covenant set of a partner chain.
#[derive(Debug, Serialize)]
struct CovenantSets {
    covenant_sets: Vec<Params>,
}

/// The parameters that would govern a stake registered now. Amounts in satoshi, times in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Params {
    chain_id: String,
    version: u32,
    activation_height: BitcoinHeight,
    min_staking_value_sat: u64,
    max_staking_value_sat: u64,
    min_staking_time: BlockInterval,
    max_staking_time: BlockInterval,
    unbonding_time: BlockInterval,
    unbonding_fee_sat: u64,
    slashing_rate: String,
    min_slashing_fee_sat: u64,
    slashing_script: String,
    covenant_quorum: usize,
    covenant_keys: Vec<CovenantKey>,
    confirmation_depth: u32,
}

impl ParamsCommand {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        Ok(match &self.chain {
            Some(name) => of_partner(&staker, name).await?.into(),
            None => of_babylon(&staker).await?.into(),
        })
    }
}

async fn of_babylon(staker: &Staker) -> Result<Params, Error> {
    let nodes = staker.ask().await?;
    let babylon = nodes.babylon()?;
    let params = nodes.governing_params().await?;
    let light_client = babylon.light_client_params().await?;
    let depth = light_client.confirmation_depth;
    Ok(Params::new(babylon.chain_id(), &params, depth))
}

async fn of_partner(staker: &Staker, name: &str) -> Result<CovenantSets, Error> {
    let mesh = staker.partner(name).await?;
    let terms = mesh.instance_terms().await?;
    let depth = mesh.light_client_params().await?.confirmation_depth;
    let sets = terms.covenant_sets.iter();
    Ok(CovenantSets {
        covenant_sets: sets
            .map(|set| Params::new(mesh.chain_id(), &set.params, depth))
            .collect(),
    })
}

impl Params {
    fn new(chain_id: &str, params: &StakingParams, confirmation_depth: u32) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            version: params.version,
            activation_height: params.activation_height,
            min_staking_value_sat: params.min_staking_value.to_sat(),
            max_staking_value_sat: params.max_staking_value.to_sat(),
            min_staking_time: params.min_staking_time,
            max_staking_time: params.max_staking_time,
            unbonding_time: params.unbonding_time,
            unbonding_fee_sat: params.unbonding_fee.to_sat(),
            slashing_rate: params.slashing_rate.to_string(),
            min_slashing_fee_sat: params.min_slashing_fee.to_sat(),
            slashing_script: params.slashing_script.to_hex_string(),
            covenant_quorum: params.covenant.quorum(),
            covenant_keys: params.covenant.keys().to_vec(),
            confirmation_depth,
        }
    }
}

impl fmt::Display for CovenantSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.covenant_sets
            .iter()
            .try_for_each(|set| writeln!(f, "{set}"))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_sat;
        let blocks = |interval: BlockInterval| Blocks(u32::from(interval));
        writeln!(
            f,
            "{}: parameters version {}, since Bitcoin height {}",
            self.chain_id, self.version, self.activation_height
        )?;
        writeln!(
            f,
            "  stake      {} to {}",
            amount(self.min_staking_value_sat),
            amount(self.max_staking_value_sat)
        )?;
        writeln!(
            f,
            "  time       {} to {}",
            blocks(self.min_staking_time),
            blocks(self.max_staking_time)
        )?;
        writeln!(
            f,
            "  unbonding  {}, fee {}",
            blocks(self.unbonding_time),
            amount(self.unbonding_fee_sat)
        )?;
        writeln!(
            f,
            "  slashing   {} of the stake, fee at least {}",
            self.slashing_rate,
            amount(self.min_slashing_fee_sat)
        )?;
        writeln!(
            f,
            "  active     after {} blocks on top",
            self.confirmation_depth
        )?;
        write!(
            f,
            "  covenant   {} of {} must sign",
            self.covenant_quorum,
            self.covenant_keys.len()
        )?;
        self.covenant_keys
            .iter()
            .try_for_each(|key| write!(f, "\n             {key}"))
    }
}
