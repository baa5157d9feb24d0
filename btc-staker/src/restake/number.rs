//! Which number the next consent of a stake gets.
//!
//! Two different lists under one number make a stake worthless for ever, wherever they are shown together. So a number is
//! used for one list only, whatever was lost in between: this home's record, a chain's answer, or both. What is left then
//! is the clock: a number that is at least the seconds since 1970 is above all that were made before.

use mesh_core::consent::Share;

/// The number that counts at once, since no chain can have been shown another list before it.
pub const FIRST: u32 = 1;

/// How far a chain's number may be ahead of the clock, in seconds, without being made up.
const MOST_AHEAD: u32 = 24 * 60 * 60;

/// How this home came to its stakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It made its seed, and every consent of its stakes is in its record.
    Made,
    /// From the seed's words, or with stakes that it did not make: consents may have been signed elsewhere.
    Restored,
}

/// A list under its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The number.
    pub number: u32,
    /// The list; `None` where the chain has forgotten it.
    pub shares: Option<Vec<Share>>,
}

/// What is known of the consents of one stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// How this home came to it.
    pub origin: Origin,
    /// The newest consent in this home's record.
    pub recorded: Option<Numbered>,
    /// The newest that each chain was shown, of those that know the stake.
    pub shown: Vec<Numbered>,
    /// Whether every configured chain said whether it knows the stake.
    pub complete: bool,
    /// Seconds since 1970.
    pub now: u32,
}

/// Under which number a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Under that of the record's newest: it is the same list.
    Again(u32),
    /// Under a new one.
    New(u32),
}

/// Why no number is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// A chain's number is of a time to come: it would use the numbers up.
    #[error(
        "a chain says that it was shown consent {number} of this stake, which is more than a day ahead of {now}, the seconds \
         since 1970; a node or a clock is wrong"
    )]
    Ahead {
        /// The chain's number.
        number: u32,
        /// The time.
        now: u32,
    },
    /// There is no higher number.
    #[error("the numbers of this stake's consents are used up")]
    UsedUp,
}

/// Under which number a list is to be shown.
///
/// # Errors
///
/// Refuses where a number could be used twice, and where a chain's answer would use the numbers up.
pub fn decide(wanted: &[Share], known: &Known) -> Result<Decision, NumberError> {
    let recorded = known.recorded.as_ref();
    let newest = known.shown.iter().map(|shown| shown.number).max();
    let trusted = recorded
        .map_or(0, |recorded| recorded.number)
        .max(known.now.saturating_add(MOST_AHEAD));
    if let Some(number) = newest.filter(|number| *number > trusted) {
        let now = known.now;
        return Err(NumberError::Ahead { number, now });
    }
    if let Some(recorded) = recorded
        && recorded.shares.as_deref() == Some(wanted)
        && known.shown.iter().all(|shown| is_no_later(shown, recorded))
    {
        return Ok(Decision::Again(recorded.number));
    }
    let highest = recorded.map(|recorded| recorded.number).max(newest);
    match highest {
        None if known.origin == Origin::Made && known.complete => Ok(Decision::New(FIRST)),
        None => Ok(Decision::New(known.now.max(FIRST.saturating_add(1)))),
        Some(highest) => highest
            .checked_add(1)
            .map(|next| Decision::New(next.max(known.now)))
            .ok_or(NumberError::UsedUp),
    }
}

/// Whether showing `recorded` contradicts nothing that was shown.
fn is_no_later(shown: &Numbered, recorded: &Numbered) -> bool {
    shown.number < recorded.number
        || shown.number == recorded.number
            && (shown.shares.is_none() || shown.shares == recorded.shares)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use mesh_core::consent::Target;
    use proptest::prelude::*;

    use super::*;

    const NOW: u32 = 1_800_000_000;

    fn list(kind: u8) -> Vec<Share> {
        vec![Share {
            target: Target::from_bytes([kind; 32]),
            basis_points: 5_000,
            reward_address: "wasm1".to_owned(),
        }]
    }

    fn numbered(number: u32, kind: u8) -> Numbered {
        let shares = Some(list(kind));
        Numbered { number, shares }
    }

    fn fresh() -> Known {
        Known {
            origin: Origin::Made,
            recorded: None,
            shown: Vec::new(),
            complete: true,
            now: NOW,
        }
    }

    #[test]
    fn a_number_is_used_for_one_list_only() {
        let restored = Known {
            origin: Origin::Restored,
            ..fresh()
        };
        let incomplete = Known {
            complete: false,
            ..fresh()
        };
        let recorded = |number, kind| Known {
            recorded: Some(numbered(number, kind)),
            ..fresh()
        };
        let with = |known: Known, shown: &[Numbered]| Known {
            shown: shown.to_vec(),
            ..known
        };
        let forgotten = Numbered {
            number: 1,
            shares: None,
        };
        for (name, known, decision) in [
            ("first of all", fresh(), Ok(Decision::New(1))),
            ("restored", restored.clone(), Ok(Decision::New(NOW))),
            ("a chain is silent", incomplete, Ok(Decision::New(NOW))),
            ("the same again", recorded(1, 1), Ok(Decision::Again(1))),
            ("another list", recorded(1, 2), Ok(Decision::New(NOW))),
            (
                "another list at once",
                recorded(NOW, 2),
                Ok(Decision::New(NOW + 1)),
            ),
            (
                "the clock is behind",
                recorded(NOW + 99, 2),
                Ok(Decision::New(NOW + 100)),
            ),
            (
                "the same, and shown",
                with(recorded(7, 1), &[numbered(7, 1), numbered(1, 2)]),
                Ok(Decision::Again(7)),
            ),
            (
                "the same, and forgotten",
                with(recorded(1, 1), &[forgotten]),
                Ok(Decision::Again(1)),
            ),
            (
                "somebody else used the number",
                with(recorded(7, 1), &[numbered(7, 2)]),
                Ok(Decision::New(NOW)),
            ),
            (
                "somebody else used a later one",
                with(recorded(7, 1), &[numbered(8, 1)]),
                Ok(Decision::New(NOW)),
            ),
            (
                "shown by a home that is lost",
                with(fresh(), &[numbered(1, 1)]),
                Ok(Decision::New(NOW)),
            ),
            (
                "restored within a second",
                with(restored, &[numbered(NOW, 2)]),
                Ok(Decision::New(NOW + 1)),
            ),
            (
                "made up",
                with(fresh(), &[numbered(u32::MAX, 2)]),
                Err(NumberError::Ahead {
                    number: u32::MAX,
                    now: NOW,
                }),
            ),
            (
                "used up",
                with(recorded(u32::MAX, 2), &[numbered(u32::MAX, 2)]),
                Err(NumberError::UsedUp),
            ),
        ] {
            assert_eq!(decide(&list(1), &known), decision, "{name}");
        }
    }

    /// One command of a life: which list, whether the home was lost before, and which chains answer.
    #[derive(Debug, Clone)]
    struct Command {
        kind: u8,
        lost: bool,
        answers: [bool; 2],
        reaches: [bool; 2],
        later: u32,
    }

    fn command() -> impl Strategy<Value = Command> {
        (
            0_u8..3,
            prop::bool::weighted(0.3),
            any::<[bool; 2]>(),
            any::<[bool; 2]>(),
            1_u32..100_000,
        )
            .prop_map(|(kind, lost, answers, reaches, later)| Command {
                kind,
                lost,
                answers,
                reaches,
                later,
            })
    }

    proptest! {
        /// Whatever is lost, whoever is silent: as long as a second passes between two homes, no number has two lists.
        #[test]
        fn no_life_signs_two_lists_under_one_number(commands in prop::collection::vec(command(), 1..40)) {
            let mut signed: HashMap<u32, Vec<Share>> = HashMap::new();
            let mut chains: [Option<Numbered>; 2] = [None, None];
            let (mut origin, mut recorded, mut now) = (Origin::Made, None, 1_000_u32);
            for command in commands {
                now += command.later;
                if command.lost {
                    (origin, recorded) = (Origin::Restored, None);
                }
                let answering = chains.iter().zip(command.answers);
                let known = Known {
                    origin,
                    recorded: recorded.clone(),
                    shown: answering.filter(|(_, answers)| *answers).filter_map(|(shown, _)| shown.clone()).collect(),
                    complete: command.answers == [true; 2],
                    now,
                };
                let wanted = list(command.kind);
                let number = match decide(&wanted, &known).unwrap() {
                    Decision::Again(number) => number,
                    Decision::New(number) => {
                        let highest = known.shown.iter().map(|shown| shown.number).max();
                        prop_assert!(Some(number) > highest && Some(number) > recorded.as_ref().map(|known: &Numbered| known.number));
                        number
                    }
                };
                let before = signed.entry(number).or_insert_with(|| wanted.clone());
                prop_assert_eq!(&*before, &wanted, "number {}", number);
                recorded = Some(Numbered { number, shares: Some(wanted) });
                for (chain, reached) in chains.iter_mut().zip(command.reaches) {
                    if reached && chain.as_ref().is_none_or(|shown| shown.number < number) {
                        *chain = recorded.clone();
                    }
                }
            }
        }
    }
}
