//! Planning a stake without a hub: partner chains prescribe it, and the committee that they have in common signs it.

use std::sync::Arc;

use bitcoin::OutPoint;
use chain::mesh::{CovenantSet, InstanceTerms};
use chain::{Chain as _, FinalityProvider};
use futures::future::try_join_all;
use mesh_core::consent::Share;
use staking::keys::FinalityProviderKey;
use staking::params::StakingParams;

use super::{Built, Proposal, ProposalError, Wish};
use crate::error::Error;
use crate::journal::{Entry, Hubless};
use crate::life::act::staker_signatures;
use crate::nodes::{NodesError, check_same_bitcoin};
use crate::restake::number::{self, Decision, Known, Numbered};
use crate::restake::{
    self, ConsentRecord, Instance, Judged, Offer, RestakeError, is_as_shown, sign_list,
};
use crate::staker::Connected;

/// What a stake without a hub needs besides.
#[derive(Debug, Clone)]
pub struct WithoutHub {
    /// The list that its consent will hold.
    pub shares: Vec<Share>,
    /// Under which number.
    pub decision: Decision,
    /// The chains with a share, in the order of the configuration.
    pub chains: Vec<NamedChain>,
}

/// A chain with a share in a stake without a hub, and what it says.
#[derive(Debug, Clone)]
pub struct NamedChain {
    /// The chain.
    pub instance: Arc<Instance>,
    /// Its share.
    pub share: Share,
    /// What it prescribes.
    pub terms: InstanceTerms,
    /// The stake's provider there.
    pub provider: FinalityProvider,
    /// The covenant set under which it takes the stake.
    pub covenant_set: CovenantSet,
}

/// A chain before it is known whether it takes the stake.
struct Candidate {
    instance: Arc<Instance>,
    share: Share,
    terms: InstanceTerms,
    provider: Option<FinalityProvider>,
}

impl Candidate {
    fn offer(&self) -> Offer<'_> {
        Offer {
            chain: &self.instance.name,
            terms: &self.terms,
            provider: self.provider.as_ref(),
        }
    }
}

impl Connected {
    /// Plans a stake that no hub has: under a covenant set of one of the chains with a share that all of them take.
    ///
    /// # Errors
    ///
    /// Refuses a list that is none or names Babylon, a chain that does not answer, follows another Bitcoin or takes no stake of this
    /// provider, chains without a covenant set in common, a committee of whom too few members are configured, and what the
    /// wallet cannot pay.
    pub async fn propose_without_hub(
        &self,
        wish: &Wish,
        list: &restake::Wish,
    ) -> Result<Proposal, Error> {
        let instances = self.partners.instances().await?;
        let shares = self.list(&instances, list)?;
        self.check_no_hub(&shares)?;
        let asked = self
            .ask_named(&instances, &shares, wish.finality_provider)
            .await?;
        let network = self.staker.config.bitcoin.network;
        for chain in &asked {
            chain.offer().check_open(&wish.finality_provider, network)?;
        }
        let (params, built, sets) = self.common_set(wish, &asked).await?;
        self.check_members(&params)?;
        let outpoint = built.delegation.staking_outpoint();
        let decision = self.decide_number(outpoint, &shares).await?;
        let mut chains = Vec::new();
        for (asked, covenant_set) in asked.into_iter().zip(sets) {
            let unknown = ProposalError::UnknownProvider(wish.finality_provider);
            chains.push(NamedChain {
                provider: asked.provider.ok_or(unknown)?,
                instance: asked.instance,
                share: asked.share,
                terms: asked.terms,
                covenant_set,
            });
        }
        let first = chains.first().ok_or(RestakeError::NoChains)?;
        Ok(Proposal {
            provider: first.provider.clone(),
            params,
            draft: built.draft,
            delegation: built.delegation,
            staking_time: wish.staking_time,
            without_hub: Some(WithoutHub {
                shares,
                decision,
                chains,
            }),
        })
    }

    /// Makes sure that somebody pays for the registration on each chain with a share.
    ///
    /// # Errors
    ///
    /// Refuses an account without any coins.
    pub async fn check_accounts(&self, without_hub: &WithoutHub) -> Result<(), Error> {
        for chain in &without_hub.chains {
            let instance = &chain.instance;
            let account = instance
                .own_address(&self.identity.account)
                .map_err(crate::seed::SeedError::from)?;
            if instance.reached()?.balance_of(&account).await? == 0 {
                return Err(ProposalError::EmptyAccount(account).into());
            }
        }
        Ok(())
    }

    /// Signs everything of a stake without a hub that its staker gives away later: the consent into its record, the rest
    /// for the journal.
    pub(super) async fn sign_without_hub(
        &self,
        proposal: &Proposal,
        without_hub: &WithoutHub,
    ) -> Result<Entry, Error> {
        let keys = self.keys()?;
        let outpoint = proposal.delegation.staking_outpoint();
        let decision = self.decide_number(outpoint, &without_hub.shares).await?;
        if !is_as_shown(decision, without_hub.decision) {
            return Err(RestakeError::Changed.into());
        }
        let staker_signatures = staker_signatures(keys, &proposal.delegation)?;
        let record = ConsentRecord::open(&self.staker.home).await?;
        sign_list(&record, keys, outpoint, &without_hub.shares, decision)?;
        Ok(Entry {
            hubless: Some(Box::new(Hubless {
                params: proposal.params.clone(),
                staker_signatures,
                covenant_signatures: Vec::new(),
            })),
            ..proposal.entry()
        })
    }

    async fn ask_named(
        &self,
        instances: &[Arc<Instance>],
        shares: &[Share],
        provider: FinalityProviderKey,
    ) -> Result<Vec<Candidate>, Error> {
        let named = instances.iter().filter_map(|instance| {
            let target = instance.target();
            let share = shares.iter().find(|share| share.target == target)?;
            Some((Arc::clone(instance), share.clone()))
        });
        let asked = named.map(|(instance, share)| async move {
            let mesh = instance.reached()?;
            check_same_bitcoin(&self.nodes.bitcoin, mesh).await?;
            Ok::<_, NodesError>(Candidate {
                share,
                terms: mesh.instance_terms().await?,
                provider: mesh.finality_provider(&provider).await?,
                instance,
            })
        });
        Ok(try_join_all(asked).await?)
    }

    /// The stake under the first covenant set that every chain takes it under, and each chain's own set for it.
    async fn common_set(
        &self,
        wish: &Wish,
        asked: &[Candidate],
    ) -> Result<(StakingParams, Built, Vec<CovenantSet>), Error> {
        let network = self.staker.config.bitcoin.network;
        let mut refusal = None;
        let sets = asked.iter().flat_map(|chain| &chain.terms.covenant_sets);
        for CovenantSet { params, .. } in sets {
            let built = match self.build(wish, params).await {
                Ok(built) => built,
                Err(error @ Error::Plan(_)) => {
                    refusal.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let judged = Judged {
                delegation: &built.delegation,
                staking_tx: built.draft.transaction(),
            };
            let taken = asked
                .iter()
                .map(|chain| chain.offer().taken(&judged, network));
            match taken.collect::<Result<Vec<_>, _>>() {
                Ok(sets) => return Ok((params.clone(), built, sets)),
                Err(error) => {
                    let reason = error.to_string();
                    refusal = Some(ProposalError::NoCommonSet { reason }.into());
                }
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let reason = "they list none".to_owned();
            ProposalError::NoCommonSet { reason }.into()
        }))
    }

    /// Whether enough members of the committee can be asked at all.
    fn check_members(&self, params: &StakingParams) -> Result<(), ProposalError> {
        let members = self.staker.config.members.iter();
        let configured = members
            .filter(|member| params.covenant.contains(&member.key))
            .count();
        let quorum = params.covenant.quorum();
        if configured >= quorum {
            Ok(())
        } else {
            Err(ProposalError::TooFewMembers { configured, quorum })
        }
    }

    /// Under which number the first consent of a stake is shown that is on no chain yet.
    async fn decide_number(&self, outpoint: OutPoint, shares: &[Share]) -> Result<Decision, Error> {
        let record = ConsentRecord::open(&self.staker.home).await?;
        let recorded = record.newest(outpoint)?;
        let known = Known {
            origin: record.origin()?,
            recorded: recorded.map(|recorded| Numbered {
                number: recorded.number,
                shares: Some(recorded.shares),
            }),
            // Nobody can have been shown a stake that is not on Bitcoin.
            shown: Vec::new(),
            complete: true,
            now: self.seconds_since_1970().await?,
        };
        Ok(number::decide(shares, &known).map_err(RestakeError::from)?)
    }
}
