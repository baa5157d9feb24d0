//! What of a checkpoint stands on Bitcoin (spec 5.7): the outputs of its two transactions.

use bitcoin::ScriptBuf;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::script::PushBytesBuf;
use chain::babylon::checkpoint::RawCheckpoint;

/// First byte after the tag: format version 0 in the low half, number of the part in the high half.
const FIRST: u8 = 0x00;
const SECOND: u8 = 0x10;

/// How much of the first part's hash the second carries, so that the two are found to belong together.
const CHECKSUM_LENGTH: usize = 10;

/// The data outputs of the two transactions, in order.
///
/// `tag` marks the chain's checkpoints; `submitter` is the account that is rewarded.
pub(super) fn scripts(raw: &RawCheckpoint, tag: [u8; 4], submitter: [u8; 20]) -> [ScriptBuf; 2] {
    let body = [
        raw.epoch.to_be_bytes().as_slice(),
        &raw.block_hash,
        &raw.bitmap,
        &submitter,
    ]
    .concat();
    let hash = sha256::Hash::hash(&body).to_byte_array();
    let checksum = hash.get(..CHECKSUM_LENGTH).unwrap_or_default();
    let first = [tag.as_slice(), &[FIRST], &body].concat();
    let second = [tag.as_slice(), &[SECOND], &raw.bls_signature, checksum].concat();
    [data_output(first), data_output(second)]
}

#[expect(clippy::expect_used, reason = "both parts are below 80 bytes")]
fn data_output(data: Vec<u8>) -> ScriptBuf {
    ScriptBuf::new_op_return(PushBytesBuf::try_from(data).expect("below 80 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_parts_are_laid_out_as_the_chain_reads_them() {
        let raw = RawCheckpoint {
            epoch: 0x0102,
            block_hash: [0xaa; 32],
            bitmap: [0xbb; 13],
            bls_signature: [0xcc; 48],
        };
        let [first, second] =
            scripts(&raw, [1, 2, 3, 4], [0xdd; 20]).map(|script| script.to_hex_string());
        let body = format!(
            "0000000000000102{}{}{}",
            "aa".repeat(32),
            "bb".repeat(13),
            "dd".repeat(20)
        );
        assert_eq!(first, format!("6a4c4e0102030400{body}"));
        let hash = sha256::Hash::hash(&hex::decode(body).unwrap()).to_string();
        assert_eq!(
            second,
            format!("6a3f0102030410{}{}", "cc".repeat(48), &hash[..20])
        );
    }
}
