//! Prints the schema of the contract's messages: `cargo run --example schema-of-escrow > schema/escrow.json`.

#![allow(clippy::print_stdout)]

use cosmwasm_schema::generate_api;
use escrow::msg::{ExecuteMsg, InstantiateMsg, QueryMsg};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api = generate_api! {
        instantiate: InstantiateMsg,
        execute: ExecuteMsg,
        query: QueryMsg,
    };
    println!("{}", api.render().to_string()?);
    Ok(())
}
