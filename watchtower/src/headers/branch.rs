//! Our node's branch of a reorganisation, which travels in one message.

use std::num::NonZeroU16;

use bitcoin::block::Header;
use bitcoin_source::BitcoinSource;
use staking::units::BitcoinHeight;

use crate::role::RoundError;

/// The headers from `from` on: at least `at_least`, and up to `most` if that is more. `None` where our node does not have
/// so many any more.
///
/// # Errors
///
/// [`RoundError::ReorgTooLong`] where it has them but gives fewer at once.
pub(super) async fn read(
    bitcoin: &dyn BitcoinSource,
    from: BitcoinHeight,
    at_least: u32,
    most: NonZeroU16,
) -> Result<Option<Vec<Header>>, RoundError> {
    let wanted = u16::try_from(at_least).unwrap_or(u16::MAX);
    let wanted = NonZeroU16::new(wanted).map_or(most, |wanted| wanted.max(most));
    let headers = bitcoin.headers(from, wanted).await?;
    if u32::try_from(headers.len()).is_ok_and(|count| count >= at_least) {
        return Ok(Some(headers));
    }
    let last = from.0.saturating_add(at_least.saturating_sub(1));
    if bitcoin.tip().await?.height < BitcoinHeight(last) {
        return Ok(None);
    }
    Err(RoundError::ReorgTooLong {
        from,
        needed: at_least,
        most: headers.len(),
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bitcoin::constants::genesis_block;
    use bitcoin::hashes::Hash as _;
    use bitcoin::{Amount, Block, BlockHash, Network, OutPoint, Transaction, Txid};
    use bitcoin_source::{
        BlockId, ConfirmedOutput, FeeEstimate, FoundTransaction, MempoolAcceptance, NodeStatus,
        Rejection, SourceError, UnspentOutput,
    };

    use super::*;

    /// What a node gives at once.
    const AT_ONCE: u16 = 2_000;

    /// A node that has so many blocks above its first, all alike.
    struct Node {
        tip: u32,
    }

    fn unasked<T>() -> Result<T, SourceError> {
        panic!("only headers and the tip are asked for")
    }

    #[async_trait]
    impl BitcoinSource for Node {
        fn network(&self) -> Network {
            Network::Regtest
        }

        async fn check(&self) -> Result<NodeStatus, SourceError> {
            unasked()
        }

        async fn tip(&self) -> Result<BlockId, SourceError> {
            let hash = BlockHash::all_zeros();
            Ok(BlockId {
                height: BitcoinHeight(self.tip),
                hash,
            })
        }

        async fn block_hash(&self, _: BitcoinHeight) -> Result<BlockHash, SourceError> {
            unasked()
        }

        async fn headers(
            &self,
            from: BitcoinHeight,
            count: NonZeroU16,
        ) -> Result<Vec<Header>, SourceError> {
            let there = (self.tip + 1).saturating_sub(from.0);
            let count = there.min(u32::from(count.get().min(AT_ONCE)));
            let header = genesis_block(Network::Regtest).header;
            Ok((0..count).map(|_| header).collect())
        }

        async fn block(&self, _: BlockHash) -> Result<Block, SourceError> {
            unasked()
        }

        async fn transaction(&self, _: Txid) -> Result<FoundTransaction, SourceError> {
            unasked()
        }

        async fn transaction_in(&self, _: BlockHash, _: Txid) -> Result<Transaction, SourceError> {
            unasked()
        }

        async fn unspent_output(&self, _: OutPoint) -> Result<Option<UnspentOutput>, SourceError> {
            unasked()
        }

        async fn confirmed_outputs(
            &self,
            _: &[OutPoint],
        ) -> Result<Vec<Option<ConfirmedOutput>>, SourceError> {
            unasked()
        }

        async fn mempool_spenders(&self, _: &[OutPoint]) -> Result<Vec<Option<Txid>>, SourceError> {
            unasked()
        }

        async fn fee_rate(&self, _: NonZeroU16) -> Result<FeeEstimate, SourceError> {
            unasked()
        }

        async fn test_mempool_accept(
            &self,
            _: &[Transaction],
        ) -> Result<Vec<Result<MempoolAcceptance, Rejection>>, SourceError> {
            unasked()
        }

        async fn broadcast(&self, _: &Transaction, _: Amount) -> Result<Txid, SourceError> {
            unasked()
        }
    }

    async fn branch(tip: u32, at_least: u32) -> Result<Option<usize>, RoundError> {
        let most = NonZeroU16::new(100).unwrap();
        let headers = read(&Node { tip }, BitcoinHeight(10), at_least, most).await?;
        Ok(headers.map(|headers| headers.len()))
    }

    #[tokio::test]
    async fn a_branch_is_read_whole_and_up_to_a_full_message() {
        assert_eq!(branch(12, 3).await.unwrap(), Some(3));
        assert_eq!(branch(500, 3).await.unwrap(), Some(100));
        assert_eq!(branch(500, 300).await.unwrap(), Some(300));
        assert_eq!(branch(5_000, 2_000).await.unwrap(), Some(2_000));
    }

    #[tokio::test]
    async fn a_branch_that_became_shorter_is_looked_at_again() {
        assert_eq!(branch(11, 3).await.unwrap(), None);
        assert_eq!(branch(5, 3).await.unwrap(), None);
        assert_eq!(branch(2_009, 2_001).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_branch_longer_than_one_answer_is_an_error_and_not_silence() {
        for at_least in [2_001, 70_000] {
            let error = branch(100_000, at_least).await.unwrap_err();
            assert!(
                matches!(error, RoundError::ReorgTooLong { needed, most: 2_000, .. } if needed == at_least),
                "{error}"
            );
        }
    }
}
