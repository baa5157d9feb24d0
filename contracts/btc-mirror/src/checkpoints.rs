//! What is final: the subject's checkpoints in sequence, each by more than two thirds of the table in force.

use btc_mesh::finality::{finals, tally};
use btc_mesh::msg::Bytes32;
use cosmwasm_std::{Event, Storage};

use crate::clock;
use crate::context::Context;
use crate::{ContractError, halt};

/// Most checkpoints that one message makes final.
const MAX_AT_ONCE: usize = 16;

/// What a vote is for: a header, and at the last checkpoint of an epoch the table that comes after it.
pub(crate) struct Choice {
    pub(crate) hash: [u8; 32],
    pub(crate) next_root: Option<[u8; 32]>,
}

impl Choice {
    /// Hash, and where there is one the next root after it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let next_root = self.next_root.as_ref().map(<[u8; 32]>::as_slice);
        [self.hash.as_slice(), next_root.unwrap_or_default()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk()?;
        let next_root = match rest {
            [] => None,
            root => Some(root.try_into().ok()?),
        };
        Some(Self {
            hash: *hash,
            next_root,
        })
    }
}

/// Makes final what has a quorum, in sequence, to the end of the epoch at most.
pub(crate) fn finalise(
    storage: &mut dyn Storage,
    context: &Context<'_>,
) -> Result<Vec<Event>, ContractError> {
    let mut clock = clock::load(storage)?;
    let head = clock.in_force(storage)?;
    let last = clock::last_checkpoint(&head)?;
    let mut events = Vec::new();
    while events.len() < MAX_AT_ONCE && clock.next <= last {
        let k = clock.next;
        let choices = tally::choices(storage, k)?;
        let winner = choices
            .iter()
            .find(|(_, count)| head.is_quorum(count.weight));
        let Some((choice, count)) = winner else { break };
        // Asked for only where there is something to finalise.
        if events.is_empty() {
            if let Some(halt) = halt::check(storage, context, &clock)? {
                return Ok(vec![halt.event()]);
            }
        }
        let choice = Choice::parse(choice).ok_or(ContractError::CorruptTally(k))?;
        let hash = Bytes32(choice.hash);
        events.push(finals::conclude(storage, &head, k, hash, count.weight)?);
        clock.next = k.saturating_add(1);
        clock.next_root = choice.next_root.map(Bytes32);
    }
    if !events.is_empty() {
        clock::save(storage, &clock)?;
    }
    Ok(events)
}
