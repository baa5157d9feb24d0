//! `register`.

use std::fmt;

use chain::{CreateFinalityProvider, Message, Receipt};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;

use crate::cli::RegisterDetails;
use crate::config::Config;
use crate::connect;
use crate::keys::{eots_key, passphrase, provider, public_key};
use crate::signer::{EotsSigner, Remote, SignerError, prove_possession};

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

/// Registers a provider; one that is registered for its account already is left as it is.
pub async fn run(context: &Context, details: RegisterDetails) -> Result<Answer, CommandError> {
    let config: Config = context.config()?;
    let home = context.home()?;
    let provider = provider(&config, &details.name)?;
    let key = public_key(provider, home)?;
    let passphrase = passphrase(&config)?;
    let chain = connect::chain(&config, provider, home, &passphrase).await?;
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
        let remote = Remote::new(endpoint.clone(), &config.babylon.chain_id);
        let signer = remote.map_err(|error| signer_error(&error))?;
        let proof = signer.sign_proof_of_possession(key, chain.account()).await;
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
            details.commission.clone(),
            details.max_commission.clone(),
            details.max_commission_change.clone(),
        ),
    });
    let receipt = super::submit_one(&*chain, message).await?;
    Ok(answer(Some(receipt)).into())
}

fn signer_error(error: &SignerError) -> CommandError {
    let exit = match error {
        SignerError::Unreachable { .. } => Exit::Unreachable,
        _ => Exit::Failed,
    };
    CommandError::caused_by(exit, "no-signature", error)
}
