//! The published schema is that of the code.

use cosmwasm_schema::generate_api;
use escrow::msg::{ExecuteMsg, InstantiateMsg, QueryMsg};

#[test]
fn the_published_schema_is_up_to_date() {
    let api = generate_api! {
        instantiate: InstantiateMsg,
        execute: ExecuteMsg,
        query: QueryMsg,
    };
    let published = include_str!("../../schema/escrow.json");
    assert_eq!(
        published.trim_end(),
        api.render().to_string().unwrap(),
        "run `cargo run --example schema-of-escrow > schema/escrow.json` in contracts/escrow"
    );
}
