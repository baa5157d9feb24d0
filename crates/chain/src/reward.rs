//! What accounts earn.

/// Coins that an account earned as one kind of stakeholder and has not withdrawn; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reward {
    /// Kind of stakeholder as [`Message::WithdrawReward`](crate::Message::WithdrawReward) spells it, such as
    /// `finality_provider` or `btc_staker`.
    pub kind: String,
    /// In the smallest unit.
    pub amount: u128,
    /// Of which coin.
    pub denomination: String,
}
