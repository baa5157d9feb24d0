//! From the wallet to voting power.

use std::num::NonZeroU32;

use anyhow::{Context as _, ensure};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, Txid};
use chain::{Chain as _, Delegation, DelegationStatus};
use staking::keys::{CovenantKey, FinalityProviderKey};
use staking::units::{BitcoinHeight, BlockInterval};

use super::DEADLINE;
use super::errand::Errand;
use crate::network::audience::{told, wait};
use crate::network::{Audience, ChainTransaction, Fact, Mined, Network};

/// More delegations than the story makes.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// What is to be staked.
#[derive(Clone, Copy, Debug)]
pub struct StakeTerms {
    /// With whom.
    pub provider: FinalityProviderKey,
    /// How much.
    pub amount: Amount,
    /// For how many Bitcoin blocks.
    pub staking_time: BlockInterval,
}

/// A stake with voting power, and how it got there.
#[derive(Clone, Debug)]
pub struct Stake {
    /// It became known to the chain.
    pub registered: Registered,
    /// The committee signed it.
    pub cosigned: Cosigned,
    /// Its coins were locked on Bitcoin.
    pub broadcast: Broadcast,
    /// The chain saw the proof of that.
    pub activated: Activated,
}

/// Babylon knows a stake that is not on Bitcoin yet.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The staking transaction.
    pub staking_txid: Txid,
    /// What was asked for.
    pub terms: StakeTerms,
    /// The registration.
    pub transaction: ChainTransaction,
}

/// A quorum of the committee has signed a stake's slashing and unbonding.
#[derive(Clone, Debug)]
pub struct Cosigned {
    /// Who has signed by the time that the quorum was seen.
    pub members: Vec<CovenantKey>,
}

/// A staking transaction is on Bitcoin.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast(pub Mined);

/// The chain counts a stake.
#[derive(Clone, Debug)]
pub struct Activated {
    /// The staking transaction.
    pub staking_txid: Txid,
    /// The inclusion proof.
    pub transaction: ChainTransaction,
    /// Bitcoin heights of the stake's beginning and of its end.
    pub span: (BitcoinHeight, BitcoinHeight),
}

/// A registered stake, with the command that goes on with it.
pub(super) struct Begun {
    registered: Registered,
    command: Errand,
}

impl Stake {
    /// The staking transaction.
    pub fn txid(&self) -> Txid {
        self.registered.staking_txid
    }
}

impl Network {
    /// Runs `btc-staker stake` until Babylon knows the stake; the command goes on.
    pub(super) async fn register_stake(
        &self,
        terms: StakeTerms,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Begun> {
        let known = self.stakes_with(terms.provider).await?;
        let amount = format!("{} BTC", terms.amount.to_btc());
        let provider = terms.provider.to_string();
        let staking_time = terms.staking_time.blocks().to_string();
        let arguments = [
            "stake",
            "--amount",
            &amount,
            "--finality-provider",
            &provider,
            "--staking-time",
            &staking_time,
            "--yes",
        ];
        let mut command = Errand::start(self, &arguments, audience)?;
        let event = wait(audience, DEADLINE, "Babylon to know the stake", || async {
            let stakes = self.stakes_with(terms.provider).await?;
            let new = stakes.into_iter().find(|stake| !known.contains(stake));
            new.context("no new delegation")
        });
        let staking_txid = command.bring_about(event).await?;
        let delegation = self.delegation(staking_txid).await?;
        let unsigned = delegation.staking_output.transaction().map(serialize_hex);
        let unsigned = unsigned.context("Babylon keeps the transaction")?;
        let transaction = self
            .transaction_with("EventBTCDelegationCreated", "staking_tx_hex", &unsigned)
            .await?;
        let registered = told(
            audience,
            Registered {
                staking_txid,
                terms,
                transaction,
            },
        );
        Ok(Begun {
            registered,
            command,
        })
    }

    /// Follows a registered stake until it is ACTIVE.
    pub(super) async fn see_active(
        &self,
        begun: Begun,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Stake> {
        let Begun {
            registered,
            mut command,
        } = begun;
        let txid = registered.staking_txid;
        let cosigned = command
            .bring_about(self.see_cosigned(txid, audience))
            .await?;
        let broadcast = command.bring_about(self.see_mined(txid, audience)).await?;
        let activated = command
            .bring_about(self.see_activated(txid, audience))
            .await?;
        command.end().await?;
        Ok(Stake {
            registered,
            cosigned,
            broadcast,
            activated,
        })
    }

    async fn see_cosigned(
        &self,
        staking_txid: Txid,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Cosigned> {
        let what = "the covenant committee to check the stake and sign";
        let members = wait(audience, DEADLINE, what, || async {
            let delegation = self.delegation(staking_txid).await?;
            let signed = delegation.covenant_signatures();
            let pending = delegation.status == DelegationStatus::Pending;
            ensure!(!pending, "{} members have signed", signed.len());
            anyhow::Ok(signed.iter().map(|member| member.key).collect())
        })
        .await?;
        Ok(told(audience, Cosigned { members }))
    }

    async fn see_mined(
        &self,
        staking_txid: Txid,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Broadcast> {
        let what = "the staking transaction to be in a Bitcoin block";
        let probe = || async { self.mined(staking_txid) };
        let mined = wait(audience, DEADLINE, what, probe).await?;
        Ok(told(audience, Broadcast(mined)))
    }

    async fn see_activated(
        &self,
        staking_txid: Txid,
        audience: &mut dyn Audience,
    ) -> anyhow::Result<Activated> {
        let what = "confirmations on Bitcoin, and an inclusion proof";
        let span = wait(audience, DEADLINE, what, || async {
            let delegation = self.delegation(staking_txid).await?;
            let active = delegation.status == DelegationStatus::Active;
            ensure!(active, "it is {:?}", delegation.status);
            delegation.bitcoin_span.context("no span")
        })
        .await?;
        let event = "EventBTCDelegationInclusionProofReceived";
        let transaction = self
            .transaction_with(event, "staking_tx_hash", &staking_txid.to_string())
            .await?;
        Ok(told(
            audience,
            Activated {
                staking_txid,
                transaction,
                span,
            },
        ))
    }

    /// A delegation that the chain must know.
    pub(super) async fn delegation(&self, staking_txid: Txid) -> anyhow::Result<Delegation> {
        let found = self.chain.delegation(staking_txid).await?;
        found.context("unknown to the chain")
    }

    async fn stakes_with(&self, provider: FinalityProviderKey) -> anyhow::Result<Vec<Txid>> {
        let page = self.chain.delegations_to(&provider, None, PAGE).await?;
        Ok(page
            .delegations
            .iter()
            .map(Delegation::staking_txid)
            .collect())
    }
}

impl Fact for Registered {
    fn headline(&self) -> String {
        "registered on Babylon, before any coin moves".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("staking transaction", self.staking_txid.to_string()),
            ("amount", self.terms.amount.to_string()),
            ("finality provider", self.terms.provider.to_string()),
            (
                "locked for",
                format!("{} Bitcoin blocks", self.terms.staking_time),
            ),
            ("Babylon transaction", self.transaction.to_string()),
        ]
    }
}

impl Fact for Cosigned {
    fn headline(&self) -> String {
        "a quorum of the covenant committee has checked and signed its slashing and unbonding"
            .to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.members
            .iter()
            .map(|member| ("signed by", member.to_string()))
            .collect()
    }
}

impl Fact for Broadcast {
    fn headline(&self) -> String {
        "the coins are locked on Bitcoin".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.0.details()
    }
}

impl Fact for Activated {
    fn headline(&self) -> String {
        "proven to Babylon: the stake is ACTIVE".to_owned()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let (start, end) = self.span;
        vec![
            ("inclusion proof", self.transaction.to_string()),
            ("brought by", self.transaction.sender.clone()),
            ("counts", format!("from Bitcoin height {start} to {end}")),
        ]
    }
}
