//! What Prometheus sees. Every series exists from the start, by provider name.

use daemon::metrics::{Counter, Declaration, Gauge, Metric};

use crate::provider::{NextTable, ProviderStatus, Standing};
use crate::reporting::ReportingStatus;

const LABEL: &str = "provider";

/// Votes that the chain has taken.
pub const VOTES: Metric<Counter> =
    Metric::counter("fp_votes_submitted_total", "Votes taken by the chain").by_configured(LABEL);

/// Votes that were due and will never be taken.
pub const VOTES_LOST: Metric<Counter> = Metric::counter(
    "fp_votes_lost_total",
    "Votes that were due and that chain or signer refused for good",
)
.by_configured(LABEL);

/// Signatures that would have been a second one at their height: the node shows another block than was signed.
pub const DOUBLE_SIGN_REFUSED: Metric<Counter> = Metric::counter(
    "fp_double_sign_refused_total",
    "Second signatures at one height that the signer refused",
)
.by_configured(LABEL);

/// Heights up to the tip that are not dealt with.
pub const VOTE_LAG: Metric<Gauge> = Metric::gauge(
    "fp_vote_lag_blocks",
    "Heights up to the tip that the provider has not dealt with",
)
.by_configured(LABEL);

/// Missed votes in the chain's window.
pub const MISSED: Metric<Gauge> = Metric::gauge(
    "fp_votes_missed_window",
    "Votes missed in the chain's present window; too many jail the provider",
)
.by_configured(LABEL);

/// When the chain last took a vote.
pub const LAST_VOTE: Metric<Gauge> = Metric::gauge(
    "fp_last_vote_timestamp_seconds",
    "When the chain last took a vote, in seconds since 1970; 0 before the first",
)
.by_configured(LABEL);

/// Covered heights above the tip.
pub const RUNWAY: Metric<Gauge> = Metric::gauge(
    "fp_randomness_runway_blocks",
    "Heights above the tip with public randomness",
)
.by_configured(LABEL);

/// Voting power in satoshi.
pub const POWER: Metric<Gauge> = Metric::gauge(
    "fp_voting_power_sat",
    "Voting power at the newest height looked at",
)
.by_configured(LABEL);

/// Balance of the account that pays fees.
pub const FEE_BALANCE: Metric<Gauge> = Metric::gauge(
    "fp_fee_account_balance_ubbn",
    "Balance of the provider's account in the fee denomination's smallest unit",
)
.by_configured(LABEL);

/// 1 while the provider is jailed.
pub const JAILED: Metric<Gauge> =
    Metric::gauge("fp_jailed", "1 while the provider is jailed").by_configured(LABEL);

/// Until when it is jailed.
pub const JAILED_UNTIL: Metric<Gauge> = Metric::gauge(
    "fp_jailed_until_seconds",
    "Until when the provider stays jailed at least, in seconds since 1970; 0 while it is not",
)
.by_configured(LABEL);

/// 1 once the provider is slashed.
pub const SLASHED: Metric<Gauge> =
    Metric::gauge("fp_slashed", "1 once the provider is slashed").by_configured(LABEL);

/// 1 while no vote hands over to the next table.
pub const TABLE_DIFFERS: Metric<Gauge> = Metric::gauge(
    "fp_next_table_differs",
    "1 while votes are withheld because the next table differs from what the own Bitcoin node says",
)
.by_configured(LABEL);

/// How much of a table differs.
pub const TABLE_DEVIATION: Metric<Gauge> = Metric::gauge(
    "fp_next_table_deviation_ratio",
    "Part of the newest table compared that differs from what the own Bitcoin node says",
)
.by_configured(LABEL);

/// Highest height that a key may have signed.
pub const SIGNED_TO: Metric<Gauge> = Metric::gauge(
    "signer_watermark_height",
    "Highest height that the provider's key may have signed here",
)
.by_configured(LABEL);

/// Messages about stakes that a chain took.
pub const REPORTED: Metric<Counter> = Metric::counter(
    "fp_reported_total",
    "Messages about stakes that the chain took from the provider",
)
.by_configured(LABEL);

/// Stakes of which the chain is to be shown something now.
pub const UNREPORTED: Metric<Gauge> = Metric::gauge(
    "fp_stakes_unreported",
    "Stakes of which the chain is to be shown something now",
)
.by_configured(LABEL);

/// Stakes that were given up on.
pub const PARKED: Metric<Gauge> = Metric::gauge(
    "fp_stakes_parked",
    "Stakes that the chain refuses and that were given up on",
)
.by_configured(LABEL);

/// Metrics of a process that votes.
pub const METRICS: &[&dyn Declaration] = &[
    &VOTES,
    &VOTES_LOST,
    &DOUBLE_SIGN_REFUSED,
    &VOTE_LAG,
    &MISSED,
    &LAST_VOTE,
    &RUNWAY,
    &POWER,
    &FEE_BALANCE,
    &JAILED,
    &JAILED_UNTIL,
    &SLASHED,
    &TABLE_DIFFERS,
    &TABLE_DEVIATION,
    &SIGNED_TO,
    &REPORTED,
    &UNREPORTED,
    &PARKED,
];

/// Metrics of a process that only signs.
pub const SIGNER_METRICS: &[&dyn Declaration] = &[&SIGNED_TO];

/// Makes a provider's series present.
pub fn register(provider: &str) {
    for counter in [VOTES, VOTES_LOST, DOUBLE_SIGN_REFUSED, REPORTED] {
        counter.register_for(provider);
    }
    for gauge in [
        VOTE_LAG,
        MISSED,
        LAST_VOTE,
        RUNWAY,
        POWER,
        FEE_BALANCE,
        JAILED,
        JAILED_UNTIL,
        SLASHED,
        UNREPORTED,
        PARKED,
        TABLE_DIFFERS,
        TABLE_DEVIATION,
    ] {
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
    let is = |standing| f64::from(u8::from(status.standing == standing));
    let balance = status.fee_balance.as_deref().unwrap_or("0");
    let table = status.next_table.as_ref();
    let stakes = |count: fn(&ReportingStatus) -> usize| {
        status.reporting.as_ref().map_or(0.0, |it| count(it) as f64)
    };
    let deviation =
        |table: &NextTable| (table.unbacked as f64 + table.removed as f64) / table.total as f64;
    for (gauge, value) in [
        (VOTE_LAG, status.lag as f64),
        (MISSED, status.missed_in_window.unwrap_or(0) as f64),
        (LAST_VOTE, status.last_vote_at.unwrap_or(0) as f64),
        (RUNWAY, status.runway as f64),
        (POWER, status.power as f64),
        (FEE_BALANCE, balance.parse().unwrap_or(0.0)),
        (JAILED, is(Standing::Jailed)),
        (JAILED_UNTIL, status.jailed_until.unwrap_or(0) as f64),
        (SLASHED, is(Standing::Slashed)),
        (UNREPORTED, stakes(|reporting| reporting.waiting)),
        (PARKED, stakes(|reporting| reporting.parked)),
        (
            TABLE_DIFFERS,
            f64::from(u8::from(table.is_some_and(|table| !table.agrees))),
        ),
        (TABLE_DEVIATION, table.map_or(0.0, deviation)),
    ] {
        gauge.set_for(name, value);
    }
}
