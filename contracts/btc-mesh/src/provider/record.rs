//! A provider as it is stored.

use cosmwasm_std::{Addr, Storage, Uint128, Uint256};
use eots::PublicKey;
use eots::commitment::Commitment;
use mesh_core::commit::Commit;
use serde::{Deserialize, Serialize};

use super::rank;
use crate::ContractError;
use crate::finality::is_slashed;
use crate::msg::{Bytes32, CommitInfo, ProviderResponse, ProviderStatus};
use crate::store::{Records, big_endian};

/// How many commits are kept: the newest may begin too late for the next epoch.
const COMMITS: usize = 2;

const PROVIDERS: Records<&[u8], Provider> = Records::new("provider");

/// A provider as it is stored. Its weight changes at once with its stakes; tables are copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Provider {
    pub(crate) operator: Addr,
    /// Basis points.
    pub(crate) commission: u16,
    pub(crate) status: ProviderStatus,
    /// Weight of its active stakes, sat.
    pub(crate) sats: u64,
    /// What its active stakes stand to lose, sat.
    pub(crate) at_risk: u64,
    pub(crate) registration_seq: u64,
    pub(crate) commit_seq: u64,
    /// Older first.
    pub(crate) commits: Vec<CommitInfo>,
    /// Whether it may be ranked: false from the moment a table found no commit of it until it commits again.
    pub(crate) committed: bool,
    /// The weight by which it got its place in the ranking when it was last stored; none where it got none.
    pub(crate) ranked: Option<u64>,
    /// Rewards of one sat since the beginning, in units of 2⁻⁶⁴.
    #[serde(with = "big_endian")]
    pub(crate) index: Uint256,
    /// Commission credited and not paid.
    pub(crate) earned: Uint128,
    /// How it voted in the last settled epoch that it was in.
    pub(crate) participation: Option<Participation>,
}

/// How a provider voted in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Participation {
    pub(crate) epoch: u64,
    /// Checkpoints voted for.
    pub(crate) votes: u32,
    /// Checkpoints of the epoch.
    pub(crate) count: u32,
}

impl Provider {
    /// The newest commit that covers all these checkpoints.
    pub(crate) fn commit_for(&self, first: u64, last: u64) -> Option<Commit> {
        self.commits
            .iter()
            .rev()
            .filter_map(|info| {
                Commit::new(info.start, info.num, Commitment::from_bytes(info.root.0)).ok()
            })
            .find(|commit| commit.covers(first, last))
    }

    /// Adds a commit and forgets all but the last two.
    pub(super) fn add_commit(&mut self, commit: CommitInfo) {
        self.commits.push(commit);
        if self.commits.len() > COMMITS {
            self.commits.remove(0);
        }
        self.committed = true;
    }

    /// Whether the next table may take it.
    pub(super) fn is_eligible(&self) -> bool {
        self.status == ProviderStatus::Active && self.sats > 0 && self.committed
    }

    pub(crate) fn answer(self, pk: &PublicKey) -> ProviderResponse {
        ProviderResponse {
            pk: Bytes32(pk.to_bytes()),
            operator: self.operator.into(),
            commission: self.commission,
            status: self.status,
            sats: self.sats,
            at_risk: self.at_risk,
            registration_seq: self.registration_seq,
            commit_seq: self.commit_seq,
            commits: self.commits,
            earned: self.earned,
        }
    }
}

/// A provider; `None` where it is not registered. One whose key is out is slashed, whatever its record says.
pub(crate) fn find(
    storage: &dyn Storage,
    pk: &PublicKey,
) -> Result<Option<Provider>, ContractError> {
    let mut provider = PROVIDERS.may_load(storage, pk.as_bytes())?;
    if let Some(provider) = &mut provider {
        if is_slashed(storage, pk) {
            provider.status = ProviderStatus::Slashed;
        }
    }
    Ok(provider)
}

/// A provider that must be registered.
pub(crate) fn get(storage: &dyn Storage, pk: &PublicKey) -> Result<Provider, ContractError> {
    find(storage, pk)?.ok_or(ContractError::UnknownProvider(*pk))
}

/// Stores a provider and moves it to its place in the ranking.
pub(crate) fn save(
    storage: &mut dyn Storage,
    pk: &PublicKey,
    provider: &mut Provider,
) -> Result<(), ContractError> {
    let after = provider.is_eligible().then_some(provider.sats);
    rank::place(storage, pk, provider.ranked, after);
    provider.ranked = after;
    Ok(PROVIDERS.save(storage, pk.as_bytes(), provider)?)
}

/// Providers that a message changes, each read and written once however many of its stakes are concerned.
#[derive(Default)]
pub(crate) struct Changes(Vec<(PublicKey, Provider)>);

impl Changes {
    /// A provider to change, which must be registered, as it is with what was changed of it before.
    pub(crate) fn of(
        &mut self,
        storage: &dyn Storage,
        pk: &PublicKey,
    ) -> Result<&mut Provider, ContractError> {
        let known = self.0.iter().position(|(of, _)| of == pk);
        let position = if let Some(position) = known {
            position
        } else {
            self.0.push((*pk, get(storage, pk)?));
            self.0.len().saturating_sub(1)
        };
        let provider = self.0.get_mut(position).map(|(_, provider)| provider);
        provider.ok_or(ContractError::UnknownProvider(*pk))
    }

    /// Stores them.
    pub(crate) fn save(self, storage: &mut dyn Storage) -> Result<(), ContractError> {
        for (pk, mut provider) in self.0 {
            save(storage, &pk, &mut provider)?;
        }
        Ok(())
    }
}

/// Takes a provider whose key came out of the ranking. Its record stays as it is: [`find`] says that it is slashed.
pub(crate) fn retire(storage: &mut dyn Storage, pk: &PublicKey, provider: &Provider) {
    rank::place(storage, pk, provider.ranked, None);
}

/// Providers in the order of their keys, after one of them.
pub(crate) fn list(
    storage: &dyn Storage,
    start_after: Option<&PublicKey>,
    limit: usize,
) -> Result<Vec<ProviderResponse>, ContractError> {
    let after = start_after.map(|pk| pk.as_bytes().as_slice());
    PROVIDERS
        .keys(storage, after, limit)?
        .into_iter()
        .map(|pk| {
            let pk = PublicKey::from_checked_bytes(Bytes32::from_slice(&pk)?.0);
            Ok(get(storage, &pk)?.answer(&pk))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::assert_stored;

    #[test]
    fn the_layout_of_a_provider_is_what_instances_have() {
        let commit = |byte| CommitInfo {
            start: 7,
            num: 8,
            root: Bytes32([byte; 32]),
        };
        let mut provider = Provider {
            operator: Addr::unchecked("operator"),
            commission: 1,
            status: ProviderStatus::Jailed { until: 2 },
            sats: 3,
            at_risk: 4,
            registration_seq: 5,
            commit_seq: 6,
            commits: vec![commit(9), commit(10)],
            committed: true,
            ranked: None,
            index: Uint256::from(11_u8),
            earned: Uint128::new(12),
            participation: Some(Participation {
                epoch: 13,
                votes: 14,
                count: 15,
            }),
        };
        let pk = PublicKey::from_checked_bytes([b'k'; 32]);
        assert_stored(
            |storage| save(storage, &pk, &mut provider).unwrap(),
            r"\x00\x08providerkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
            concat!(
                "086f70657261746f7201010203040506020708090909090909090909090909090909090909090909",
                "090909090909090909090907080a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
                "0a0a0a0a0a0100000000000000000000000000000000000000000000000000000000000000000b02",
                "3132010d0e0f"
            ),
        );
        for (status, byte) in [(ProviderStatus::Active, 0), (ProviderStatus::Slashed, 2)] {
            assert_eq!(postcard::to_allocvec(&status).unwrap(), [byte]);
        }
    }
}
