//! `register`.

mod partner;

use std::fmt;
use std::path::Path;

use chain::babylon::Decimal;
use chain::{CreateFinalityProvider, Message, Receipt, SecuredChain};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use crate::cli::RegisterDetails;
use crate::config::Config;
use crate::keys::{eots_key, passphrase, provider, public_key};
use crate::signer::{EotsSigner, SignerError, prove_possession};

use super::{connect, remote_signer, submit_one};

#[derive(Serialize)]
struct Registered {
    name: String,
    public_key: String,
    account: String,
    tx_hash: Option<String>,
}

impl fmt::Display for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tx_hash {
            Some(hash) => write!(
                f,
                "registered {} ({}) in {hash}",
                self.name, self.public_key
            ),
            None => write!(
                f,
                "{} ({}) is registered already",
                self.name, self.public_key
            ),
        }
    }
}

/// Registers a provider; one that is registered so already is left as it is.
pub async fn run(context: &Context, details: RegisterDetails) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    match config.secured_chain(details.chain.as_deref())? {
        SecuredChain::Partner(chain) => partner::register(&config, home, chain, &details).await,
        chain @ SecuredChain::Babylon(_) => on_babylon(&config, home, &chain, &details).await,
    }
}

async fn on_babylon(
    config: &Config,
    home: &Path,
    chain: &SecuredChain,
    details: &RegisterDetails,
) -> Result<Answer, CommandError> {
    check(details)?;
    let provider = provider(config, &details.name)?;
    let key = public_key(provider, home)?;
    let passphrase = passphrase(config)?;
    let secured = chain;
    let chain = connect(secured, provider, home, &passphrase).await?;
    let answer = |receipt: Option<Receipt>| Registered {
        name: details.name.clone(),
        public_key: key.to_string(),
        account: chain.account().to_owned(),
        tx_hash: receipt.map(|receipt| receipt.tx_hash),
    };
    if let Some(known) = chain.finality_provider(&key).await? {
        if known.address == chain.account() {
            return Ok(answer(None).into());
        }
        return Err(CommandError::new(
            Exit::Refused,
            "registered-to-other-account",
            format!(
                "finality provider {key} is registered to account {}, not to {}",
                known.address,
                chain.account()
            ),
        ));
    }
    let proof_of_possession = if let Some(endpoint) = &config.signer.endpoint {
        let proof = remote_signer(secured, endpoint)?
            .sign_proof_of_possession(key, chain.account())
            .await;
        proof.map_err(|error| signer_error(&error))?
    } else {
        let (_, secret) = eots_key(provider, home, &passphrase)?;
        prove_possession(&secret, chain.account()).map_err(|error| signer_error(&error.into()))?
    };
    let message = Message::CreateFinalityProvider(CreateFinalityProvider {
        key,
        proof_of_possession,
        moniker: details.moniker.clone(),
        website: details.website.clone(),
        details: details.details.clone(),
        commission: (
            details.commission.to_string(),
            details.max_commission.to_string(),
            details.max_commission_change.to_string(),
        ),
    });
    let receipt = submit_one(&*chain, message).await?;
    Ok(answer(Some(receipt)).into())
}

/// The chain's own rules (spec 2.3, 2.12), before anything is unlocked or asked.
fn check(details: &RegisterDetails) -> Result<(), CommandError> {
    let refused = |broken: String| Err(CommandError::new(Exit::Usage, "usage", broken));
    for (option, text, range) in [
        ("moniker", &details.moniker, 1..=70),
        ("website", &details.website, 0..=140),
        ("details", &details.details, 0..=280),
    ] {
        if !range.contains(&text.len()) {
            let (least, most) = range.into_inner();
            return refused(format!(
                "--{option} has {} bytes; {least} to {most} are allowed",
                text.len()
            ));
        }
    }
    let one = Decimal::from_thousandths(1_000);
    let most = details.max_commission;
    for (option, rate, limit, name) in [
        ("max-commission", most, one, "1"),
        ("commission", details.commission, most, "--max-commission"),
        (
            "max-commission-change",
            details.max_commission_change,
            most,
            "--max-commission",
        ),
    ] {
        if rate > limit {
            return refused(format!("--{option} {rate} is above {name} ({limit})"));
        }
    }
    Ok(())
}

fn signer_error(error: &SignerError) -> CommandError {
    let exit = match error {
        SignerError::Unreachable { .. } => Exit::Unreachable,
        _ => Exit::Failed,
    };
    CommandError::caused_by(exit, "no-signature", error)
}
