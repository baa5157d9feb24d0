//! Fields that cannot be read are named.

#![allow(missing_docs)]

use proto::field::{self, FieldError};

#[test]
fn bytes_of_another_length_are_named_with_both_lengths() {
    let error = field::array::<32>("pub_rand", &[0; 31]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `pub_rand`: 31 bytes where 32 are expected"
    );
}

#[test]
fn a_missing_message_is_named() {
    let error = field::required::<u8>("params", None).unwrap_err();
    assert_eq!(error.to_string(), "field `params`: missing");
}

#[test]
fn text_that_is_not_hexadecimal_is_named() {
    let error = field::hex("staking_tx_hex", "0g").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("field `staking_tx_hex`: not hexadecimal"),
        "{error}"
    );
}

#[test]
fn a_number_out_of_range_is_named_with_its_value() {
    let error = field::number::<u16, u32>("staking_time", 65_536).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field `staking_time`: 65536 is out of range"
    );
}

#[test]
fn an_item_of_a_nested_list_is_named_by_its_whole_path() {
    let keys: [&[u8]; 2] = [&[0; 32], &[0; 33]];
    let error = field::each("covenant_pks", keys, |key| field::array::<32>("", key))
        .map_err(|error| error.inside("params"))
        .unwrap_err();
    assert_eq!(error.path(), "params.covenant_pks[1]");
}

#[test]
fn an_error_inside_an_item_keeps_its_own_name() {
    let error = field::each("params", [()], |()| -> Result<(), _> {
        Err(FieldError::new("unbonding_time_blocks", "0 blocks"))
    })
    .unwrap_err();
    assert_eq!(error.path(), "params[0].unbonding_time_blocks");
}
