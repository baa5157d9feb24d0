//! What the program counts. All series are present from the start; labels are rule names that are known here.

use daemon::metrics::{Counter, Declaration, Gauge, Histogram, Metric};

use crate::service::Status;

/// The rules by which delegations are refused most; any other counts as `other`.
const RULES: &[&str] = &[
    "duplicate-key",
    "expansion",
    "finality-providers",
    "malformed-request",
    "not-a-member",
    "params",
    "rejected-by-chain",
    "second-slashing",
    "second-unbonding",
    "slashing-amount",
    "slashing-change-script",
    "slashing-fee",
    "slashing-outpoint",
    "slashing-outputs",
    "slashing-script",
    "slashing-unknown",
    "staker-slashing-signature",
    "staker-unbonding-slashing-signature",
    "staking-output-missing",
    "staking-time",
    "staking-value",
    "unbonding-fee",
    "unbonding-outpoint",
    "unbonding-outputs",
    "unbonding-script",
    "unbonding-slashing-amount",
    "unbonding-slashing-change-script",
    "unbonding-slashing-fee",
    "unbonding-slashing-outpoint",
    "unbonding-slashing-outputs",
    "unbonding-slashing-script",
    "unbonding-time",
    "unknown-params",
    "unreadable",
    "untrusted-params",
];

/// Delegations whose signatures the chain took.
pub const SIGNED: Metric<Counter> = Metric::counter(
    "covenant_signed_total",
    "Delegations whose signatures the chain took",
);

/// Delegations that were parked.
pub const REJECTED: Metric<Counter> = Metric::counter(
    "covenant_rejected_total",
    "Delegations that are not signed, by rule",
)
.by("reason", RULES);

/// Refusals of the signer.
pub const POLICY_DENIED: Metric<Counter> = Metric::counter(
    "covenant_policy_denied_total",
    "Requests the signer refused, by rule",
)
.by("rule", RULES);

/// Time at the signer.
pub const SIGN_SECONDS: Metric<Histogram> = Metric::histogram(
    "covenant_sign_seconds",
    "Time from asking the signer to its answer",
    &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0],
);

/// Signatures that did not reach the chain.
pub const SUBMISSIONS_FAILED: Metric<Counter> = Metric::counter(
    "covenant_submissions_failed_total",
    "Delegations whose signatures did not land at the first try, by cause",
)
.by("cause", &["rejected", "not-delivered"]);

/// Delegations signed for stakers that asked directly.
pub const STAKERS_SIGNED: Metric<Counter> = Metric::counter(
    "covenant_stakers_signed_total",
    "Delegations signed for stakers that asked directly",
);

/// Delegations of such stakers that were refused.
pub const STAKERS_REFUSED: Metric<Counter> = Metric::counter(
    "covenant_stakers_refused_total",
    "Delegations that stakers asked for directly and that are not signed, by rule",
)
.by("rule", RULES);

/// Requests of such stakers that a limit turned away.
pub const STAKERS_LIMITED: Metric<Counter> = Metric::counter(
    "covenant_stakers_limited_total",
    "Requests of stakers that a limit turned away, by limit",
)
.by(
    "limit",
    &["requests", "requests-of-address", "staker", "overall"],
);

const PENDING: Metric<Gauge> = Metric::gauge(
    "covenant_pending_delegations",
    "Delegations that the chain lists as pending, ours or not",
);
const OLDEST: Metric<Gauge> = Metric::gauge(
    "covenant_pending_oldest_age_seconds",
    "How long the oldest delegation has waited for our signatures",
);
const PARKED: Metric<Gauge> = Metric::gauge(
    "covenant_parked_delegations",
    "Delegations that are not signed",
);
const BUSY: Metric<Gauge> = Metric::gauge(
    "covenant_busy_delegations",
    "Delegations being signed or submitted",
);
const BALANCE: Metric<Gauge> = Metric::gauge(
    "covenant_fee_account_balance",
    "Coins of the fee account, in the smallest unit of the fee denomination",
);

/// All metrics of the program.
pub const METRICS: &[&dyn Declaration] = &[
    &SIGNED,
    &REJECTED,
    &POLICY_DENIED,
    &SIGN_SECONDS,
    &SUBMISSIONS_FAILED,
    &STAKERS_SIGNED,
    &STAKERS_REFUSED,
    &STAKERS_LIMITED,
    &PENDING,
    &OLDEST,
    &PARKED,
    &BUSY,
    &BALANCE,
];

/// Sets the gauges from a picture of the service.
pub fn show(status: &Status) {
    if let Some(pass) = status.last_pass {
        PENDING.set(as_sample(pass.pending.into()));
    }
    OLDEST.set(as_sample(status.longest_wait_seconds.into()));
    PARKED.set(as_sample(status.parked as u128));
    BUSY.set(as_sample(status.busy as u128));
}

/// Sets the balance of the fee account.
pub fn show_balance(balance: u128) {
    BALANCE.set(as_sample(balance));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sample's last digits do not matter"
)]
fn as_sample(number: u128) -> f64 {
    number as f64
}
