//! All that is known of the stakes with this process's providers: what proves them, and their newest consents.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitcoin::OutPoint;
use chain::Delegation;
use chain::mesh::{InvalidConsent, SignedConsent};
use staking::keys::{FinalityProviderKey, StakerKey};

/// The book. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    stakes: BTreeMap<OutPoint, Entry>,
    /// Consents that were handed over for stakes that no chain has told of.
    handed: BTreeMap<OutPoint, Vec<SignedConsent>>,
}

/// One stake, whose output Bitcoin has.
#[derive(Debug)]
struct Entry {
    provider: FinalityProviderKey,
    staker: StakerKey,
    /// By the chain that told it. Each is kept: one of them may have been made up but for its keys.
    told: BTreeMap<String, Arc<Delegation>>,
    consent: Option<Consent>,
}

/// The newest consent of a stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Consent {
    pub(super) signed: SignedConsent,
    /// Whether its staker signed another list under the same number.
    pub(super) contradicted: bool,
}

/// A stake that can be shown to the chains in its consent.
#[derive(Debug, Clone)]
pub(super) struct Consented {
    pub(super) outpoint: OutPoint,
    /// What chains told of it.
    pub(super) told: Vec<Arc<Delegation>>,
    pub(super) consent: Consent,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        // A panic elsewhere leaves whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a chain's account of a stake is in the book.
    pub(super) fn has(&self, outpoint: &OutPoint, chain: &str) -> bool {
        let pages = self.lock();
        let entry = pages.stakes.get(outpoint);
        entry.is_some_and(|entry| entry.told.contains_key(chain))
    }

    /// Takes in what a chain told of a stake with `provider`, once Bitcoin has been seen to have its output: the output's
    /// script commits to the keys.
    pub(super) fn add(&self, provider: FinalityProviderKey, chain: &str, told: Delegation) {
        let mut pages = self.lock();
        let outpoint = told.staking_outpoint();
        let handed = pages.handed.remove(&outpoint);
        let entry = pages.stakes.entry(outpoint).or_insert_with(|| Entry {
            provider,
            staker: told.staker,
            told: BTreeMap::new(),
            consent: None,
        });
        entry.told.insert(chain.to_owned(), Arc::new(told));
        for signed in handed.into_iter().flatten() {
            if let Err(error) = entry.take(outpoint, signed) {
                tracing::warn!(%outpoint, %error, "a consent that was handed over is none");
            }
        }
    }

    /// Takes a consent that was handed over; it waits where the stake is not known yet.
    ///
    /// # Errors
    ///
    /// Refuses one that is not signed by the stake's staker.
    pub(super) fn hand(
        &self,
        outpoint: OutPoint,
        signed: SignedConsent,
    ) -> Result<(), InvalidConsent> {
        let mut pages = self.lock();
        if let Some(entry) = pages.stakes.get_mut(&outpoint) {
            return entry.take(outpoint, signed);
        }
        let waiting = pages.handed.entry(outpoint).or_default();
        if !waiting.contains(&signed) {
            waiting.push(signed);
        }
        Ok(())
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
                    told: entry.told.values().cloned().collect(),
                    consent: entry.consent.clone()?,
                })
            })
            .collect()
    }
}

impl Entry {
    /// Keeps the newest consent.
    fn take(&mut self, outpoint: OutPoint, signed: SignedConsent) -> Result<(), InvalidConsent> {
        signed.verify(outpoint, &self.staker)?;
        match &mut self.consent {
            Some(known) if known.signed.number > signed.number => {}
            Some(known) if known.signed.number == signed.number => {
                if !known.contradicted && known.signed.shares != signed.shares {
                    let number = signed.number;
                    tracing::warn!(%outpoint, number, "a staker signed two lists under one number");
                    known.contradicted = true;
                }
            }
            consent => {
                *consent = Some(Consent {
                    signed,
                    contradicted: false,
                });
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
    use chain::{Awaited, DelegationStatus, StakingOutput};
    use mesh_core::consent::{Share, Target};
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

    /// What a chain tells of a stake whose staker has this secret; nothing but its keys is looked at.
    pub(in super::super) fn told(vout: u32, staker: u8) -> Delegation {
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: Vec::new(),
            output: Vec::new(),
        };
        let signature = Signature::from_slice(&[1; 64]).unwrap();
        let blocks = BlockInterval::new(100).unwrap();
        Delegation {
            staker_address: String::new(),
            staker: StakerKey(keypair(staker).x_only_public_key().0),
            finality_providers: vec![provider()],
            staking_time: blocks,
            staking_value: Amount::from_sat(1),
            staking_output: StakingOutput::Outpoint(outpoint(vout)),
            slashing_tx: tx.clone(),
            staker_slashing_signature: signature,
            covenant_slashing_signatures: Vec::new(),
            unbonding_time: blocks,
            unbonding_tx: tx.clone(),
            covenant_unbonding_signatures: Vec::new(),
            unbonding_slashing_tx: tx,
            staker_unbonding_slashing_signature: signature,
            covenant_unbonding_slashing_signatures: Vec::new(),
            params_version: 0,
            status: DelegationStatus::Active,
            bitcoin_span: None,
            awaits: Awaited::Inclusion,
            expansion: None,
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

    /// Number, share and whether it is contradicted of the one stake's newest consent.
    fn newest(book: &Book) -> Option<(u32, u16, bool)> {
        let consented = book.consented(&provider());
        let Consent {
            signed,
            contradicted,
        } = &consented.first()?.consent;
        Some((signed.number, signed.shares[0].basis_points, *contradicted))
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
            book.hand(outpoint(1), consent).unwrap();
        }
        assert_eq!(newest(&book), None);
        book.add(provider(), "x", told(1, 7));
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 1, 10)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 4, 40)).unwrap();
        assert_eq!(newest(&book), Some((4, 40, false)));
        book.hand(outpoint(1), signed(1, 7, 5, 50)).unwrap();
        assert_eq!(newest(&book), Some((5, 50, false)));
    }

    #[test]
    fn another_stakers_list_is_none_and_two_under_one_number_contradict_each_other() {
        let book = Book::default();
        book.add(provider(), "x", told(1, 7));
        book.hear(outpoint(1), signed(1, 8, 9, 90)).unwrap_err();
        book.hear(outpoint(1), signed(2, 7, 9, 90)).unwrap_err();
        assert_eq!(newest(&book), None);
        book.hear(outpoint(1), signed(1, 7, 3, 30)).unwrap();
        book.hear(outpoint(1), signed(1, 7, 3, 30)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, false)));
        book.hear(outpoint(1), signed(1, 7, 3, 31)).unwrap();
        assert_eq!(newest(&book), Some((3, 30, true)));
        book.hear(outpoint(1), signed(1, 7, 4, 40)).unwrap();
        assert_eq!(newest(&book), Some((4, 40, false)));
    }

    #[test]
    fn what_a_chain_tells_replaces_no_other_chains_account_nor_the_stakers_key() {
        let book = Book::default();
        book.add(provider(), "x", told(1, 7));
        assert!(book.has(&outpoint(1), "x") && !book.has(&outpoint(1), "y"));
        book.add(provider(), "y", told(1, 8));
        book.hear(outpoint(1), signed(1, 8, 9, 90)).unwrap_err();
        book.hear(outpoint(1), signed(1, 7, 1, 10)).unwrap();
        let consented = book.consented(&provider());
        assert_eq!(consented[0].told.len(), 2);
        assert_eq!(book.count(&provider()), 1);
        // Of a stake that is not in the book a chain's word is not kept.
        book.hear(outpoint(2), signed(2, 7, 1, 10)).unwrap();
        book.add(provider(), "x", told(2, 7));
        assert_eq!(book.consented(&provider()).len(), 1);
    }
}
