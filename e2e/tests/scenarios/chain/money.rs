//! What messages cost, by the node's own account of it.

use anyhow::Context as _;
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain as _, Message, Receipt};
use serde_json::Value;
use testenv::Babylond;
use testenv::scenario::{Stage, babylon_config};

use super::sharing::next_header;

/// A new account's address, which has nothing.
pub(crate) fn empty_account(babylond: &Babylond) -> anyhow::Result<String> {
    let key = AccountKey::from_secret(&rand::random())?;
    let address = key.address(&babylon_config(babylond)?.account_prefix)?;
    Ok(address.text().to_owned())
}

/// What an account has, in ubbn, as the node's own command line says.
pub(crate) async fn held_by(babylond: &Babylond, address: &str) -> anyhow::Result<u128> {
    let answer = babylond
        .query(&["bank", "balance", address, "ubbn"])
        .await?;
    let amount = answer.pointer("/balance/amount").and_then(Value::as_str);
    Ok(amount.context("no balance")?.parse()?)
}

/// The fee that a transaction declared, in ubbn.
async fn declared_fee(babylond: &Babylond, receipt: &Receipt) -> anyhow::Result<u128> {
    let found = babylond.query(&["tx", &receipt.tx_hash]).await?;
    let fee = found.pointer("/tx/auth_info/fee/amount/0/amount");
    Ok(fee.and_then(Value::as_str).context("no fee")?.parse()?)
}

/// The answers to one submission, all of them receipts.
pub(crate) async fn landed(chain: &Babylon, messages: Vec<Message>) -> Vec<Receipt> {
    let answers = chain.submit(messages).await;
    answers.into_iter().collect::<Result<_, _>>().unwrap()
}

pub(crate) async fn what_helps_the_chain_costs_nothing_and_anything_else_its_fee(stage: &Stage) {
    let (_, chain) = stage.account().await.unwrap();
    let receiver = empty_account(&stage.babylond).unwrap();
    let transfer = |amount| Message::Send {
        to: receiver.clone(),
        amount,
    };
    let before = chain.balance().await.unwrap();

    let receipts = landed(&chain, vec![next_header(stage).await]).await;
    let fee = declared_fee(&stage.babylond, &receipts[0]).await.unwrap();
    assert!(fee > 0, "there was no fee to give back");
    assert_eq!(chain.balance().await.unwrap(), before);

    // Beside a transfer, which is not refunded, the header must not lose its refund.
    let header = next_header(stage).await;
    let receipts = landed(&chain, vec![header, transfer(7)]).await;
    assert_ne!(receipts[0].tx_hash, receipts[1].tx_hash);
    let fee = declared_fee(&stage.babylond, &receipts[1]).await.unwrap();
    let left = chain.balance().await.unwrap();
    assert_eq!(before - left, 7 + fee);
    let witness = held_by(&stage.babylond, chain.account()).await.unwrap();
    assert_eq!(left, witness);
}
