//! What Prometheus sees. Every series exists from the start, by provider name.

use daemon::metrics::{Counter, Declaration, Gauge, Metric};

use crate::provider::{ProviderStatus, Standing};

const LABEL: &str = "provider";

/// Votes that the chain has taken.
pub const VOTES: Metric<Counter> =
    Metric::counter("fp_votes_submitted_total", "Votes taken by the chain").by_configured(LABEL);

/// Votes that the chain refused and that were needed.
pub const VOTES_LOST: Metric<Counter> =
    Metric::counter("fp_votes_refused_total", "Votes refused by the chain").by_configured(LABEL);

/// Signatures that the signer refused: each would have been a second one at its height, or the record failed.
pub const SIGNATURES_REFUSED: Metric<Counter> = Metric::counter(
    "fp_double_sign_refused_total",
    "Signatures refused by the signing record",
)
.by_configured(LABEL);

/// Covered heights above the tip.
pub const RUNWAY: Metric<Gauge> = Metric::gauge(
    "fp_randomness_runway_blocks",
    "Heights above the tip with public randomness",
)
.by_configured(LABEL);

/// How far the newest vote is below the tip.
pub const VOTE_LAG: Metric<Gauge> = Metric::gauge(
    "fp_vote_lag_blocks",
    "Blocks between the tip and the newest vote",
)
.by_configured(LABEL);

/// Voting power in satoshi.
pub const POWER: Metric<Gauge> = Metric::gauge(
    "fp_voting_power_sat",
    "Voting power at the newest height looked at",
)
.by_configured(LABEL);

/// 1 while the provider is jailed.
pub const JAILED: Metric<Gauge> =
    Metric::gauge("fp_jailed", "1 while the provider is jailed").by_configured(LABEL);

/// 1 once the provider is slashed.
pub const SLASHED: Metric<Gauge> =
    Metric::gauge("fp_slashed", "1 once the provider is slashed").by_configured(LABEL);

/// All of them.
pub const METRICS: &[&dyn Declaration] = &[
    &VOTES,
    &VOTES_LOST,
    &SIGNATURES_REFUSED,
    &RUNWAY,
    &VOTE_LAG,
    &POWER,
    &JAILED,
    &SLASHED,
];

/// Makes a provider's series present.
pub fn register(provider: &str) {
    VOTES.register_for(provider);
    VOTES_LOST.register_for(provider);
    SIGNATURES_REFUSED.register_for(provider);
    for gauge in [RUNWAY, VOTE_LAG, POWER, JAILED, SLASHED] {
        gauge.register_for(provider);
    }
}

/// Shows a provider's status.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is read to a few digits"
)]
pub fn show(status: &ProviderStatus) {
    let name = status.name.as_str();
    let lag = status
        .last_vote
        .map_or(0, |vote| status.tip.0.saturating_sub(vote.0));
    RUNWAY.set_for(name, status.runway as f64);
    VOTE_LAG.set_for(name, lag as f64);
    POWER.set_for(name, status.power as f64);
    JAILED.set_for(
        name,
        f64::from(u8::from(status.standing == Standing::Jailed)),
    );
    SLASHED.set_for(
        name,
        f64::from(u8::from(status.standing == Standing::Slashed)),
    );
}
