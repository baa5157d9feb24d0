//! Bitcoin's header rules, as the secured chain's light client applies them (spec 5.2).
//!
//! A [`Tip`] is the newest header of a chain together with the little that the rules need of its predecessors: up to
//! eleven timestamps, the time at which its difficulty period began, and the work so far. [`Tip::extend`] judges the
//! next header and answers with the next tip; nothing is stored or looked up. A fork is judged by extending the tip
//! of its parent ([`Tip::restore`]); it wins only with strictly more [`Tip::work`] than the present tip.
//!
//! Not covered: the rule of the public test networks 3 and 4 that allows a block of least difficulty after twenty
//! minutes (their headers are refused, [`HeaderRules::new`]); the signature of signet blocks (BIP-0325), which is in
//! the coinbase; and timestamps in the future, which the light client accepts as well.

use bitcoin::block::Header;
use bitcoin::consensus::Params;
use bitcoin::{BlockHash, CompactTarget, Network, Target, Work};

use crate::units::BitcoinHeight;

/// Number of blocks between two adjustments of the difficulty.
pub const PERIOD: u32 = 2016;

/// Number of timestamps of which a header's must exceed the median.
pub const MEDIAN_TIMES: usize = 11;

/// The rules of one Bitcoin network.
#[derive(Debug, Clone)]
pub struct HeaderRules(Params);

/// A network whose headers these rules cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "headers of {0} follow a difficulty rule that is not supported; use bitcoin, signet or regtest"
)]
pub struct UnsupportedNetwork(pub Network);

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It does not build on the tip.
    #[error("header {hash} builds on {previous}, not on the tip {tip}")]
    Parent {
        /// The refused header.
        hash: BlockHash,
        /// What it names as its parent.
        previous: BlockHash,
        /// The tip.
        tip: BlockHash,
    },
    /// Its difficulty is not the prescribed one.
    #[error(
        "header {hash} at height {height} has difficulty bits {found:#010x}, the rules ask for {required:#010x}"
    )]
    Difficulty {
        /// The refused header.
        hash: BlockHash,
        /// Its height.
        height: BitcoinHeight,
        /// Its bits.
        found: u32,
        /// The bits it must have.
        required: u32,
    },
    /// Its hash does not meet its own target, or that target is easier than the network's limit.
    #[error("header {hash} does not meet the proof of work of its difficulty bits {bits:#010x}")]
    ProofOfWork {
        /// The refused header.
        hash: BlockHash,
        /// Its bits.
        bits: u32,
    },
    /// It is not later than the median of its predecessors.
    #[error(
        "header {hash} has time {time}, which must be after {median}, the median of the last {MEDIAN_TIMES} headers"
    )]
    Time {
        /// The refused header.
        hash: BlockHash,
        /// Its time, seconds since 1970.
        time: u32,
        /// The median of its predecessors' times.
        median: u32,
    },
    /// Its version is older than what was required from a height below its own on.
    #[error(
        "header {hash} at height {height} has version {version}, at least {required} is required there"
    )]
    Version {
        /// The refused header.
        hash: BlockHash,
        /// Its height.
        height: BitcoinHeight,
        /// Its version.
        version: i32,
        /// The least version.
        required: i32,
    },
    /// A base header that does not begin a difficulty period.
    #[error(
        "the base header's height {0} is no multiple of {PERIOD}, so the next difficulty could not be computed"
    )]
    BaseHeight(BitcoinHeight),
    /// Stored headers that do not end in one chain of the stated height.
    #[error("the stored headers before height {0} are missing or do not build on each other")]
    Window(BitcoinHeight),
    /// Above the largest height.
    #[error("no header can follow height {0}")]
    HeightOverflow(BitcoinHeight),
}

impl HeaderRules {
    /// The rules of `network`.
    ///
    /// # Errors
    ///
    /// Refuses the networks with the twenty-minute rule (testnet 3 and 4).
    pub fn new(network: Network) -> Result<Self, UnsupportedNetwork> {
        match network {
            Network::Bitcoin | Network::Signet | Network::Regtest => Ok(Self(Params::new(network))),
            other => Err(UnsupportedNetwork(other)),
        }
    }

    /// The version that a header at `height` must have at least (BIP-0034, BIP-0066, BIP-0065).
    fn least_version(&self, height: BitcoinHeight) -> i32 {
        match height.0 {
            height if height >= self.0.bip65_height => 4,
            height if height >= self.0.bip66_height => 3,
            height if height >= self.0.bip34_height => 2,
            _ => i32::MIN,
        }
    }

    /// Checks that the hash of `header` meets its own target, and that this is not easier than the network's limit.
    ///
    /// # Errors
    ///
    /// Answers [`HeaderError::ProofOfWork`] otherwise.
    pub fn check_proof_of_work(&self, header: &Header) -> Result<(), HeaderError> {
        let target = header.target();
        let hash = header.block_hash();
        if target > Target::ZERO && target <= self.0.max_attainable_target && target.is_met_by(hash)
        {
            Ok(())
        } else {
            Err(HeaderError::ProofOfWork {
                hash,
                bits: header.bits.to_consensus(),
            })
        }
    }
}

/// The newest header of a chain, with what is needed to judge the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    height: BitcoinHeight,
    header: Header,
    work: Work,
    period_start_time: u32,
    /// Of the tip and its predecessors, oldest first, at most [`MEDIAN_TIMES`].
    recent_times: Vec<u32>,
}

impl Tip {
    /// Starts a chain with a trusted header; its work is counted from this one on.
    ///
    /// # Errors
    ///
    /// Refuses a height that is no multiple of [`PERIOD`], and a header without its proof of work: the mark of
    /// another network's header.
    pub fn base(
        rules: &HeaderRules,
        height: BitcoinHeight,
        header: Header,
    ) -> Result<Self, HeaderError> {
        if height.0 % PERIOD != 0 {
            return Err(HeaderError::BaseHeight(height));
        }
        rules.check_proof_of_work(&header)?;
        Ok(Self {
            height,
            header,
            work: header.work(),
            period_start_time: header.time,
            recent_times: vec![header.time],
        })
    }

    /// Takes up a chain at a header that was accepted before.
    ///
    /// `recent` are the last headers up to and with the one at `height`, oldest first: eleven, or all there are
    /// since the base. `period_start_time` is that of the header at the last multiple of [`PERIOD`]. Their own validity is
    /// not judged again.
    ///
    /// # Errors
    ///
    /// Refuses headers that do not build on each other.
    pub fn restore(
        height: BitcoinHeight,
        work: Work,
        period_start_time: u32,
        recent: &[Header],
    ) -> Result<Self, HeaderError> {
        let linked = recent
            .iter()
            .zip(recent.iter().skip(1))
            .all(|(parent, child)| child.prev_blockhash == parent.block_hash());
        let Some(header) = recent.last().filter(|_| linked) else {
            return Err(HeaderError::Window(height));
        };
        let surplus = recent.len().saturating_sub(MEDIAN_TIMES);
        Ok(Self {
            height,
            header: *header,
            work,
            period_start_time,
            recent_times: recent
                .iter()
                .skip(surplus)
                .map(|header| header.time)
                .collect(),
        })
    }

    /// Height of the tip.
    pub fn height(&self) -> BitcoinHeight {
        self.height
    }

    /// The newest header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its hash.
    pub fn hash(&self) -> BlockHash {
        self.header.block_hash()
    }

    /// Work of the chain from its base to here, both included.
    pub fn work(&self) -> Work {
        self.work
    }

    /// The time that the next header must exceed, seconds since 1970.
    pub fn median_time_past(&self) -> u32 {
        let mut times = self.recent_times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    /// The difficulty bits that the next header must have.
    pub fn required_bits(&self, rules: &HeaderRules) -> CompactTarget {
        let begins_period = self.height.0 % PERIOD == PERIOD - 1;
        if !begins_period {
            return self.header.bits;
        }
        // A period that seems to run backwards counts as one of no time; the rule then clamps it.
        let timespan = self.header.time.saturating_sub(self.period_start_time);
        CompactTarget::from_next_work_required(self.header.bits, timespan.into(), &rules.0)
    }

    /// Judges the next header and answers with the tip it makes.
    ///
    /// # Errors
    ///
    /// Names the first rule that the header breaks.
    pub fn extend(&self, rules: &HeaderRules, header: Header) -> Result<Self, HeaderError> {
        let hash = header.block_hash();
        let height = self
            .height
            .checked_add(1)
            .ok_or(HeaderError::HeightOverflow(self.height))?;
        if header.prev_blockhash != self.hash() {
            let previous = header.prev_blockhash;
            return Err(HeaderError::Parent {
                hash,
                previous,
                tip: self.hash(),
            });
        }
        let required = self.required_bits(rules);
        if header.bits != required {
            return Err(HeaderError::Difficulty {
                hash,
                height,
                found: header.bits.to_consensus(),
                required: required.to_consensus(),
            });
        }
        rules.check_proof_of_work(&header)?;
        let median = self.median_time_past();
        if header.time <= median {
            return Err(HeaderError::Time {
                hash,
                time: header.time,
                median,
            });
        }
        let least = rules.least_version(height);
        let version = header.version.to_consensus();
        if version < least {
            return Err(HeaderError::Version {
                hash,
                height,
                version,
                required: least,
            });
        }
        Ok(self.followed_by(height, header))
    }

    fn followed_by(&self, height: BitcoinHeight, header: Header) -> Self {
        let surplus = (self.recent_times.len() + 1).saturating_sub(MEDIAN_TIMES);
        let mut recent_times: Vec<u32> = self.recent_times.iter().copied().skip(surplus).collect();
        recent_times.push(header.time);
        let begins_period = height.0 % PERIOD == 0;
        Self {
            height,
            header,
            // Cannot overflow: every summand was paid for with as many hashes.
            work: self.work + header.work(),
            period_start_time: if begins_period {
                header.time
            } else {
                self.period_start_time
            },
            recent_times,
        }
    }
}
