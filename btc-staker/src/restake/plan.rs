//! One stake and the list that its owner wants, with what everybody says of it: what is decided before anything is signed.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::OutPoint;
use bitcoin::hashes::Hash as _;
use bitcoin_source::BitcoinSource as _;
use chain::ChainError;
use chain::mesh::{BABYLON, CovenantSet, InvalidConsent, SignedConsent};
use futures::future::join_all;
use mesh_core::consent::{Consent, ConsentError, Share, Target};
use staking::delegation::CovenantSignatures;
use staking::proof_of_possession::AccountAddress;

use super::error::RestakeError;
use super::instances::{Instance, KnownStake, Look};
use super::number::{self, Decision, FIRST, Known, Numbered};
use super::record::ConsentRecord;
use super::spelling::{NamedAddress, NamedShare};
use crate::error::Error;
use crate::life::{LifeError, Place, Position, Seen};
use crate::seed::Keys;
use crate::staker::Connected;

/// What the owner of a stake wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The shares; chains that are not named get none.
    pub shares: Vec<NamedShare>,
    /// Where rewards go; to the seed's own account on each chain that is not named.
    pub addresses: Vec<NamedAddress>,
}

/// A stake, the list for it, and what every configured chain says.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The stake.
    pub seen: Seen,
    /// The list, targets ascending.
    pub shares: Vec<Share>,
    /// Each chain with its answer.
    pub chains: Vec<Asked<'a>>,
    /// A quorum of the committee's signatures.
    pub covenant_signatures: Vec<CovenantSignatures>,
    now: u32,
}

/// A chain, and what it says.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The chain.
    pub instance: &'a Instance,
    /// The share that it gets, if any.
    pub share: Option<Share>,
    /// What it says.
    pub look: Result<Look, ChainError>,
    /// The covenant set under which it takes the stake; `None` where it does not say, or gets no share.
    pub covenant_set: Option<CovenantSet>,
}

impl Connected {
    /// Looks at a stake and asks every chain of `instances` about it and about the list `shares`.
    ///
    /// # Errors
    ///
    /// Refuses a stake that could count nowhere, and a chain with a share that would not take it.
    pub async fn plan<'a>(
        &self,
        seen: Seen,
        instances: &'a [Arc<Instance>],
        shares: Vec<Share>,
    ) -> Result<Plan<'a>, Error> {
        let txid = seen.stake.entry.staking_txid();
        let outpoint = seen.stake.delegation.staking_outpoint();
        if seen.stake.entry.hubless.is_some() {
            self.check_no_hub(&shares)?;
        }
        let Position::Staked(Place::Block(_)) = seen.observation.position else {
            return Err(RestakeError::NotStaked(txid).into());
        };
        if seen.stake.staker_signatures().is_none() {
            return Err(LifeError::UnknownStake(txid).into());
        }
        let covenant_signatures = seen.stake.quorum()?;
        let provider = seen.stake.entry.finality_provider;
        let looks = instances
            .iter()
            .map(|instance| instance.look(outpoint, &provider));
        let network = self.staker.config.bitcoin.network;
        let mut chains = Vec::new();
        for (instance, look) in instances.iter().zip(join_all(looks).await) {
            let target = instance.target();
            let share = shares.iter().find(|share| share.target == target).cloned();
            let covenant_set = match (&share, &look) {
                (Some(_), Ok(look)) => Some(
                    look.offer(&instance.name)
                        .taken(&seen.stake.judged(), network)?,
                ),
                _ => None,
            };
            chains.push(Asked {
                instance,
                share,
                look,
                covenant_set,
            });
        }
        let now = self.seconds_since_1970().await?;
        Ok(Plan {
            seen,
            shares,
            chains,
            covenant_signatures,
            now,
        })
    }

    /// The list that a wish spells.
    ///
    /// # Errors
    ///
    /// Refuses one that is none, and a chain that the configuration does not name.
    pub(crate) fn list(
        &self,
        instances: &[Arc<Instance>],
        wish: &Wish,
    ) -> Result<Vec<Share>, RestakeError> {
        if instances.is_empty() {
            return Err(RestakeError::NoChains);
        }
        only_once(wish.shares.iter().map(|share| share.chain.as_str()))?;
        only_once(wish.addresses.iter().map(|named| named.chain.as_str()))?;
        let is_shared = |chain: &str| wish.shares.iter().any(|share| share.chain == chain);
        if let Some(named) = wish.addresses.iter().find(|named| !is_shared(&named.chain)) {
            return Err(RestakeError::NoShare(named.chain.clone()));
        }
        let mut shares = Vec::new();
        for NamedShare {
            chain,
            basis_points,
        } in &wish.shares
        {
            let named = wish.addresses.iter().find(|named| named.chain == *chain);
            let (target, prefix) = self.target(instances, chain)?;
            shares.push(Share {
                target,
                basis_points: *basis_points,
                reward_address: self.reward_address(chain, prefix, named)?,
            });
        }
        shares.sort_by_key(|share| share.target);
        // Whatever is wrong with the list is said before anybody is asked.
        consent(OutPoint::null(), FIRST, &shares)?;
        Ok(shares)
    }

    /// Whom a share for a chain names, and the prefix of the chain's addresses.
    fn target<'a>(
        &'a self,
        instances: &'a [Arc<Instance>],
        chain: &str,
    ) -> Result<(Target, &'a str), RestakeError> {
        if let Some(babylon) = &self.staker.config.babylon
            && chain == BABYLON
        {
            return Ok((Target::babylon(&babylon.chain_id), &babylon.account_prefix));
        }
        let found = instances.iter().find(|instance| instance.name == chain);
        let instance = found.ok_or_else(|| RestakeError::UnknownChain(chain.to_owned()))?;
        Ok((instance.target(), &instance.account_prefix))
    }

    /// Refuses a share for Babylon of a stake that is without a hub.
    pub(crate) fn check_no_hub(&self, shares: &[Share]) -> Result<(), RestakeError> {
        let babylon = self.staker.config.babylon_target();
        if shares.iter().any(|share| Some(share.target) == babylon) {
            return Err(RestakeError::NotOnBabylon);
        }
        Ok(())
    }

    fn reward_address(
        &self,
        chain: &str,
        prefix: &str,
        named: Option<&NamedAddress>,
    ) -> Result<String, RestakeError> {
        let refused = |address: &str, reason: String| RestakeError::RewardAddress {
            chain: chain.to_owned(),
            address: address.to_owned(),
            reason,
        };
        let Some(NamedAddress { address, .. }) = named else {
            let own = AccountAddress::new(prefix, self.identity.account.bytes());
            let own = own.map_err(|error| refused(prefix, error.to_string()))?;
            return Ok(own.text().to_owned());
        };
        let parsed: AccountAddress = address
            .parse()
            .map_err(|error| refused(address, format!("{error}")))?;
        // The same bytes under another prefix are an address of another chain.
        let spelled = AccountAddress::new(prefix, parsed.bytes());
        match spelled {
            Ok(spelled) if spelled.text() == address => Ok(address.clone()),
            _ => Err(refused(
                address,
                format!("it does not begin with `{prefix}1`"),
            )),
        }
    }

    /// The time by the clock, or by Bitcoin's newest block where that is ahead: a clock that was set back must not
    /// bring numbers back.
    pub(crate) async fn seconds_since_1970(&self) -> Result<u32, Error> {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|passed| u32::try_from(passed.as_secs()).ok())
            .ok_or(RestakeError::Clock)?;
        let bitcoin = &self.nodes.bitcoin;
        let tip = bitcoin.tip().await?.height;
        let headers = bitcoin.headers(tip, NonZeroU16::MIN).await?;
        Ok(headers
            .iter()
            .map(|header| header.time)
            .fold(clock, u32::max))
    }
}

impl Plan<'_> {
    /// The staking output.
    pub fn outpoint(&self) -> OutPoint {
        self.seen.stake.delegation.staking_outpoint()
    }

    /// Under which number the list would be shown, as far as is known now.
    ///
    /// # Errors
    ///
    /// As [`number::decide`]; refuses also where no chain that this concerns was reached.
    pub fn decide(&self, record: &ConsentRecord) -> Result<Decision, RestakeError> {
        if let Some(silent) = self.nobody_reached() {
            return Err(RestakeError::NobodyReached(silent.to_string()));
        }
        let recorded = record.newest(self.outpoint())?;
        let known = Known {
            origin: record.origin()?,
            recorded: recorded.map(|recorded| Numbered {
                number: recorded.number,
                shares: Some(recorded.shares),
            }),
            shown: self.known_stakes().map(KnownStake::numbered).collect(),
            complete: self.chains.iter().all(|asked| asked.look.is_ok()),
            now: self.now,
        };
        Ok(number::decide(&self.shares, &known)?)
    }

    /// The list, signed under the number that was decided on; it is in the record when this returns.
    ///
    /// # Errors
    ///
    /// [`RestakeError::Changed`] where the decision is another one than `shown`, and whatever keeps the record from being
    /// written: then nothing leaves.
    pub fn sign(
        &self,
        record: &ConsentRecord,
        keys: &Keys,
        shown: Decision,
    ) -> Result<SignedConsent, Error> {
        let decision = self.decide(record)?;
        if !is_as_shown(decision, shown) {
            return Err(RestakeError::Changed.into());
        }
        sign_list(record, keys, self.outpoint(), &self.shares, decision)
    }

    /// What the chains know that know it.
    fn known_stakes(&self) -> impl Iterator<Item = &KnownStake> {
        let looks = self
            .chains
            .iter()
            .filter_map(|asked| asked.look.as_ref().ok());
        looks.filter_map(|look| look.known.as_ref())
    }

    /// Why nobody could be told anything, where that is so.
    fn nobody_reached(&self) -> Option<&ChainError> {
        let concerned = |asked: &&Asked<'_>| match &asked.look {
            Ok(look) => asked.share.is_some() || look.known.is_some(),
            Err(_) => false,
        };
        if self.chains.iter().any(|asked| concerned(&asked)) {
            return None;
        }
        self.chains
            .iter()
            .find_map(|asked| asked.look.as_ref().err())
    }
}

/// A list, signed under the number that was decided on; it is in the record when this returns.
///
/// # Errors
///
/// Whatever keeps the record from being written: then nothing leaves.
pub(crate) fn sign_list(
    record: &ConsentRecord,
    keys: &Keys,
    outpoint: OutPoint,
    shares: &[Share],
    decision: Decision,
) -> Result<SignedConsent, Error> {
    let number = match decision {
        Decision::New(number) => number,
        Decision::Again(number) => {
            let recorded = record.newest(outpoint).map_err(RestakeError::from)?;
            let recorded = recorded.ok_or(RestakeError::Changed)?;
            return match recorded.verify(outpoint, &keys.identity().staker) {
                Ok(()) if recorded.number == number => Ok(recorded),
                Err(InvalidConsent::List(error)) => Err(RestakeError::from(error).into()),
                _ => {
                    let txid = outpoint.txid;
                    Err(RestakeError::ForeignConsent { txid, number }.into())
                }
            };
        }
    };
    let consent = consent(outpoint, number, shares).map_err(RestakeError::from)?;
    let signed = SignedConsent {
        number,
        shares: shares.to_vec(),
        signature: keys.sign_as_staker(*consent.digest())?,
    };
    record.add(outpoint, &signed).map_err(RestakeError::from)?;
    Ok(signed)
}

/// The signable form of a list.
fn consent(outpoint: OutPoint, number: u32, shares: &[Share]) -> Result<Consent, ConsentError> {
    let txid = outpoint.txid.to_byte_array();
    Consent::new(&txid, outpoint.vout, number, shares.to_vec())
}

/// Whether a decision means what its owner agreed to; a number from the clock differs with each second.
pub(crate) fn is_as_shown(decision: Decision, shown: Decision) -> bool {
    match (decision, shown) {
        (Decision::New(number), Decision::New(shown)) => (number == FIRST) == (shown == FIRST),
        (decision, shown) => decision == shown,
    }
}

fn only_once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), RestakeError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(RestakeError::NamedTwice(name.to_owned()));
        }
    }
    Ok(())
}
