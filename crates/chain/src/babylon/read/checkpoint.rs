//! Checkpoints.

use bitcoin::BlockHash;
use proto::babylon::btccheckpoint::v1::SubmissionKeyResponse;
use proto::babylon::checkpointing::v1::{
    CheckpointStatus as WireStatus, RawCheckpointResponse, RawCheckpointWithMetaResponse,
};
use proto::field::{self, FieldError};

use crate::babylon::checkpoint::{Checkpoint, CheckpointStatus, RawCheckpoint, Submission};

/// A checkpoint and its status.
pub(in crate::babylon) fn checkpoint(
    answer: RawCheckpointWithMetaResponse,
) -> Result<Checkpoint, FieldError> {
    let raw = field::required("ckpt", answer.ckpt)?;
    Ok(Checkpoint {
        raw: raw_checkpoint(&raw).map_err(|error| error.inside("ckpt"))?,
        status: checkpoint_status(answer.status)?,
    })
}

fn raw_checkpoint(answer: &RawCheckpointResponse) -> Result<RawCheckpoint, FieldError> {
    let block_hash = field::hex("block_hash_hex", &answer.block_hash_hex)?;
    Ok(RawCheckpoint {
        epoch: answer.epoch_num,
        block_hash: field::array("block_hash_hex", &block_hash)?,
        bitmap: field::array("bitmap", &answer.bitmap)?,
        bls_signature: field::array("bls_multi_sig", &answer.bls_multi_sig)?,
    })
}

/// Where an epoch's checkpoint is on its way to finality.
pub(in crate::babylon) fn checkpoint_status(status: i32) -> Result<CheckpointStatus, FieldError> {
    match WireStatus::try_from(status) {
        Ok(WireStatus::CkptStatusAccumulating) => Ok(CheckpointStatus::Accumulating),
        Ok(WireStatus::CkptStatusSealed) => Ok(CheckpointStatus::Sealed),
        Ok(WireStatus::CkptStatusSubmitted) => Ok(CheckpointStatus::Submitted),
        Ok(WireStatus::CkptStatusConfirmed) => Ok(CheckpointStatus::Confirmed),
        Ok(WireStatus::CkptStatusFinalized) => Ok(CheckpointStatus::Finalized),
        Err(_) => Err(FieldError::new(
            "status",
            format!("{status} is not a checkpoint's status"),
        )),
    }
}

/// Where on Bitcoin a checkpoint was reported to be.
pub(in crate::babylon) fn submission(
    answer: &SubmissionKeyResponse,
) -> Result<Submission, FieldError> {
    let first = block_hash("first_tx_block_hash", &answer.first_tx_block_hash)?;
    let second = block_hash("second_tx_block_hash", &answer.second_tx_block_hash)?;
    Ok(Submission {
        parts: [
            (first, answer.first_tx_index),
            (second, answer.second_tx_index),
        ],
    })
}

fn block_hash(name: &str, text: &str) -> Result<BlockHash, FieldError> {
    text.parse().map_err(|error| FieldError::new(name, error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::prost::Message;

    use super::*;

    fn answer() -> RawCheckpointWithMetaResponse {
        RawCheckpointWithMetaResponse {
            ckpt: Some(RawCheckpointResponse {
                epoch_num: 3,
                block_hash_hex: "ab".repeat(32),
                bitmap: vec![1; 13],
                bls_multi_sig: vec![2; 48],
            }),
            status: WireStatus::CkptStatusSealed.into(),
        }
    }

    #[test]
    fn the_block_hash_of_a_checkpoint_is_not_reversed() {
        let mut text = "ab".repeat(32);
        text.replace_range(0..2, "01");
        let mut sealed = answer();
        sealed.ckpt.as_mut().unwrap().block_hash_hex = text;
        let read = checkpoint(sealed).unwrap();
        assert_eq!(read.raw.block_hash[0], 0x01);
        assert_eq!(read.status, CheckpointStatus::Sealed);
    }

    #[test]
    fn every_bad_field_is_named() {
        type Damage = fn(&mut RawCheckpointResponse);
        let cases: [(Damage, &str); 4] = [
            (|c| c.block_hash_hex.truncate(62), "ckpt.block_hash_hex"),
            (|c| c.block_hash_hex.push('x'), "ckpt.block_hash_hex"),
            (|c| c.bitmap.push(0), "ckpt.bitmap"),
            (|c| c.bls_multi_sig.truncate(47), "ckpt.bls_multi_sig"),
        ];
        for (damage, path) in cases {
            let mut damaged = answer();
            damage(damaged.ckpt.as_mut().unwrap());
            assert_eq!(checkpoint(damaged).unwrap_err().path(), path);
        }
        let unknown = RawCheckpointWithMetaResponse {
            status: 9,
            ..answer()
        };
        assert_eq!(checkpoint(unknown).unwrap_err().path(), "status");
    }

    #[test]
    fn a_submission_names_its_blocks_in_display_order() {
        let hash = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
        let answer = SubmissionKeyResponse {
            first_tx_block_hash: hash.to_owned(),
            first_tx_index: 1,
            second_tx_block_hash: hash.to_owned(),
            second_tx_index: 2,
        };
        let read = submission(&answer).unwrap();
        assert_eq!(read.parts[0].0.to_string(), hash);
        let bad = SubmissionKeyResponse {
            second_tx_block_hash: "00".to_owned(),
            ..answer
        };
        assert_eq!(submission(&bad).unwrap_err().path(), "second_tx_block_hash");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(answer) = RawCheckpointWithMetaResponse::decode(bytes.as_slice()) {
                let _ = checkpoint(answer);
            }
            if let Ok(answer) = SubmissionKeyResponse::decode(bytes.as_slice()) {
                let _ = submission(&answer);
            }
        }
    }
}
