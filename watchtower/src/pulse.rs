//! Whether the two nodes answer, apart from any role: one that waits for a block would not notice.

use std::sync::Arc;
use std::time::Duration;

use bitcoin_source::BitcoinSource;
use chain::Chain;

use crate::role::{Role, RoundError};

/// Short against what anybody notices, long against the cost of a question.
const INTERVAL: Duration = Duration::from_secs(5);

/// Asks the Bitcoin node.
pub struct BitcoinPulse(pub Arc<dyn BitcoinSource>);

/// Asks the chain's node.
pub struct ChainPulse(pub Arc<dyn Chain>);

impl Role for BitcoinPulse {
    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.0.check().await?;
        Ok(())
    }
}

impl Role for ChainPulse {
    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.0.height().await?;
        Ok(())
    }
}
