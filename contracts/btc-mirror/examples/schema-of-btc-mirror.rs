//! Prints the schema of the contract's messages: `cargo run --example schema-of-btc-mirror > schema/btc-mirror.json`.

#![allow(clippy::print_stdout)]

use btc_mirror::msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use cosmwasm_schema::generate_api;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api = generate_api! {
        instantiate: InstantiateMsg,
        execute: ExecuteMsg,
        query: QueryMsg,
    };
    println!("{}", api.render().to_string()?);
    Ok(())
}
