//! `restake`: a stake that is there already, shown to partner chains.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitcoin::Txid;
use chain::mesh::{HandedConsent, SignedConsent};
use chain::{ChainError, SignedDelegation};
use clap::Args;
use daemon::consent::Consent;
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use mesh_core::consent::Share;
use serde::Serialize;

use super::arguments::Unlock;
use crate::error::Error;
use crate::printable::Printable;
use crate::restake::spelling::{NamedAddress, NamedShare, reward_address, share};
use crate::restake::{
    ConsentRecord, Instance, Plan, RestakeError, Summary, Told, Wish, revocation,
};
use crate::staker::{Connected, Staker};

/// Arguments of `restake`.
#[derive(Debug, Args)]
pub struct Restake {
    /// Id of the staking transaction
    #[arg(value_name = "STAKING TXID")]
    txid: Txid,

    /// A chain's share, such as x=0.5 or x=50%; once for each chain. The list replaces the one before: a chain that is
    /// left out loses its share. `babylon` names Babylon, which counts the whole of a stake that it has anyway
    #[arg(
        long = "share",
        value_name = "CHAIN=SHARE",
        required_unless_present = "revoke",
        conflicts_with = "revoke",
        value_parser = share
    )]
    shares: Vec<NamedShare>,

    /// Where a chain's rewards go, such as x=wasm1…; to the seed's own account there where absent
    #[arg(
        long = "reward-address",
        value_name = "CHAIN=ADDRESS",
        conflicts_with = "revoke",
        value_parser = reward_address
    )]
    addresses: Vec<NamedAddress>,

    /// Take the stake back from every partner chain: none has a share any more
    #[arg(long)]
    revoke: bool,

    /// Write the signed consent to this new file, to be handed to the finality provider, and tell no chain
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    export: Option<PathBuf>,

    /// Show the summary and stop there
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    consent: Consent,

    #[command(flatten)]
    unlock: Unlock,
}

/// What was shown to its owner, and what became of it.
#[derive(Debug, Serialize)]
struct Restaked {
    summary: Summary,
    /// Number of the consent; `None` where nothing was signed.
    consent_number: Option<u32>,
    /// What each chain was told.
    chains: Vec<Delivery>,
    /// Where the consent was written to be handed over, and no chain told.
    exported: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Delivery {
    chain: String,
    outcome: &'static str,
    error: Option<String>,
}

impl Restake {
    /// Carries it out.
    pub async fn execute(self, context: &Context) -> Result<Answer, CommandError> {
        let staker = Staker::of(context)?;
        let babylon = staker.config.babylon_target();
        let watching = staker.watch().await?;
        let seen = watching.look(self.txid).await?;
        let instances = watching.partners.instances().await?;
        let shares = self.list(&watching, &instances)?;
        let plan = watching.plan(seen, &instances, shares).await?;
        let shown = plan.decide(&record(&staker).await?).map_err(Error::from)?;
        let summary = Summary::new(&plan, babylon, shown);
        if self.dry_run {
            return Ok(Restaked {
                summary,
                consent_number: None,
                chains: Vec::new(),
                exported: None,
            }
            .into());
        }
        let question = if self.revoke {
            format!("{summary}\nRevoke?")
        } else {
            format!("{summary}\nRestake?")
        };
        context.progress().aside(|| self.consent.ask(&question))?;

        let source = staker.passphrase_source(self.unlock.passphrase_source.as_ref());
        let keys = staker.unlock(&source)?;
        let connected = staker.connect(keys.clone()).await?;
        // Asked anew: the summary may have been looked at for long.
        let seen = connected.look(self.txid).await?;
        let instances = connected.partners.instances().await?;
        let shares = self.list(&connected, &instances)?;
        let plan = connected.plan(seen, &instances, shares).await?;
        let consent = plan.sign(&record(&staker).await?, &keys, shown)?;
        let chains = match &self.export {
            Some(file) => {
                export(file, &plan, &consent)?;
                Vec::new()
            }
            None => outcomes(&plan, connected.deliver(&plan, &consent).await?),
        };
        let restaked = Restaked {
            summary,
            consent_number: Some(consent.number),
            chains,
            exported: self.export,
        };
        let failed = |chain: &Delivery| chain.error.is_some();
        Ok(if restaked.chains.iter().any(failed) {
            Answer::partial(restaked)
        } else {
            restaked.into()
        })
    }

    /// The list that is asked for.
    fn list(
        &self,
        connected: &Connected,
        instances: &[Arc<Instance>],
    ) -> Result<Vec<Share>, RestakeError> {
        if !self.revoke {
            let wish = Wish {
                shares: self.shares.clone(),
                addresses: self.addresses.clone(),
            };
            return connected.list(instances, &wish);
        }
        if instances.is_empty() {
            return Err(RestakeError::NoChains);
        }
        Ok(revocation::list())
    }
}

async fn record(staker: &Staker) -> Result<ConsentRecord, Error> {
    Ok(ConsentRecord::open(&staker.home).await?)
}

/// Writes a consent and its stake's delegation down for whoever is to show them: perhaps no chain knows the stake yet.
fn export(file: &Path, plan: &Plan<'_>, consent: &SignedConsent) -> Result<(), CommandError> {
    let failed = |reason: &dyn fmt::Display| {
        let message = format!(
            "the consent is signed, but cannot be written to {}: {reason}",
            file.display()
        );
        CommandError::new(Exit::Failed, "not-exported", message)
            .with_hint("run the command again with the name of a new file")
    };
    let stake = &plan.seen.stake;
    let signatures = stake
        .staker_signatures()
        .ok_or_else(|| failed(&"the staker's signatures are not there"))?;
    let committee = plan.covenant_signatures.clone();
    let delegation = SignedDelegation::new(&stake.delegation, signatures, committee);
    let handed = HandedConsent {
        stake: plan.outpoint(),
        consent: consent.clone(),
        delegation: Some(delegation),
    };
    let text = handed.to_text().map_err(|error| failed(&error))?;
    let written = new_file::create(file, |mut file| file.write_all(text.as_bytes()));
    written.map_err(|error: io::Error| failed(&error))
}

fn outcomes(plan: &Plan<'_>, told: Vec<Result<Told, ChainError>>) -> Vec<Delivery> {
    plan.chains
        .iter()
        .zip(told)
        .map(|(asked, told)| Delivery {
            chain: asked.instance.name.clone(),
            outcome: match &told {
                Ok(Told::Stake) => "shown",
                Ok(Told::Consent) => "consent-shown",
                Ok(Told::Nothing) => "unchanged",
                Ok(Told::NotConcerned) => "not-concerned",
                Ok(Told::Ended) => "ended",
                Err(_) => "failed",
            },
            error: told.err().map(|error| error.to_string()),
        })
        .collect()
}

impl fmt::Display for Restaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.consent_number else {
            return write!(f, "{}\nNothing was done (--dry-run).", self.summary);
        };
        write!(f, "stake {}: consent {number}", self.summary.staking_txid)?;
        if let Some(file) = &self.exported {
            write!(
                f,
                "\n  written to {}: hand it to the finality provider, who shows it to the chains",
                file.display()
            )?;
        }
        for outcome in &self.chains {
            write!(f, "\n  {:<9} ", outcome.chain)?;
            let error = Printable(outcome.error.as_deref().unwrap_or_default());
            match outcome.outcome {
                "failed" => write!(f, "failed: {error}; run the command again"),
                "shown" => f.write_str("was shown the stake, which waits there now"),
                "consent-shown" => f.write_str("was shown the consent"),
                "unchanged" => f.write_str("knew it already"),
                "ended" => f.write_str("the stake has ended there"),
                _ => f.write_str("has no part in it"),
            }?;
        }
        Ok(())
    }
}
