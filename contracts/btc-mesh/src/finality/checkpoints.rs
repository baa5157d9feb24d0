//! What is final: checkpoints in sequence, each by more than two thirds of the table in force.

use bitcoin::hashes::{Hash, sha256};
use cosmwasm_std::{Event, Order, Storage};
use cw_storage_plus::{Bound, Map};
use mesh_core::table::TableHead;
use mesh_core::vote;

use super::clock::{self, Clock};
use super::roll::last_checkpoint;
use super::{tables, tally};
use crate::context::Context;
use crate::light::Tip;
use crate::msg::{Bytes32, FinalizedResponse};
use crate::store::Record;
use crate::{ContractError, config};

/// Most checkpoints that one message makes final.
const MAX_AT_ONCE: usize = 16;

/// How many final checkpoints are kept one by one.
const KEPT: u64 = 10_000;

/// Raw bytes, see [`Final::to_bytes`].
const FINALS: Map<u64, ()> = Map::new("f");
/// Hash over all final checkpoints that are not kept any more.
const FORGOTTEN: Record<Bytes32> = Record::new("forgotten");

/// A checkpoint that is final, with what a verifier asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Final {
    pub(crate) height: u64,
    pub(crate) hash: [u8; 32],
    pub(crate) era: u32,
    pub(crate) epoch: u64,
    pub(crate) decreed: bool,
    pub(crate) table_root: [u8; 32],
    pub(crate) cut_height: u32,
    pub(crate) at_risk: u64,
    pub(crate) voted: u64,
    pub(crate) total: u64,
}

const FINAL_LENGTH: usize = 113;

impl Final {
    fn to_bytes(self) -> Vec<u8> {
        [
            self.height.to_be_bytes().as_slice(),
            &self.hash,
            &self.era.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &[self.decreed.into()],
            &self.table_root,
            &self.cut_height.to_be_bytes(),
            &self.at_risk.to_be_bytes(),
            &self.voted.to_be_bytes(),
            &self.total.to_be_bytes(),
        ]
        .concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != FINAL_LENGTH {
            return None;
        }
        let (height, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (era, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (&[decreed], rest) = rest.split_first_chunk()?;
        let (table_root, rest) = rest.split_first_chunk()?;
        let (cut_height, rest) = rest.split_first_chunk()?;
        let (at_risk, rest) = rest.split_first_chunk()?;
        let (voted, total) = rest.split_first_chunk()?;
        Some(Self {
            height: u64::from_be_bytes(*height),
            hash: *hash,
            era: u32::from_be_bytes(*era),
            epoch: u64::from_be_bytes(*epoch),
            decreed: decreed != 0,
            table_root: *table_root,
            cut_height: u32::from_be_bytes(*cut_height),
            at_risk: u64::from_be_bytes(*at_risk),
            voted: u64::from_be_bytes(*voted),
            total: u64::from_be_bytes(total.try_into().ok()?),
        })
    }

    pub(crate) fn answer(self, k: u64) -> FinalizedResponse {
        FinalizedResponse {
            k,
            height: self.height,
            hash: self.hash.into(),
            era: self.era,
            epoch: self.epoch,
            decreed: self.decreed,
            table_root: self.table_root.into(),
            btc_cut: self.cut_height,
            at_risk: self.at_risk,
            voted: self.voted,
            total: self.total,
        }
    }
}

/// Why no checkpoint can become final at present, whatever votes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Bitcoin's tip, as it is known here, is too old. It goes on with new headers.
    Stale { lag: u64 },
    /// The table is too old. Only a resume helps.
    Aged { age: u32 },
}

impl Halt {
    pub(super) fn describe(self, context: &Context<'_>) -> String {
        let params = context.params();
        match self {
            Self::Stale { lag } => format!(
                "Bitcoin's tip is {lag} s behind this chain's clock, at most {} s are allowed; bring headers",
                params.max_stale
            ),
            Self::Aged { age } => format!(
                "the table in force is {age} blocks old, at most {} are allowed; governance must resume",
                params.max_age
            ),
        }
    }
}

/// Whether what is known of Bitcoin is fresh enough for finality and tables.
pub(super) fn check_fresh(context: &Context<'_>, tip: &Tip) -> Result<(), Halt> {
    let lag = context.lag(tip);
    if lag > context.params().max_stale.into() {
        Err(Halt::Stale { lag })
    } else {
        Ok(())
    }
}

/// Rule 6: a table makes checkpoints final only while it is young, by a fresh view of Bitcoin.
fn check_age(context: &Context<'_>, tip: &Tip, head: &TableHead) -> Result<(), Halt> {
    check_fresh(context, tip)?;
    let age = tip.height.saturating_sub(head.term.cut_height);
    if age > context.params().max_age {
        Err(Halt::Aged { age })
    } else {
        Ok(())
    }
}

/// Why nothing becomes final now; `None` where only votes are missing.
pub(crate) fn halted(
    storage: &dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
) -> Result<Option<String>, ContractError> {
    let head = in_force(storage, clock)?;
    let tip = context.light.tip()?;
    Ok(check_age(context, &tip, &head)
        .err()
        .map(|halt| halt.describe(context)))
}

/// The table in force.
pub(crate) fn in_force(storage: &dyn Storage, clock: &Clock) -> Result<TableHead, ContractError> {
    tables::head_of_epoch(storage, clock.epoch)?.ok_or(ContractError::CorruptTable(clock.epoch))
}

/// Makes final what has a quorum, in sequence, to the end of the epoch at most.
pub(crate) fn finalise(
    storage: &mut dyn Storage,
    context: &Context<'_>,
) -> Result<Vec<Event>, ContractError> {
    let mut clock = clock::started(storage)?;
    let head = in_force(storage, &clock)?;
    let last = last_checkpoint(&head)?;
    let mut tip = None;
    let mut events = Vec::new();
    while events.len() < MAX_AT_ONCE {
        let k = clock.next;
        let tallies = tally::tallies(storage, k)?;
        let winner = tallies.iter().find(|tally| head.is_quorum(tally.weight));
        let Some(winner) = winner else { break };
        // Asked for only where there is something to finalise.
        let tip = match tip {
            Some(tip) => tip,
            None => *tip.insert(context.light.tip()?),
        };
        if let Err(halt) = check_age(context, &tip, &head) {
            events.push(Event::new("halted").add_attribute("reason", halt.describe(context)));
            break;
        }
        let record = record(&head, k, winner.hash.0, winner.weight)?;
        write(storage, k, &record)?;
        if tallies.len() > 1 {
            disown(storage, context, &clock, &head, k, Some(&winner.hash.0))?;
        }
        tally::forget(storage, k)?;
        events.push(
            Event::new("final")
                .add_attribute("k", k.to_string())
                .add_attribute("height", record.height.to_string())
                .add_attribute("hash", winner.hash.to_string())
                .add_attribute("voted", winner.weight.to_string()),
        );
        clock.next = k.saturating_add(1);
        clock.last_final_tip = tip.height;
        if k == last {
            clock.epoch = clock.epoch.saturating_add(1);
            clock.epoch_began = context.height;
            clock.ready = false;
            config::advance(storage, context.config, clock.epoch)?;
            break;
        }
    }
    if !events.is_empty() {
        clock::save(storage, &clock)?;
    }
    Ok(events)
}

/// Takes back from the counts for rewards those votes for a checkpoint that were not for the hash that became final; all
/// of them where there is none.
fn disown(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
    head: &TableHead,
    k: u64,
    hash: Option<&[u8; 32]>,
) -> Result<(), ContractError> {
    let epoch = head.term.epoch;
    let ready = tables::head_of_epoch(storage, epoch.saturating_add(1))?
        .filter(|_| clock.ready)
        .map(|head| head.root);
    let wanted = hash
        .and_then(|hash| vote::message(&context.domain(), head, k, hash, ready.as_ref()).ok())
        .map(|message| sha256::Hash::hash(&message).to_byte_array());
    for (entry, _) in tables::entries(storage, epoch)? {
        let pk = &entry.provider;
        let stored = tally::vote(storage, context.params().window, k, pk)?;
        // One of another epoch was never counted in this one.
        let counted = stored.filter(|stored| stored.epoch == epoch);
        if counted.is_some_and(|counted| Some(counted.message_hash) != wanted) {
            tables::remove_vote(storage, epoch, pk);
        }
    }
    Ok(())
}

fn record(head: &TableHead, k: u64, hash: [u8; 32], voted: u64) -> Result<Final, ContractError> {
    Ok(Final {
        height: head
            .term
            .height(k)
            .ok_or(ContractError::CorruptTable(head.term.epoch))?,
        hash,
        era: head.term.era,
        epoch: head.term.epoch,
        decreed: false,
        table_root: head.root,
        cut_height: head.term.cut_height,
        at_risk: head.at_risk,
        voted,
        total: head.total,
    })
}

/// Records a checkpoint that governance decrees. Whatever was voted for it, and ahead of it, counts for nothing: neither
/// for rewards nor under the table of the era that begins.
pub(super) fn decree(
    storage: &mut dyn Storage,
    context: &Context<'_>,
    clock: &Clock,
    head: &TableHead,
    hash: [u8; 32],
) -> Result<Final, ContractError> {
    let k = clock.next;
    let decreed = Final {
        decreed: true,
        ..record(head, k, hash, 0)?
    };
    write(storage, k, &decreed)?;
    let last = last_checkpoint(head)?;
    let ahead = k.saturating_add(context.params().window.into());
    for checkpoint in k..=last.min(ahead) {
        if !tally::tallies(storage, checkpoint)?.is_empty() {
            disown(storage, context, clock, head, checkpoint, None)?;
            tally::forget(storage, checkpoint)?;
        }
    }
    Ok(decreed)
}

/// Writes a final checkpoint; the oldest one is folded into one hash with all before it.
fn write(storage: &mut dyn Storage, k: u64, record: &Final) -> Result<(), ContractError> {
    storage.set(&FINALS.key(k), &record.to_bytes());
    if let Some(old) = k.checked_sub(KEPT) {
        if let Some(bytes) = storage.get(&FINALS.key(old)) {
            let before = FORGOTTEN.may_load(storage)?.unwrap_or(Bytes32([0; 32]));
            let folded = [&before.0, old.to_be_bytes().as_slice(), &bytes].concat();
            let root = sha256::Hash::hash(&folded).to_byte_array();
            FORGOTTEN.save(storage, &root.into())?;
            storage.remove(&FINALS.key(old));
        }
    }
    Ok(())
}

/// A final checkpoint by its number; `None` where it is not final or not kept any more.
pub(crate) fn final_at(storage: &dyn Storage, k: u64) -> Result<Option<Final>, ContractError> {
    storage
        .get(&FINALS.key(k))
        .map(|bytes| Final::parse(&bytes).ok_or(ContractError::CorruptFinal(k)))
        .transpose()
}

/// The first final checkpoint at or above a height of this chain; `None` where there is none or it is not kept.
pub(crate) fn at_height(
    storage: &dyn Storage,
    height: u64,
) -> Result<Option<(u64, Final)>, ContractError> {
    // Heights rise with checkpoints, so the kept ones can be halved.
    let Some(oldest) = edge(storage, Order::Ascending) else {
        return Ok(None);
    };
    let Some((newest, found)) = last_final(storage)? else {
        return Ok(None);
    };
    if found.height < height {
        return Ok(None);
    }
    let (mut low, mut high) = (oldest, newest);
    while low < high {
        let middle = low.midpoint(high);
        let record = final_at(storage, middle)?.ok_or(ContractError::CorruptFinal(middle))?;
        if record.height < height {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(final_at(storage, low)?.map(|record| (low, record)))
}

/// The newest final checkpoint.
pub(crate) fn last_final(storage: &dyn Storage) -> Result<Option<(u64, Final)>, ContractError> {
    let Some(newest) = edge(storage, Order::Descending) else {
        return Ok(None);
    };
    Ok(final_at(storage, newest)?.map(|record| (newest, record)))
}

fn edge(storage: &dyn Storage, order: Order) -> Option<u64> {
    FINALS
        .keys(storage, None::<Bound<'_, u64>>, None, order)
        .next()?
        .ok()
}
