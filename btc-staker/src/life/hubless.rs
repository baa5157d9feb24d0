//! What is done for a stake without a hub: its signatures come from the committee, and each partner chain is told by itself.

use chain::{Chain, Message};
use committee::{Collected, Delegation, Member, MemberError, SignatureRequest, collect};
use futures::future::join_all;
use staking::delegation::CovenantSignatures;

use super::act::submit;
use super::error::LifeError;
use super::partners::{OnPartner, Partners, Refusal};
use super::stake::Stake;
use super::step::{Action, Step};
use crate::config::MemberConfig;
use crate::error::Error;
use crate::restake::{Inclusion, Showing};
use crate::staker::Connected;

impl Connected {
    /// Asks the members of the committee who have not signed, and writes down what they give, durably.
    ///
    /// # Errors
    ///
    /// [`LifeError::NotYetSigned`] where there is no quorum yet, [`LifeError::Unsigned`] where there will be none.
    pub(super) async fn cosign(&self, stake: &Stake) -> Result<(), Error> {
        let Some(hubless) = &stake.entry.hubless else {
            return Ok(());
        };
        let delegation = Delegation::new(
            &stake.delegation,
            &stake.entry.staking_tx,
            hubless.staker_signatures,
        );
        let network = self.staker.config.bitcoin.network;
        let request =
            SignatureRequest::new(network, &hubless.params, delegation).map_err(LifeError::from)?;
        let members = members(&self.staker.config.members, stake);
        let collected = collect(&members, &request).await;
        let signed = self.note_signatures(stake, &collected.signatures).await?;
        let quorum = stake.params.covenant.quorum();
        if signed >= quorum {
            return Ok(());
        }
        let txid = stake.entry.staking_txid();
        let reasons = reasons(&collected);
        let to_come = collected.failures.iter();
        let to_come = to_come.filter(|(_, error)| may_sign_later(error)).count();
        Err(if signed + to_come >= quorum {
            LifeError::NotYetSigned {
                txid,
                signed,
                quorum,
                reasons,
            }
        } else {
            LifeError::Unsigned {
                txid,
                signed,
                quorum,
                reasons,
            }
        }
        .into())
    }

    /// Adds signatures that hold to the journal's, and says of how many members there are some now.
    pub(super) async fn note_signatures(
        &self,
        stake: &Stake,
        given: &[CovenantSignatures],
    ) -> Result<usize, Error> {
        let txid = stake.entry.staking_txid();
        let ledger = self.staker.ledger().await?;
        let entry = ledger.journal.get(txid)?;
        let mut entry = entry.ok_or(LifeError::UnknownStake(txid))?;
        let Some(hubless) = &mut entry.hubless else {
            return Err(LifeError::UnknownStake(txid).into());
        };
        let delegation = &stake.delegation;
        let signed = hubless.take_in(given, |member| {
            delegation.check_covenant_signatures(member).is_ok()
        });
        self.staker.write_down(&ledger, &entry)?;
        Ok(signed)
    }

    /// Does what is next on every partner chain of which that is this action; one that refuses stops no other, and one
    /// that does not answer is looked at again.
    ///
    /// # Errors
    ///
    /// [`LifeError::Refused`] with every chain that did.
    pub(super) async fn tell_partners(
        &self,
        action: Action,
        partners: &Partners,
        stake: &Stake,
    ) -> Result<(), Error> {
        let inclusion = match action {
            Action::Show => Some(self.inclusion(&stake.entry.staking_tx).await?),
            _ => None,
        };
        let concerned = partners.chains.iter();
        let concerned = concerned.filter(|chain| chain.step == Step::Act(action));
        let told = concerned.map(|chain| async {
            let told = match &inclusion {
                Some(inclusion) => self.show(chain, partners, stake, inclusion).await,
                None => self.tell_partner(action, chain, stake).await,
            };
            told.err().and_then(|error| refusal(chain, &error))
        });
        let refusals: Vec<_> = join_all(told).await.into_iter().flatten().collect();
        if refusals.is_empty() {
            return Ok(());
        }
        let txid = stake.entry.staking_txid();
        Err(LifeError::Refused { txid, refusals }.into())
    }

    async fn tell_partner(
        &self,
        action: Action,
        chain: &OnPartner,
        stake: &Stake,
    ) -> Result<(), Error> {
        let mesh: &dyn Chain = chain.instance.reached()?;
        if action == Action::ReportUnbonding {
            return self.report_unbonding(mesh, stake).await;
        }
        // Its inclusion was proven when it was shown.
        let output = stake.delegation.staking_outpoint();
        Ok(submit(mesh, Message::Activate(output)).await?)
    }

    async fn show(
        &self,
        chain: &OnPartner,
        partners: &Partners,
        stake: &Stake,
        inclusion: &Inclusion,
    ) -> Result<(), Error> {
        let mesh = chain.instance.reached()?;
        let look = chain.look.as_ref().map_err(Clone::clone)?;
        let txid = stake.entry.staking_txid();
        let consent = partners.consent.as_ref();
        let consent = consent.ok_or(LifeError::NoConsent(txid))?;
        let network = self.staker.config.bitcoin.network;
        let offer = look.offer(&chain.instance.name);
        let set = offer.taken(&stake.judged(), network)?;
        let showing = Showing {
            stake,
            covenant_signatures: &stake.quorum()?,
            consent,
            inclusion,
            bitcoin: &*self.nodes.bitcoin,
        };
        let told = showing.tell(mesh, look, Some(&set)).await?;
        tracing::info!(%txid, chain = mesh.name(), ?told, "shown");
        Ok(())
    }
}

/// What a chain refused, unless it was only away.
fn refusal(chain: &OnPartner, error: &Error) -> Option<Refusal> {
    let chain = chain.instance.name.clone();
    tracing::warn!(chain, %error, "a partner chain was not told");
    (!error.is_transient()).then(|| Refusal {
        chain,
        reason: error.to_string(),
    })
}

/// The members of a stake's committee who are still to be asked.
fn members(configured: &[MemberConfig], stake: &Stake) -> Vec<Member> {
    let signed = stake.covenant_signatures();
    let is_missing = |member: &&MemberConfig| {
        stake.params.covenant.contains(&member.key)
            && !signed.iter().any(|given| given.key == member.key)
    };
    let missing = configured.iter().filter(is_missing);
    missing
        .filter_map(|member| {
            Member::new(member.grpc_url.clone())
                .map(|asked| asked.with_key(member.key))
                .inspect_err(
                    |error| tracing::warn!(key = %member.key, %error, "a member cannot be asked"),
                )
                .ok()
        })
        .collect()
}

/// Whether the same question may be answered later with nobody changing anything.
fn may_sign_later(error: &MemberError) -> bool {
    matches!(error, MemberError::Unreachable(_) | MemberError::Limited(_))
}

fn reasons(collected: &Collected) -> String {
    if collected.failures.is_empty() {
        return "the configuration has no other member of it ([[committee]])".to_owned();
    }
    let failures = collected.failures.iter();
    let each = failures.map(|(url, error)| format!("{url}: {error}"));
    each.collect::<Vec<_>>().join("; ")
}
