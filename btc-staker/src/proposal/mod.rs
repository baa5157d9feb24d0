//! Planning a stake: everything that its owner must see before there is a signature, and the entry in the journal that
//! makes it happen.

mod error;
mod hubless;
mod summary;

use bitcoin::{Amount, FeeRate};
use chain::FinalityProvider;
use staking::delegation::{DelegationPlan, ValidDelegation};
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;
use staking::units::BlockInterval;
use wallet::{Draft, Spendable, TransactionRequest};

pub use error::ProposalError;
pub use hubless::{NamedChain, WithoutHub};
pub use summary::Summary;

use crate::error::Error;
use crate::journal::{Entry, Intent};
use crate::life::{ProviderState, provider_state};
use crate::staker::Connected;

/// What its owner asks of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Value of the staking output.
    pub amount: Amount,
    /// With whom to stake.
    pub finality_provider: FinalityProviderKey,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Fee rate of the staking transaction; estimated where absent.
    pub fee_rate: Option<FeeRate>,
    /// The version of the parameters that its owner has seen; any will do where absent.
    pub params_version: Option<u32>,
}

/// A stake that could be made now. Nothing has been reserved or signed.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// With whom.
    pub provider: FinalityProvider,
    /// The parameters that govern it.
    pub params: StakingParams,
    /// The staking transaction.
    pub draft: Draft,
    /// Everything that is signed in advance.
    pub delegation: ValidDelegation,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Partner chains and their shares, where the stake is to be without a hub.
    pub without_hub: Option<WithoutHub>,
}

/// A stake's transactions.
pub(super) struct Built {
    draft: Draft,
    delegation: ValidDelegation,
}

impl Connected {
    /// Plans a stake of Babylon's.
    ///
    /// # Errors
    ///
    /// Refuses a provider that is unknown or slashed, amounts and times out of bounds, and what the wallet cannot pay.
    pub async fn propose(&self, wish: &Wish) -> Result<Proposal, Error> {
        let provider = self.usable_provider(&wish.finality_provider).await?;
        let params = self.nodes.governing_params().await?;
        if let Some(planned) = wish
            .params_version
            .filter(|version| *version != params.version)
        {
            let governing = params.version;
            return Err(ProposalError::ParamsChanged { planned, governing }.into());
        }
        let Built { draft, delegation } = self.build(wish, &params).await?;
        Ok(Proposal {
            provider,
            params,
            draft,
            delegation,
            staking_time: wish.staking_time,
            without_hub: None,
        })
    }

    /// Builds a stake under some parameters, from coins that are free.
    async fn build(&self, wish: &Wish, params: &StakingParams) -> Result<Built, Error> {
        let plan = DelegationPlan::new(
            self.identity.staker,
            vec![wish.finality_provider],
            wish.staking_time,
            wish.amount,
            params,
        )?;
        let fee_rate = self.fee_rate(wish.fee_rate).await?;
        let request = TransactionRequest {
            outputs: vec![plan.staking_output().tx_out().clone()],
            fee_rate,
            fee_limit: self.staker.config.fee_limit(),
            // Change of a transaction that is replaced would take the stake with it.
            spendable: Spendable::Confirmed,
        };
        let mut ledger = self.staker.ledger().await?;
        self.sync(&mut ledger.wallet).await?;
        let draft = ledger.wallet.build(&request)?;
        let delegation = plan.build(draft.transaction(), None)?;
        Ok(Built { draft, delegation })
    }

    /// Makes sure that somebody pays for the registration on Babylon.
    ///
    /// # Errors
    ///
    /// Refuses an account without any coins; whether it has enough is known only when the chain is asked.
    pub async fn check_account(&self) -> Result<(), Error> {
        match self.nodes.babylon()?.balance().await? {
            0 => Err(ProposalError::EmptyAccount(self.identity.account.clone()).into()),
            _ => Ok(()),
        }
    }

    /// Writes a stake into the journal and sets its coins aside; from here on it can be gone on with.
    ///
    /// # Errors
    ///
    /// Refuses if the parameters have changed or the coins were taken since it was planned.
    pub async fn commit(&self, proposal: &Proposal) -> Result<Entry, Error> {
        // The sets of partner chains are never changed.
        if proposal.without_hub.is_none() {
            let governing = self.nodes.governing_params().await?;
            if governing != proposal.params {
                return Err(ProposalError::ParamsChanged {
                    planned: proposal.params.version,
                    governing: governing.version,
                }
                .into());
            }
        }
        let mut ledger = self.staker.ledger().await?;
        let reserved = ledger.wallet.reserved();
        if let Some(taken) = proposal.draft.inputs().find(|coin| reserved.contains(coin)) {
            return Err(wallet::WalletError::UnknownCoin(taken).into());
        }
        // In this order: a reservation without an entry is undone when the ledger is opened next.
        ledger.wallet.reserve(&proposal.draft)?;
        let entry = match &proposal.without_hub {
            Some(without_hub) => self.sign_without_hub(proposal, without_hub).await?,
            None => proposal.entry(),
        };
        self.staker.write_down(&ledger, &entry)?;
        Ok(entry)
    }

    async fn usable_provider(&self, key: &FinalityProviderKey) -> Result<FinalityProvider, Error> {
        let provider = self.nodes.babylon()?.finality_provider(key).await?;
        match (provider_state(provider.as_ref()), provider) {
            (ProviderState::Good | ProviderState::Jailed, Some(provider)) => Ok(provider),
            (ProviderState::Slashed, _) => Err(ProposalError::SlashedProvider(*key).into()),
            _ => Err(ProposalError::UnknownProvider(*key).into()),
        }
    }
}

impl Proposal {
    fn entry(&self) -> Entry {
        Entry {
            staking_tx: self.draft.transaction().clone(),
            staking_output_index: self.delegation.staking_outpoint().vout,
            finality_provider: self.provider.key,
            staking_time: self.staking_time,
            staking_value: self.delegation.staking_output().value(),
            params_version: self.params.version,
            intent: Intent::Stake,
            withdrawal: None,
            hubless: None,
        }
    }
}
