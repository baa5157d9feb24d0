//! The newest block, of a node that keeps up with its chain.

use std::time::{Duration, SystemTime};

use proto::cosmos::base::tendermint::v1beta1::GetSyncingRequest;
use proto::field::{self, FieldError};
use staking::units::ChainHeight;

use super::account::STATUS;
use super::{Node, client, invalid};
use crate::ChainError;

/// Age of the newest block above which a node is taken to be behind its chain, or its chain to have halted.
const OLDEST: Duration = Duration::from_mins(2);

/// How far a block's time may be ahead of our clock.
const LATEST: Duration = Duration::from_secs(10);

/// The newest block that a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its height.
    pub(crate) height: ChainHeight,
    /// How old it is by our own clock.
    pub(crate) age: Duration,
}

impl Node {
    /// The newest block, from a node that does not lag behind its peers or our clock.
    ///
    /// # Errors
    ///
    /// [`ChainError::Behind`] where it does.
    pub(crate) async fn current_head(&self) -> Result<Head, ChainError> {
        let mut syncing = client!(
            self,
            cosmos::base::tendermint::v1beta1::service_client::ServiceClient
        );
        let answer = self.ask(syncing.get_syncing(GetSyncingRequest {})).await;
        let syncing = answer
            .map_err(|failure| self.error("GetSyncing", failure))?
            .syncing;
        let answer = self.status().await?;
        let time = field::required("timestamp", answer.timestamp)
            .and_then(|time| {
                SystemTime::try_from(time).map_err(|error| FieldError::new("timestamp", error))
            })
            .map_err(invalid(STATUS))?;
        let age = age(syncing, time, SystemTime::now()).map_err(|reason| ChainError::Behind {
            endpoint: self.endpoint.clone(),
            reason,
        })?;
        Ok(Head {
            height: ChainHeight(answer.height),
            age,
        })
    }
}

/// The age of a newest block made at `time`, or why the node is not one to judge by.
fn age(syncing: bool, time: SystemTime, now: SystemTime) -> Result<Duration, String> {
    if syncing {
        return Err("it still fetches blocks that its peers have".to_owned());
    }
    match now.duration_since(time) {
        Ok(age) if age <= OLDEST => Ok(age),
        Ok(age) => Err(format!(
            "its newest block is {} s old, at most {} s are allowed: it has lost its peers, the chain has halted, or the \
             clock of this machine is fast",
            age.as_secs(),
            OLDEST.as_secs()
        )),
        Err(ahead) if ahead.duration() <= LATEST => Ok(Duration::ZERO),
        Err(ahead) => Err(format!(
            "its newest block is {} s in the future: the clock of this machine is slow",
            ahead.duration().as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_that_keeps_up_with_its_peers_and_our_clock_is_judged_by() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let seconds = Duration::from_secs;
        let old = |by| age(false, now - by, now);
        assert_eq!(old(seconds(0)), Ok(seconds(0)));
        assert_eq!(old(OLDEST), Ok(OLDEST));
        let ahead = |by| age(false, now + by, now);
        assert_eq!(ahead(LATEST), Ok(seconds(0)));
        for (refused, words) in [
            (age(true, now, now), "its peers have"),
            (old(OLDEST + seconds(1)), "121 s old"),
            (
                ahead(LATEST + seconds(1)),
                "the clock of this machine is slow",
            ),
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
