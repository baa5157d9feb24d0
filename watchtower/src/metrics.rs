//! What Prometheus sees; every series exists from the start.

use bitcoin::Amount;
use daemon::metrics::{Counter, Declaration, Gauge, Metric};

/// Tip of our Bitcoin node.
pub const BITCOIN_TIP: Metric<Gauge> =
    Metric::gauge("watcher_btc_tip_height", "Tip of our bitcoin node");

/// How far the chain's light client is behind our node.
pub const HEADER_LAG: Metric<Gauge> = Metric::gauge(
    "watcher_header_lag_blocks",
    "Bitcoin headers that the chain does not know yet",
)
.by_configured("chain");

/// Headers that the chain took.
pub const HEADERS: Metric<Counter> = Metric::counter(
    "watcher_headers_reported_total",
    "Headers taken by the chain",
)
.by_configured("chain");

/// 1 while a reorganisation is not reported because it would halt the chain.
pub const HALTING_REORG: Metric<Gauge> = Metric::gauge(
    "watcher_halting_reorg",
    "1 while a reorg is held back because it would halt the chain",
)
.by_configured("chain");

/// Newest block that was read for stakes.
pub const SCANNED: Metric<Gauge> = Metric::gauge(
    "watcher_scanned_height",
    "Newest bitcoin block read for stakes",
)
.by_configured("chain");

/// Staking outputs that are watched.
pub const TRACKED: Metric<Gauge> =
    Metric::gauge("watcher_tracked_outputs", "Staking outputs watched").by_configured("chain");

/// Stakes on Bitcoin whose inclusion is not proven yet.
pub const UNPROVEN: Metric<Gauge> = Metric::gauge(
    "watcher_unproven_stakes",
    "Verified stakes on bitcoin that the chain does not count yet",
)
.by_configured("chain");

/// Spent stakes that the chain does not know of.
pub const UNREPORTED: Metric<Gauge> = Metric::gauge(
    "watcher_unreported_unbondings",
    "Spent stakes that the chain does not know of yet",
)
.by_configured("chain");

/// Inclusion proofs that the chain took.
pub const ACTIVATED: Metric<Counter> = Metric::counter(
    "watcher_activations_reported_total",
    "Inclusion proofs taken by the chain",
)
.by_configured("chain");

/// Spends that the chain took.
pub const UNBONDED: Metric<Counter> = Metric::counter(
    "watcher_unbondings_reported_total",
    "Spends of stakes taken by the chain",
)
.by_configured("chain");

/// What the checkpoint wallet can spend.
pub const SPENDABLE: Metric<Gauge> = Metric::gauge(
    "watcher_wallet_spendable_sat",
    "What the checkpoint wallet can spend",
);

/// Sealed epochs that are not reported to be on Bitcoin.
pub const SEALED: Metric<Gauge> = Metric::gauge(
    "watcher_sealed_epochs",
    "Sealed epochs that are not reported to be on bitcoin",
);

/// Checkpoint proofs that the chain took.
pub const CHECKPOINTS: Metric<Counter> = Metric::counter(
    "watcher_checkpoints_reported_total",
    "Checkpoint proofs taken by the chain",
);

/// Fees of checkpoint transactions.
pub const FEES: Metric<Counter> = Metric::counter(
    "watcher_checkpoint_fees_sat_total",
    "Fees of checkpoint transactions, in satoshi",
);

/// Slashing transactions that are not final.
pub const SLASHING_UNCONFIRMED: Metric<Gauge> = Metric::gauge(
    "watcher_slashing_tx_unconfirmed",
    "Slashing transactions that are not final yet",
)
.by_configured("chain");

/// Slashing transactions sent, again after a reorg or a drop included.
pub const SLASHINGS: Metric<Counter> = Metric::counter(
    "watcher_slashing_tx_sent_total",
    "Slashing transactions sent to bitcoin",
)
.by_configured("chain");

/// What the upkeep of partner chains sent.
pub const UPKEEP: Metric<Counter> = Metric::counter(
    "watcher_upkeep_sent_total",
    "Messages of a partner chain's upkeep that it took",
)
.by_configured("chain");

/// Keys shown to a chain that did not know of them.
pub const KEYS_SHOWN: Metric<Counter> = Metric::counter(
    "watcher_keys_shown_total",
    "Keys of finality providers shown to a chain that did not know them",
)
.by_configured("chain");

/// Items given up on.
pub const PARKED: Metric<Gauge> = Metric::gauge("watcher_parked_items", "Items given up on");

/// All of them.
pub const METRICS: &[&dyn Declaration] = &[
    &BITCOIN_TIP,
    &HEADER_LAG,
    &HEADERS,
    &HALTING_REORG,
    &SCANNED,
    &TRACKED,
    &UNPROVEN,
    &UNREPORTED,
    &ACTIVATED,
    &UNBONDED,
    &SPENDABLE,
    &SEALED,
    &CHECKPOINTS,
    &FEES,
    &SLASHING_UNCONFIRMED,
    &SLASHINGS,
    &UPKEEP,
    &KEYS_SHOWN,
    &PARKED,
];

/// Lets every series of a chain exist from the start.
pub fn register_chain(name: &str) {
    for gauge in [
        HEADER_LAG,
        HALTING_REORG,
        SCANNED,
        TRACKED,
        UNPROVEN,
        UNREPORTED,
        SLASHING_UNCONFIRMED,
    ] {
        gauge.register_for(name);
    }
    for counter in [HEADERS, ACTIVATED, UNBONDED, SLASHINGS, UPKEEP, KEYS_SHOWN] {
        counter.register_for(name);
    }
}

/// An amount as a gauge takes it: satoshi.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is read to a few digits"
)]
pub fn satoshi(amount: Amount) -> f64 {
    amount.to_sat() as f64
}

/// A number of things as a gauge takes it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is read to a few digits"
)]
pub fn count(things: usize) -> f64 {
    things as f64
}
