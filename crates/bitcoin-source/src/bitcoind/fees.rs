//! Fee rates.

use std::num::NonZeroU16;

use bitcoin::{Amount, FeeRate};
use serde_json::json;

use super::answers::{MempoolInfo, SmartFee};
use super::rpc::RpcClient;
use crate::error::SourceError;
use crate::fees::{FeeEstimate, FeePolicy};

/// Virtual bytes of 4 weight units: 1000 vB are 4000 weight units.
const KWU_PER_KVB: u64 = 4;

impl RpcClient {
    pub(super) fn fee_rate(
        &self,
        target: NonZeroU16,
        policy: &FeePolicy,
    ) -> Result<FeeEstimate, SourceError> {
        // The same mode as our users' wallets: slower to fall, but a stake that misses its block costs more than sats.
        let estimate: SmartFee = self.ask(
            "a fee estimate",
            "estimatesmartfee",
            &[json!(target), json!("conservative")],
        )?;
        let mempool: MempoolInfo = self.ask("the state of the mempool", "getmempoolinfo", &[])?;
        Ok(policy.choose(
            estimate.fee_rate.map(rate_of_kvb),
            rate_of_kvb(mempool.min_fee),
        ))
    }
}

/// The rate of so much per 1000 vB, rounded up.
fn rate_of_kvb(fee: Amount) -> FeeRate {
    FeeRate::from_sat_per_kwu(fee.to_sat().div_ceil(KWU_PER_KVB))
}
