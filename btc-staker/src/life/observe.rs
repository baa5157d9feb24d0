//! Asking the nodes about one stake.

use bitcoin::OutPoint;
use bitcoin_source::{BitcoinSource, Location, SourceError};
use chain::FinalityProvider;
use futures::try_join;
use staking::delegation::SlashedOutput;
use staking::keys::StakerKey;
use staking::units::BitcoinHeight;

use super::observation::{Observation, Place, Position, ProviderState};
use super::stake::Stake;
use crate::error::Error;
use crate::journal::{Entry, Withdrawal};
use crate::nodes::Nodes;

/// How the coins stand if they are at a place of a certain output.
type PositionAt = fn(Place) -> Position;

/// Index of the change in a slashing transaction.
const CHANGE: u32 = 1;

/// What Bitcoin says of a stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OnBitcoin {
    /// Tip of the node.
    pub tip: BitcoinHeight,
    /// Where the stake's coins are.
    pub position: Position,
    /// Where the transaction that takes them back is.
    pub withdrawal: Option<Place>,
}

/// Asks both nodes where the stake of `entry`, whose owner is `staker` and which the hub has, is in its life.
///
/// # Errors
///
/// Fails where a node does not answer, and where the hub has something else registered than we signed.
pub async fn observe(
    nodes: &Nodes,
    entry: Entry,
    staker: StakerKey,
) -> Result<(Stake, Observation), Error> {
    let chain = nodes.babylon()?;
    let (registered, versions, light_client, light_client_tip, provider) = try_join!(
        chain.delegation(entry.staking_txid()),
        chain.staking_params(),
        chain.light_client_params(),
        chain.light_client_tip(),
        chain.finality_provider(&entry.finality_provider),
    )?;
    let mut stake = Stake::rebuild(entry, staker, registered, &versions)?;
    let OnBitcoin {
        tip,
        position,
        withdrawal,
    } = on_bitcoin(nodes, &mut stake).await?;
    let observation = Observation {
        tip,
        light_client_tip: light_client_tip.height,
        confirmation_depth: light_client.confirmation_depth,
        spend_depth: light_client.spends.depth,
        governing_params: versions
            .at_height(light_client_tip.height)
            .map(|params| params.version),
        provider: provider_state(provider.as_ref()),
        declined: false,
        registration: stake.registration(),
        held: None,
        position,
        withdrawal,
    };
    Ok((stake, observation))
}

/// Asks the Bitcoin node where a stake's coins are. Where one of its withdrawals is out there, that one is the stake's
/// from then on.
///
/// # Errors
///
/// Fails where it does not answer.
pub(super) async fn on_bitcoin(nodes: &Nodes, stake: &mut Stake) -> Result<OnBitcoin, Error> {
    let (tip, position, withdrawal) = try_join!(
        async { nodes.bitcoin.tip().await },
        position(nodes.bitcoin.as_ref(), stake),
        withdrawal(nodes.bitcoin.as_ref(), &stake.entry),
    )?;
    let (withdrawal, place) = withdrawal.unzip();
    if withdrawal.is_some() {
        stake.entry.withdrawal = withdrawal;
    }
    Ok(OnBitcoin {
        tip: tip.height,
        position,
        withdrawal: place,
    })
}

/// How a provider looks to somebody who would stake with it.
pub fn provider_state(provider: Option<&FinalityProvider>) -> ProviderState {
    match provider {
        None => ProviderState::Unknown,
        Some(provider) if provider.slashed_at.is_some() => ProviderState::Slashed,
        Some(provider) if provider.jailed => ProviderState::Jailed,
        Some(_) => ProviderState::Good,
    }
}

/// Looks for the coins in every output that they can be in, the last ones first.
async fn position(bitcoin: &dyn BitcoinSource, stake: &Stake) -> Result<Position, SourceError> {
    let delegation = &stake.delegation;
    let change_of = |txid| OutPoint { txid, vout: CHANGE };
    let places: [(OutPoint, PositionAt); 4] = [
        (
            change_of(delegation.unbonding_slashing_tx().compute_txid()),
            |place| Position::Slashed(SlashedOutput::Unbonding, place),
        ),
        (
            change_of(delegation.slashing_tx().compute_txid()),
            |place| Position::Slashed(SlashedOutput::Staking, place),
        ),
        (delegation.unbonding_outpoint(), Position::Unbonding),
        (delegation.staking_outpoint(), Position::Staked),
    ];
    for (outpoint, position) in places {
        if let Some(unspent) = bitcoin.unspent_output(outpoint).await? {
            return Ok(position(unspent.location.into()));
        }
    }
    let spenders = bitcoin
        .mempool_spenders(&places.map(|(outpoint, _)| outpoint))
        .await?;
    Ok(match spenders.into_iter().flatten().next() {
        Some(txid) => Position::Leaving(txid),
        None => Position::Nowhere,
    })
}

/// The withdrawal that is out there, of all that may be, and where. They spend the same coins, so it is one at most.
async fn withdrawal(
    bitcoin: &dyn BitcoinSource,
    entry: &Entry,
) -> Result<Option<(Withdrawal, Place)>, SourceError> {
    let newest = entry.withdrawal.iter();
    for attempt in newest
        .filter(|withdrawal| !withdrawal.buried)
        .flat_map(Withdrawal::attempts)
    {
        if let Some(location) = bitcoin.locate(&attempt.transaction).await? {
            return Ok(Some((attempt.clone(), location.into())));
        }
    }
    Ok(None)
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        match location {
            Location::Mempool => Self::Mempool,
            Location::Block { block, .. } => Self::Block(block.height),
        }
    }
}
