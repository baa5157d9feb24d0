//! Bitcoin's own values.

use bitcoin::block::Header;
use bitcoin::consensus::{Decodable, deserialize, encode};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, Transaction, TxOut, Txid};
use proto::babylon::btclightclient::v1::BtcHeaderInfoResponse;
use proto::field::{self, FieldError};
use staking::units::BitcoinHeight;

use crate::LightClientHeader;

/// A transaction in hex. Bytes after it are ignored, as the chain ignores and stores them (spec 2.2).
pub(super) fn transaction(name: &str, text: &str) -> Result<Transaction, FieldError> {
    decode_start(name, text)
}

/// An output in hex: amount and script.
pub(super) fn output(name: &str, text: &str) -> Result<TxOut, FieldError> {
    decode_start(name, text)
}

fn decode_start<T: Decodable>(name: &str, text: &str) -> Result<T, FieldError> {
    let bytes = field::hex(name, text)?;
    T::consensus_decode(&mut bytes.as_slice()).map_err(|error| match error {
        // Reading from memory fails at its end only.
        encode::Error::Io(_) => {
            FieldError::new(name, format!("{} bytes end too early", bytes.len()))
        }
        error => FieldError::new(name, error),
    })
}

/// A transaction id in display order.
pub(super) fn txid(name: &str, text: &str) -> Result<Txid, FieldError> {
    text.parse().map_err(|error| FieldError::new(name, error))
}

/// A BIP-0340 signature in bytes.
pub(super) fn signature(name: &str, bytes: &[u8]) -> Result<Signature, FieldError> {
    let bytes: [u8; 64] = field::array(name, bytes)?;
    Signature::from_slice(&bytes).map_err(|error| FieldError::new(name, error))
}

/// A BIP-0340 signature in hex.
pub(super) fn signature_hex(name: &str, text: &str) -> Result<Signature, FieldError> {
    signature(name, &field::hex(name, text)?)
}

/// An amount in satoshi, at most all the bitcoin there will be.
pub(super) fn satoshi<N>(name: &str, value: N) -> Result<Amount, FieldError>
where
    N: Copy + std::fmt::Display,
    u64: TryFrom<N>,
{
    let amount = Amount::from_sat(field::number(name, value)?);
    if amount > Amount::MAX_MONEY {
        return Err(FieldError::new(
            name,
            format!("{value} sat is more than there can be"),
        ));
    }
    Ok(amount)
}

/// A header of the light client.
pub(in crate::babylon) fn header(
    answer: Option<BtcHeaderInfoResponse>,
) -> Result<LightClientHeader, FieldError> {
    let answer = field::required("header", answer)?;
    read_header(&answer).map_err(|error| error.inside("header"))
}

fn read_header(answer: &BtcHeaderInfoResponse) -> Result<LightClientHeader, FieldError> {
    let bytes: [u8; 80] =
        field::array("header_hex", &field::hex("header_hex", &answer.header_hex)?)?;
    let header: Header =
        deserialize(&bytes).map_err(|error| FieldError::new("header_hex", error))?;
    let header = LightClientHeader {
        height: BitcoinHeight(answer.height),
        header,
    };
    if answer.hash_hex != header.hash().to_string() {
        return Err(FieldError::new(
            "hash_hex",
            format!(
                "`{}` is not the hash of the header, {}",
                answer.hash_hex,
                header.hash()
            ),
        ));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REGTEST_GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000\
        000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";

    fn answer() -> BtcHeaderInfoResponse {
        BtcHeaderInfoResponse {
            header_hex: REGTEST_GENESIS.to_owned(),
            hash_hex: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206".to_owned(),
            height: 0,
        }
    }

    #[test]
    fn a_header_is_read_and_its_hash_is_checked() {
        let read = header(Some(answer())).unwrap();
        assert_eq!(read.hash().to_string(), answer().hash_hex);

        let other = BtcHeaderInfoResponse {
            hash_hex: "00".repeat(32),
            ..answer()
        };
        assert_eq!(header(Some(other)).unwrap_err().path(), "header.hash_hex");
        let short = BtcHeaderInfoResponse {
            header_hex: "00".repeat(79),
            ..answer()
        };
        assert_eq!(
            header(Some(short)).unwrap_err().to_string(),
            "field `header.header_hex`: 79 bytes where 80 are expected"
        );
        assert_eq!(
            header(None).unwrap_err().to_string(),
            "field `header`: missing"
        );
    }

    #[test]
    fn a_cut_transaction_says_so() {
        let error = transaction("staking_tx_hex", "0200000001").unwrap_err();
        assert_eq!(
            error.to_string(),
            "field `staking_tx_hex`: 5 bytes end too early"
        );
    }

    #[test]
    fn more_satoshi_than_there_are_is_refused() {
        assert!(satoshi("total_sat", 2_100_000_000_000_000_u64).is_ok());
        assert!(satoshi("total_sat", 2_100_000_000_000_001_u64).is_err());
        assert_eq!(
            satoshi("min_staking_value_sat", -1_i64)
                .unwrap_err()
                .to_string(),
            "field `min_staking_value_sat`: -1 is out of range"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}", hex_text in "[0-9a-f]{0,400}") {
            for text in [text, hex_text] {
                let _ = transaction("tx", &text);
                let _ = output("out", &text);
                let _ = txid("txid", &text);
                let _ = signature_hex("sig", &text);
                let _ = header(Some(BtcHeaderInfoResponse { header_hex: text, ..answer() }));
            }
        }
    }
}
