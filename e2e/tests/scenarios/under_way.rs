//! The moment in which to kill a program: its transaction is on its way, and it has not heard what becomes of it.

use anyhow::ensure;
use testenv::partner_chain::{DEADLINE, PartnerChain};
use testenv::poll_until;

/// Waits until a transaction waits for a block of a partner chain, or what it is for is done already.
pub(crate) async fn sent(
    chain: &PartnerChain,
    what: &str,
    is_done: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    poll_until(DEADLINE, what, || async {
        let waiting = chain.wasmd.waiting_transactions()?;
        ensure!(waiting > 0 || is_done().await?, "nothing was sent");
        anyhow::Ok(())
    })
    .await
}
