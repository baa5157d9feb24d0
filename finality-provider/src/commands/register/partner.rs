//! Registration on a partner chain: the provider itself signs who operates it and for which commission.

use std::path::Path;

use chain::mesh::{self, Mesh};
use chain::{Chain as _, Receipt, SecuredChain, mesh::Registration as SignedRegistration};
use daemon::output::{Answer, CommandError, Exit};

use super::{Registered, signer_error};
use crate::cli::RegisterDetails;
use crate::commands::remote_signer;
use crate::config::Config;
use crate::keys::{account_key, eots_key, passphrase, provider, public_key};
use crate::signer::{EotsSigner, Registration, register as sign};

/// Registers a provider, or changes its operator or commission.
pub(super) async fn register(
    config: &Config,
    home: &Path,
    chain: mesh::Config,
    details: &RegisterDetails,
) -> Result<Answer, CommandError> {
    let commission = details.commission.basis_points().ok_or_else(|| {
        let message = format!(
            "--commission {} is not 0 to 1 in steps of 0.0001, which a partner chain takes",
            details.commission
        );
        CommandError::new(Exit::Usage, "usage", message)
    })?;
    let provider = provider(config, &details.name)?;
    let key = public_key(provider, home)?;
    let passphrase = passphrase(config)?;
    let secured = SecuredChain::Partner(chain.clone());
    let mesh = Mesh::connect(chain, account_key(provider, home, &passphrase)?).await?;
    let operator = mesh.account().to_owned();
    let answer = |receipt: Option<Receipt>| Registered {
        name: details.name.clone(),
        public_key: key.to_string(),
        account: operator.clone(),
        tx_hash: receipt.map(|receipt| receipt.tx_hash),
    };
    if let Some(known) = mesh.finality_provider(&key).await?
        && known.address == operator
        && known.commission == details.commission.to_string()
    {
        return Ok(answer(None).into());
    }
    let registration = Registration {
        number: mesh.registration_number(&key).await?.saturating_add(1),
        operator: operator.clone(),
        commission,
    };
    let signature = if let Some(endpoint) = &config.signer.endpoint {
        let signer = remote_signer(&secured, endpoint)?;
        signer.sign_registration(key, &registration).await
    } else {
        let (_, secret) = eots_key(provider, home, &passphrase)?;
        sign(&secret, &secured.domain(), &registration).map_err(Into::into)
    };
    let Registration {
        number,
        operator: by,
        commission,
    } = registration;
    let receipt = mesh
        .register(&SignedRegistration {
            finality_provider: key,
            number,
            operator: by,
            commission,
            signature: signature.map_err(|error| signer_error(&error))?,
        })
        .await?;
    Ok(answer(Some(receipt)).into())
}
