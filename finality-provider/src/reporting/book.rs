//! All that is known of the stakes with this process's providers: what proves them, and their newest consents.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::OutPoint;
use chain::SignedDelegation;
use chain::mesh::{HandedConsent, InvalidConsent, SignedConsent};
use staking::keys::{FinalityProviderKey, StakerKey};

/// The book. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    stakes: BTreeMap<OutPoint, Entry>,
    /// Consents that were handed over for stakes that are not known yet.
    consents: BTreeMap<OutPoint, Vec<SignedConsent>>,
    /// Delegations that were handed over.
    delegations: BTreeMap<OutPoint, Vec<SignedDelegation>>,
}

/// Who told of a stake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Teller {
    /// The chain with this name.
    Chain(String),
    /// Whoever handed its delegation over.
    Staker,
}

impl fmt::Display for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(name) => f.write_str(name),
            Self::Staker => f.write_str("the staker"),
        }
    }
}

/// One stake, whose output Bitcoin has.
#[derive(Debug)]
struct Entry {
    provider: FinalityProviderKey,
    staker: StakerKey,
    /// Each account is kept: one of them may have been made up but for its keys.
    told: Vec<(Teller, Arc<SignedDelegation>)>,
    /// By number, the newest [`LISTS`].
    consents: BTreeMap<u32, SignedConsent>,
    conflict: Option<Conflict>,
}

/// So many of a staker's lists are kept, to be compared with others under the same numbers.
const LISTS: usize = 16;

/// Two lists that a staker signed under one number.
pub(super) type Conflict = [SignedConsent; 2];

/// A stake that can be shown to the chains in its consent.
#[derive(Debug, Clone)]
pub(super) struct Consented {
    pub(super) outpoint: OutPoint,
    /// All that was told of it.
    pub(super) told: Vec<Arc<SignedDelegation>>,
    /// The newest consent.
    pub(super) consent: SignedConsent,
    /// What ends the stake wherever it is shown.
    pub(super) conflict: Option<Conflict>,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        // A panic elsewhere leaves whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody's account of a stake is in the book.
    pub(super) fn has(&self, outpoint: &OutPoint, teller: &Teller) -> bool {
        let pages = self.lock();
        let entry = pages.stakes.get(outpoint);
        entry.is_some_and(|entry| entry.told.iter().any(|(by, _)| by == teller))
    }

    /// Whether a stake is in the book.
    pub(super) fn knows(&self, outpoint: &OutPoint) -> bool {
        self.lock().stakes.contains_key(outpoint)
    }

    /// Takes in what was told of a stake with `provider`, once Bitcoin has been seen to have its output: the output's
    /// script commits to the keys.
    pub(super) fn add(
        &self,
        provider: FinalityProviderKey,
        teller: Teller,
        told: SignedDelegation,
    ) {
        let mut pages = self.lock();
        let outpoint = told.staking_outpoint;
        let consents = pages.consents.remove(&outpoint);
        let entry = pages.stakes.entry(outpoint).or_insert_with(|| Entry {
            provider,
            staker: told.staker,
            told: Vec::new(),
            consents: BTreeMap::new(),
            conflict: None,
        });
        keep(&mut entry.told, (teller, Arc::new(told)));
        for signed in consents.into_iter().flatten() {
            if let Err(error) = entry.take(outpoint, signed) {
                tracing::warn!(%outpoint, %error, "a consent that was handed over is none");
            }
        }
    }

    /// Takes what was handed over. A consent waits where the stake is not known yet, a delegation until it is seen on
    /// Bitcoin.
    ///
    /// # Errors
    ///
    /// Refuses a consent that is not signed by the stake's staker; the delegation is kept all the same.
    pub(super) fn hand(&self, handed: HandedConsent) -> Result<(), InvalidConsent> {
        let HandedConsent {
            stake,
            consent,
            delegation,
        } = handed;
        let mut pages = self.lock();
        if let Some(delegation) = delegation {
            keep(pages.delegations.entry(stake).or_default(), delegation);
        }
        if let Some(entry) = pages.stakes.get_mut(&stake) {
            return entry.take(stake, consent);
        }
        keep(pages.consents.entry(stake).or_default(), consent);
        Ok(())
    }

    /// The delegations with a provider that were handed over and are still to be seen on Bitcoin.
    pub(super) fn handed(&self, provider: FinalityProviderKey) -> Vec<SignedDelegation> {
        let pages = self.lock();
        let is_told = |delegation: &SignedDelegation| {
            let entry = pages.stakes.get(&delegation.staking_outpoint);
            let told = entry.into_iter().flat_map(|entry| &entry.told);
            let mut by_staker = told.filter(|(teller, _)| *teller == Teller::Staker);
            by_staker.any(|(_, told)| **told == *delegation)
        };
        let handed = pages.delegations.values().flatten();
        handed
            .filter(|delegation| delegation.finality_providers == [provider])
            .filter(|delegation| !is_told(delegation))
            .cloned()
            .collect()
    }

    /// Takes a consent that a chain showed; of a stake that is not in the book it is not wanted.
    ///
    /// # Errors
    ///
    /// Refuses one that is not signed by the stake's staker.
    pub(super) fn hear(
        &self,
        outpoint: OutPoint,
        signed: SignedConsent,
    ) -> Result<(), InvalidConsent> {
        match self.lock().stakes.get_mut(&outpoint) {
            Some(entry) => entry.take(outpoint, signed),
            None => Ok(()),
        }
    }

    /// How many stakes with a provider are in the book.
    pub(super) fn count(&self, provider: &FinalityProviderKey) -> usize {
        let pages = self.lock();
        let entries = pages.stakes.values();
        entries.filter(|entry| entry.provider == *provider).count()
    }

    /// The stakes with a provider whose stakers have consented to something.
    pub(super) fn consented(&self, provider: &FinalityProviderKey) -> Vec<Consented> {
        let pages = self.lock();
        let entries = pages.stakes.iter();
        entries
            .filter(|(_, entry)| entry.provider == *provider)
            .filter_map(|(outpoint, entry)| {
                Some(Consented {
                    outpoint: *outpoint,
                    told: entry
                        .told
                        .iter()
                        .map(|(_, told)| Arc::clone(told))
                        .collect(),
                    consent: entry.consents.values().next_back()?.clone(),
                    conflict: entry.conflict.clone(),
                })
            })
            .collect()
    }
}

fn keep<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

impl Entry {
    /// Keeps the newest consents, and a conflict for good.
    fn take(&mut self, outpoint: OutPoint, signed: SignedConsent) -> Result<(), InvalidConsent> {
        signed.verify(outpoint, &self.staker)?;
        let number = signed.number;
        match self.consents.get(&number) {
            Some(known) if known.shares == signed.shares => {}
            Some(known) if self.conflict.is_none() => {
                tracing::warn!(%outpoint, number, "a staker signed two lists under one number");
                self.conflict = Some([known.clone(), signed]);
            }
            Some(_) => {}
            None => {
                self.consents.insert(number, signed);
                while self.consents.len() > LISTS {
                    self.consents.pop_first();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash as _;
    use bitcoin::key::Keypair;
    use bitcoin::secp256k1::schnorr::Signature;
    use bitcoin::secp256k1::{Message, SECP256K1};
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, Transaction};
    use mesh_core::consent::{Share, Target};
    use staking::delegation::StakerSignatures;
    use staking::units::BlockInterval;

    use super::*;

    fn keypair(secret: u8) -> Keypair {
        Keypair::from_seckey_slice(SECP256K1, &[secret; 32]).unwrap()
    }

    pub(in super::super) fn provider() -> FinalityProviderKey {
        FinalityProviderKey(keypair(9).x_only_public_key().0)
    }

    pub(in super::super) fn outpoint(vout: u32) -> OutPoint {
        OutPoint {
            vout,
            ..OutPoint::null()
        }
    }

    /// What is told of a stake whose staker has this secret; nothing but its keys is looked at.
    pub(in super::super) fn told(vout: u32, staker: u8) -> SignedDelegation {
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: Vec::new(),
            output: Vec::new(),
        };
        let signature = Signature::from_slice(&[1; 64]).unwrap();
        let blocks = BlockInterval::new(100).unwrap();
        SignedDelegation {
            staking_outpoint: outpoint(vout),
            staker: StakerKey(keypair(staker).x_only_public_key().0),
            finality_providers: vec![provider()],
            staking_time: blocks,
            staking_value: Amount::from_sat(1),
            slashing_tx: tx.clone(),
            unbonding_time: blocks,
            unbonding_tx: tx.clone(),
            unbonding_slashing_tx: tx,
            staker_signatures: StakerSignatures {
                slashing: signature,
                unbonding_slashing: signature,
            },
            covenant_signatures: Vec::new(),
        }
    }

    pub(in super::super) fn chain(name: &str) -> Teller {
        Teller::Chain(name.to_owned())
    }

    /// A consent without its stake's delegation.
    pub(in super::super) fn handed(vout: u32, consent: SignedConsent) -> HandedConsent {
        HandedConsent {
            stake: outpoint(vout),
            consent,
            delegation: None,
        }
    }

    /// A list of one share, signed by a staker.
    pub(in super::super) fn signed(
        vout: u32,
        staker: u8,
        number: u32,
        basis_points: u16,
    ) -> SignedConsent {
        let stake = outpoint(vout);
        let shares = vec![Share {
            target: Target::from_bytes([1; 32]),
            basis_points,
            reward_address: "wasm1".to_owned(),
        }];
        let txid = stake.txid.as_byte_array();
        let list = mesh_core::consent::Consent::new(txid, vout, number, shares.clone()).unwrap();
        let message = Message::from_digest(*list.digest());
        SignedConsent {
            number,
            shares,
            signature: SECP256K1.sign_schnorr_no_aux_rand(&message, &keypair(staker)),
        }
    }

    /// Number, share and whether there is a conflict of the one stake's newest consent.
    fn newest(book: &Book) -> Option<(u32, u16, bool)> {
        let consented = book.consented(&provider());
        let Consented {
            consent, conflict, ..
        } = consented.first()?;
        let share = consent.shares[0].basis_points;
        Some((consent.number, share, conflict.is_some()))
    }

    #[test]
    fn the_highest_number_holds_wherever_it_came_from() {
        let book = Book::default();
        // Handed over before any chain told of the stake.
        for consent in [
            signed(1, 7, 3, 30),
            signed(1, 7, 2, 20),
            signed(1, 8, 9, 90),
        ] {
            book.hand(handed(1, consent)).unwrap();
        }
        assert_eq!(newest(&book), None);
        book.add(provider(), chain("x"), told(1, 7));
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 1, 10)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 4, 40)).unwrap();
        assert_eq!(newest(&book), Some((4, 40, false)));
        book.hand(handed(1, signed(1, 7, 5, 50))).unwrap();
        assert_eq!(newest(&book), Some((5, 50, false)));
    }

    #[test]
    fn another_stakers_list_is_none_and_two_under_one_number_contradict_each_other() {
        let book = Book::default();
        book.add(provider(), chain("x"), told(1, 7));
        book.hear(outpoint(1), signed(1, 8, 9, 90)).unwrap_err();
        book.hear(outpoint(1), signed(2, 7, 9, 90)).unwrap_err();
        assert_eq!(newest(&book), None);
        book.hear(outpoint(1), signed(1, 7, 3, 30)).unwrap();
        book.hear(outpoint(1), signed(1, 7, 3, 30)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 3, 31)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, true)));
        book.hear(outpoint(1), signed(1, 7, 4, 40)).unwrap();
        // Of what its staker did, nothing is forgotten.
        assert_eq!(newest(&book), Some((4, 40, true)));
        let consented = book.consented(&provider());
        let [first, second] = consented[0].conflict.as_ref().unwrap();
        assert_eq!((first.number, second.number), (3, 3));
    }

    #[test]
    fn two_lists_contradict_each_other_also_beneath_a_newer_one() {
        for numbers in [[5, 2, 2], [2, 5, 2]] {
            let book = Book::default();
            book.add(provider(), chain("x"), told(1, 7));
            for (number, share) in numbers.into_iter().zip([10, 20, 30]) {
                book.hear(outpoint(1), signed(1, 7, number, share)).unwrap();
            }
            let (number, _, conflict) = newest(&book).unwrap();
            assert_eq!((number, conflict), (5, true), "{numbers:?}");
        }
    }

    #[test]
    fn of_a_stakers_many_lists_the_newest_are_kept() {
        let book = Book::default();
        book.add(provider(), chain("x"), told(1, 7));
        for number in (1..40).rev() {
            book.hear(outpoint(1), signed(1, 7, number, 10)).unwrap();
        }
        assert_eq!(newest(&book), Some((39, 10, false)));
        let kept = book.lock().stakes[&outpoint(1)].consents.len();
        assert_eq!(kept, LISTS);
    }

    #[test]
    fn a_delegation_that_was_handed_over_waits_until_it_is_seen_on_bitcoin() {
        let book = Book::default();
        let with_delegation = |number| HandedConsent {
            delegation: Some(told(1, 7)),
            ..handed(1, signed(1, 7, number, 10))
        };
        for number in [1, 2] {
            book.hand(with_delegation(number)).unwrap();
        }
        assert_eq!(book.handed(provider()), [told(1, 7)]);
        let another = FinalityProviderKey(keypair(8).x_only_public_key().0);
        assert_eq!(book.handed(another), []);
        // That a chain tells of the stake says nothing about signatures.
        book.add(provider(), chain("x"), told(1, 7));
        assert_eq!(newest(&book), Some((2, 10, false)));
        assert_eq!(book.handed(provider()), [told(1, 7)]);
        book.add(provider(), Teller::Staker, told(1, 7));
        book.hand(with_delegation(3)).unwrap();
        assert_eq!(book.handed(provider()), []);
        assert_eq!(newest(&book), Some((3, 10, false)));
        // Another one may be what another chain takes.
        let other = SignedDelegation {
            staking_value: Amount::from_sat(2),
            ..told(1, 7)
        };
        let delegation = Some(other.clone());
        book.hand(HandedConsent {
            delegation,
            ..handed(1, signed(1, 7, 3, 10))
        })
        .unwrap();
        assert_eq!(book.handed(provider()), [other]);
    }

    #[test]
    fn what_a_chain_tells_replaces_no_other_chains_account_nor_the_stakers_key() {
        let book = Book::default();
        book.add(provider(), chain("x"), told(1, 7));
        assert!(book.has(&outpoint(1), &chain("x")) && !book.has(&outpoint(1), &chain("y")));
        book.add(provider(), chain("y"), told(1, 8));
        book.hear(outpoint(1), signed(1, 8, 9, 90)).unwrap_err();
        book.hear(outpoint(1), signed(1, 7, 1, 10)).unwrap();
        let consented = book.consented(&provider());
        assert_eq!(consented[0].told.len(), 2);
        assert_eq!(book.count(&provider()), 1);
        // Of a stake that is not in the book a chain's word is not kept.
        book.hear(outpoint(2), signed(2, 7, 1, 10)).unwrap();
        book.add(provider(), chain("x"), told(2, 7));
        assert_eq!(book.consented(&provider()).len(), 1);
    }
}
