//! Why a node refused a transaction.

/// A refusal in the node's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused by the bitcoin node (code {code}): {reason}")]
pub struct Rejection {
    /// Bitcoin Core's RPC error code; refusals found by `testmempoolaccept` carry -26, as a broadcast would.
    pub code: i32,
    /// Its words, such as `non-BIP68-final`.
    pub reason: String,
}

/// What a refusal means for whoever sent the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The transaction is in the mempool or in a block already.
    AlreadyKnown,
    /// An input does not exist or is spent by a confirmed transaction.
    MissingInputs,
    /// It conflicts with a mempool transaction and does not pay enough to replace it, or may not (BIP-0125).
    ReplacementRefused,
    /// A timelock has not been reached; it will be.
    NotFinal,
    /// The node's mempool asks for a higher fee rate at present.
    FeeTooLow,
    /// The fee is above the node's limit against mistakes.
    FeeTooHigh,
    /// More is burnt in unspendable outputs than the sender allowed.
    BurnTooLarge,
    /// Too many unconfirmed ancestors or descendants.
    TooManyUnconfirmed,
    /// An output is below the dust limit.
    Dust,
    /// A script, signature or witness is wrong.
    InvalidScript,
    /// Anything else: read the reason.
    Other,
}

/// Bitcoin Core's `RPC_VERIFY_ALREADY_IN_UTXO_SET`.
const ALREADY_IN_UTXO_SET: i32 = -27;

/// Beginnings and parts of Bitcoin Core's reasons; the first that is contained decides.
const REASONS: &[(&str, RejectionKind)] = &[
    ("txn-already-known", RejectionKind::AlreadyKnown),
    ("txn-already-in-mempool", RejectionKind::AlreadyKnown),
    (
        "txn-same-nonwitness-data-in-mempool",
        RejectionKind::AlreadyKnown,
    ),
    ("missing-inputs", RejectionKind::MissingInputs),
    ("missingorspent", RejectionKind::MissingInputs),
    ("txn-mempool-conflict", RejectionKind::ReplacementRefused),
    ("replacement", RejectionKind::ReplacementRefused),
    ("insufficient fee", RejectionKind::ReplacementRefused),
    ("spends-conflicting-tx", RejectionKind::ReplacementRefused),
    ("non-bip68-final", RejectionKind::NotFinal),
    ("non-final", RejectionKind::NotFinal),
    ("premature-spend-of-coinbase", RejectionKind::NotFinal),
    ("fee not met", RejectionKind::FeeTooLow),
    ("mempool full", RejectionKind::FeeTooLow),
    ("max-fee-exceeded", RejectionKind::FeeTooHigh),
    ("fee exceeds maximum", RejectionKind::FeeTooHigh),
    (
        "unspendable output exceeds maximum",
        RejectionKind::BurnTooLarge,
    ),
    ("mempool-chain", RejectionKind::TooManyUnconfirmed),
    ("mempool-limits", RejectionKind::TooManyUnconfirmed),
    ("dust", RejectionKind::Dust),
    ("script-verify", RejectionKind::InvalidScript),
    ("bad-witness", RejectionKind::InvalidScript),
];

impl Rejection {
    /// Sorts the refusal by its code and words.
    pub fn kind(&self) -> RejectionKind {
        if self.code == ALREADY_IN_UTXO_SET {
            return RejectionKind::AlreadyKnown;
        }
        let reason = self.reason.to_ascii_lowercase();
        REASONS
            .iter()
            .find(|(part, _)| reason.contains(part))
            .map_or(RejectionKind::Other, |(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_bitcoin_core_are_sorted() {
        let cases = [
            (
                -27,
                "Transaction outputs already in utxo set",
                RejectionKind::AlreadyKnown,
            ),
            (-26, "txn-already-in-mempool", RejectionKind::AlreadyKnown),
            (
                -25,
                "bad-txns-inputs-missingorspent",
                RejectionKind::MissingInputs,
            ),
            (
                -26,
                "txn-mempool-conflict",
                RejectionKind::ReplacementRefused,
            ),
            (
                -26,
                "insufficient fee, rejecting replacement 1f..; new feerate 0.00001000 BTC/kvB <= old feerate",
                RejectionKind::ReplacementRefused,
            ),
            (-26, "non-BIP68-final", RejectionKind::NotFinal),
            (
                -26,
                "min relay fee not met, 0 < 110",
                RejectionKind::FeeTooLow,
            ),
            (
                -26,
                "mempool min fee not met, 141 < 142",
                RejectionKind::FeeTooLow,
            ),
            (
                -25,
                "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)",
                RejectionKind::FeeTooHigh,
            ),
            (
                -25,
                "Unspendable output exceeds maximum configured by user (maxburnamount)",
                RejectionKind::BurnTooLarge,
            ),
            (
                -26,
                "mandatory-script-verify-flag-failed (Invalid Schnorr signature)",
                RejectionKind::InvalidScript,
            ),
            (-26, "dust", RejectionKind::Dust),
            (-22, "TX decode failed", RejectionKind::Other),
        ];
        for (code, reason, kind) in cases {
            let rejection = Rejection {
                code,
                reason: reason.to_owned(),
            };
            assert_eq!(rejection.kind(), kind, "{reason}");
        }
    }
}
