//! Epochs and checkpoints.

use proto::babylon::btccheckpoint::v1::QueryEpochSubmissionsRequest;
use proto::babylon::checkpointing::v1::{
    CheckpointStatus as WireStatus, QueryEpochStatusRequest, QueryRawCheckpointListRequest,
    QueryRawCheckpointRequest,
};
use proto::babylon::epoching::v1::QueryCurrentEpochRequest;
use proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use proto::field;
use staking::units::ChainHeight;

use super::{Node, PAGE_SIZE, client, invalid};
use crate::babylon::checkpoint::{Checkpoint, CheckpointStatus, CurrentEpoch, Submission};
use crate::babylon::read;
use crate::{ChainError, PageKey};

const MODULE: &str = "checkpointing";

/// The epoch has no checkpoint yet.
const CHECKPOINT_NOT_FOUND: u32 = 1201;

/// The listing of checkpoints.
const CHECKPOINTS: &str = "RawCheckpointList";

impl Node {
    pub(in crate::babylon) async fn current_epoch(&self) -> Result<CurrentEpoch, ChainError> {
        let mut client = client!(self, babylon::epoching::v1::query_client::QueryClient);
        let answer = self
            .ask(client.current_epoch(QueryCurrentEpochRequest {}))
            .await
            .map_err(|failure| self.error("CurrentEpoch", failure))?;
        Ok(CurrentEpoch {
            epoch: answer.current_epoch,
            last_height: ChainHeight(answer.epoch_boundary),
        })
    }

    pub(in crate::babylon) async fn checkpoint(
        &self,
        epoch: u64,
    ) -> Result<Option<Checkpoint>, ChainError> {
        const QUERY: &str = "RawCheckpoint";
        let mut client = client!(self, babylon::checkpointing::v1::query_client::QueryClient);
        match self
            .ask(client.raw_checkpoint(QueryRawCheckpointRequest { epoch_num: epoch }))
            .await
        {
            Ok(answer) => field::required("raw_checkpoint", answer.raw_checkpoint)
                .and_then(read::checkpoint)
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, CHECKPOINT_NOT_FOUND) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(in crate::babylon) async fn checkpoints(
        &self,
        status: CheckpointStatus,
    ) -> Result<Vec<Checkpoint>, ChainError> {
        let mut checkpoints = Vec::new();
        let mut next = Some(PageKey::default());
        while let Some(page) = next {
            let request = page.request(PAGE_SIZE);
            let (mut read, following) = self.checkpoint_page(status, request).await?;
            next = page.turn(CHECKPOINTS, read.len(), following)?;
            checkpoints.append(&mut read);
        }
        Ok(checkpoints)
    }

    pub(in crate::babylon) async fn newest_checkpoint(
        &self,
        status: CheckpointStatus,
    ) -> Result<Option<Checkpoint>, ChainError> {
        let newest = PageRequest {
            limit: 1,
            reverse: true,
            ..PageRequest::default()
        };
        let (checkpoints, _) = self.checkpoint_page(status, newest).await?;
        Ok(checkpoints.into_iter().next())
    }

    async fn checkpoint_page(
        &self,
        status: CheckpointStatus,
        pagination: PageRequest,
    ) -> Result<(Vec<Checkpoint>, Option<PageResponse>), ChainError> {
        let status = match status {
            CheckpointStatus::Accumulating => WireStatus::CkptStatusAccumulating,
            CheckpointStatus::Sealed => WireStatus::CkptStatusSealed,
            CheckpointStatus::Submitted => WireStatus::CkptStatusSubmitted,
            CheckpointStatus::Confirmed => WireStatus::CkptStatusConfirmed,
            CheckpointStatus::Finalized => WireStatus::CkptStatusFinalized,
        };
        let mut client = client!(self, babylon::checkpointing::v1::query_client::QueryClient);
        let request = QueryRawCheckpointListRequest {
            status: status.into(),
            pagination: Some(pagination),
        };
        let answer = self
            .ask(client.raw_checkpoint_list(request))
            .await
            .map_err(|failure| self.error(CHECKPOINTS, failure))?;
        let checkpoints = field::each("raw_checkpoints", answer.raw_checkpoints, read::checkpoint)
            .map_err(invalid(CHECKPOINTS))?;
        Ok((checkpoints, answer.pagination))
    }

    pub(in crate::babylon) async fn epoch_status(
        &self,
        epoch: u64,
    ) -> Result<Option<CheckpointStatus>, ChainError> {
        const QUERY: &str = "EpochStatus";
        let mut client = client!(self, babylon::checkpointing::v1::query_client::QueryClient);
        match self
            .ask(client.epoch_status(QueryEpochStatusRequest { epoch_num: epoch }))
            .await
        {
            Ok(answer) => read::checkpoint_status(answer.status)
                .map(Some)
                .map_err(invalid(QUERY)),
            Err(failure) if failure.is(MODULE, CHECKPOINT_NOT_FOUND) => Ok(None),
            Err(failure) => Err(self.error(QUERY, failure)),
        }
    }

    pub(in crate::babylon) async fn submissions(
        &self,
        epoch: u64,
    ) -> Result<Vec<Submission>, ChainError> {
        const QUERY: &str = "EpochSubmissions";
        let mut client = client!(self, babylon::btccheckpoint::v1::query_client::QueryClient);
        let request = QueryEpochSubmissionsRequest { epoch_num: epoch };
        let answer = self
            .ask(client.epoch_submissions(request))
            .await
            .map_err(|failure| self.error(QUERY, failure))?;
        field::each("keys", &answer.keys, read::submission).map_err(invalid(QUERY))
    }
}
