//! Reporting stake into the mesh: what one chain knows of a provider's stakes, or their stakers handed over, is shown to the
//! chains whose share in them their stakers have consented to.
//!
//! ```text
//!  each chain: stakes, signatures, consents ──(source)──> book <──(consents)── files that stakers handed over
//!                own Bitcoin node ──confirms──┘            │
//!                                                          └──(decision)──> reporter ──> each partner chain
//! ```
//!
//! Each provider has one task for each chain, which reads its chain into the book that all share, and shows its chain
//! what is in there. Tasks share nothing else, so a chain that is down or lies delays no other, and votes are cast
//! elsewhere. Nothing is believed that a chain or a file says of a stake: Bitcoin must have the output that follows from the keys,
//! and every signature is verified before it is passed on. There is nothing on disk but what was given up on: after a
//! restart everything is read anew, and what a chain knows already is not shown to it again.

mod book;
mod consents;
mod decision;
mod proof;
mod ready;
mod reporter;
mod source;
mod status;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::{Bitcoind, SourceError};
use chain::{ChainError, Connected};
use daemon::attempts::Attempts;
use daemon::output::{CommandError, Exit};
use daemon::service::Service;
use staking::keys::FinalityProviderKey;
use tracing::Span;

pub use reporter::Reporter;
pub use status::ReportingStatus;

use crate::config::ReportingConfig;
use crate::provider::{StatusCell, spawn};
use book::Book;
use consents::ConsentFolder;

/// After so many failures in a row one more is the last, within about three minutes.
const MOST_FAILURES: u32 = 5;

/// Where stakers' consents are put.
fn consents(home: &Path) -> PathBuf {
    home.join("consents")
}

/// What was given up on, one file each.
pub fn parked(home: &Path) -> PathBuf {
    home.join("data").join("parked")
}

/// What all reporting tasks of a process share.
#[derive(Clone)]
pub struct Reporting {
    bitcoin: Arc<Bitcoind>,
    book: Book,
    interval: Duration,
    parked: PathBuf,
}

/// One provider on one chain.
pub struct Seat {
    /// What logs and metrics call it.
    pub name: String,
    /// The provider.
    pub provider: FinalityProviderKey,
    /// The chain, with the account that votes there: it has one sender.
    pub connected: Connected,
    /// Where it is told how reporting goes.
    pub status: StatusCell,
}

/// Why a round of reporting ended early; the next one tries again. What fails for one stake only is not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportingError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The Bitcoin node.
    #[error(transparent)]
    Bitcoin(#[from] SourceError),
    /// The list of what was given up on, or the folder of consents.
    #[error("reporting: {0}")]
    File(#[from] std::io::Error),
}

impl Reporting {
    /// Prepares to report, and begins to read the folder of consents.
    pub fn begin(
        service: &Service,
        bitcoin: Arc<Bitcoind>,
        config: &ReportingConfig,
        home: &Path,
    ) -> Self {
        let reporting = Self {
            bitcoin,
            book: Book::default(),
            interval: config.interval(),
            parked: parked(home),
        };
        let folder = ConsentFolder::new(consents(home), reporting.book.clone(), reporting.interval);
        let name = "consents";
        let health = service.dependency(name);
        spawn(
            service.supervisor(),
            Span::none(),
            name.to_owned(),
            health,
            folder,
        );
        reporting
    }

    /// The task of one provider on one chain.
    ///
    /// # Errors
    ///
    /// Fails where the list of what was given up on cannot be read.
    pub fn reporter(&self, seat: Seat) -> Result<Reporter, CommandError> {
        let kind = format!("stake-{}", seat.name.replace('@', "-"));
        let attempts = Attempts::open(&self.parked, kind).map_err(|error| {
            let message = format!("{}: {error}", self.parked.display());
            CommandError::new(Exit::Failed, "parked-unreadable", message)
        })?;
        Ok(Reporter::new(
            seat,
            Arc::clone(&self.bitcoin),
            self.book.clone(),
            attempts.giving_up_after(MOST_FAILURES),
            self.interval,
        ))
    }
}
