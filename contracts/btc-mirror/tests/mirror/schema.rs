//! The published schema is that of the code.

use btc_mirror::msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use cosmwasm_schema::generate_api;

#[test]
fn the_published_schema_is_up_to_date() {
    let api = generate_api! {
        instantiate: InstantiateMsg,
        execute: ExecuteMsg,
        query: QueryMsg,
    };
    let published = include_str!("../../schema/btc-mirror.json");
    assert_eq!(
        published.trim_end(),
        api.render().to_string().unwrap(),
        "run `cargo run --example schema-of-btc-mirror > schema/btc-mirror.json` in contracts/btc-mirror"
    );
}
