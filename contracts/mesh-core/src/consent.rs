//! A staker's consent: which chains may count which share of one stake, and where its rewards go.

use crate::Domain;
use crate::hash::{short_text, tagged};
use crate::registration::WHOLE;

/// Most chains among which one stake is shared.
pub const MAX_SHARES: usize = 16;

/// Whom a share is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target([u8; 32]);

impl Target {
    /// An instance of our contract.
    pub const fn instance(domain: &Domain) -> Self {
        Self(*domain.as_bytes())
    }

    /// A chain that runs Babylon's modules.
    pub fn babylon(chain_id: &str) -> Self {
        Self(tagged("btc-mesh/1/babylon", chain_id.as_bytes()))
    }

    /// Takes the 32 bytes as they travel.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One target's part of a stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who may count it.
    pub target: Target,
    /// How much of the stake, in basis points.
    pub basis_points: u16,
    /// Where its rewards go, an address of the target's chain.
    pub reward_address: String,
}

/// A numbered list of shares of the stake at one outpoint. A higher number replaces a lower one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    seq: u32,
    shares: Vec<Share>,
    digest: [u8; 32],
}

/// A list that is no consent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// None or too many.
    #[error("a consent has {0} shares, it must have 1 to {MAX_SHARES}")]
    Count(usize),
    /// Two lists with the same content must be the same bytes.
    #[error("the targets of a consent must be strictly ascending, the one at position {0} is not")]
    Order(usize),
    /// A share of nothing or of more than everything.
    #[error(
        "the share at position {position} is {basis_points} basis points, it must be 1 to {WHOLE}"
    )]
    Share {
        /// Which one.
        position: usize,
        /// What it says.
        basis_points: u16,
    },
    /// More than the whole stake.
    #[error("the shares add up to {0} basis points, more than the whole stake ({WHOLE})")]
    Sum(u32),
    /// A reward address that is empty or too long.
    #[error("the reward address at position {position} is {length} bytes, it must be 1 to 255")]
    RewardAddress {
        /// Which one.
        position: usize,
        /// Its length.
        length: usize,
    },
}

impl Consent {
    /// A consent for the stake at `txid` (internal byte order) and `vout`.
    ///
    /// # Errors
    ///
    /// Names the first rule that the list breaks.
    pub fn new(
        txid: &[u8; 32],
        vout: u32,
        seq: u32,
        shares: Vec<Share>,
    ) -> Result<Self, ConsentError> {
        let count = u16::try_from(shares.len())
            .ok()
            .filter(|_| (1..=MAX_SHARES).contains(&shares.len()))
            .ok_or(ConsentError::Count(shares.len()))?;
        let mut bytes = [
            txid.as_slice(),
            &vout.to_be_bytes(),
            &seq.to_be_bytes(),
            &count.to_be_bytes(),
        ]
        .concat();
        let mut before: Option<Target> = None;
        let mut sum: u32 = 0;
        for (position, share) in shares.iter().enumerate() {
            if before.is_some_and(|before| before >= share.target) {
                return Err(ConsentError::Order(position));
            }
            before = Some(share.target);
            let basis_points = share.basis_points;
            if basis_points == 0 || basis_points > WHOLE {
                return Err(ConsentError::Share {
                    position,
                    basis_points,
                });
            }
            sum = sum.saturating_add(basis_points.into());
            let address = short_text(&share.reward_address)
                .filter(|_| !share.reward_address.is_empty())
                .ok_or(ConsentError::RewardAddress {
                    position,
                    length: share.reward_address.len(),
                })?;
            bytes.extend_from_slice(share.target.as_bytes());
            bytes.extend_from_slice(&basis_points.to_be_bytes());
            bytes.extend_from_slice(&address);
        }
        if sum > WHOLE.into() {
            return Err(ConsentError::Sum(sum));
        }
        Ok(Self {
            seq,
            shares,
            digest: tagged("btc-mesh/1/consent", &bytes),
        })
    }

    /// Its number.
    pub const fn seq(&self) -> u32 {
        self.seq
    }

    /// What the staker signs (BIP-0340).
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The share for a target, where there is one.
    pub fn share_of(&self, target: &Target) -> Option<&Share> {
        self.shares.iter().find(|share| share.target == *target)
    }

    /// Whether the two were signed under one number for different lists: proof that the staker deceives somebody.
    ///
    /// Both must be for the same stake; then it is the signatures that make it a proof.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.seq == other.seq && self.digest != other.digest
    }
}
