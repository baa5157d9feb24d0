//! What an operator asks beside the running service, and what is refused.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testenv::poll_until;
use testenv::programs::FinalityProviderProgram;
use testenv::scenario::{DEADLINE, Stage};

use super::provider::Provider;

/// What is due to the provider's account as finality provider.
async fn due(program: &FinalityProviderProgram) -> anyhow::Result<u64> {
    let shown = program
        .command(&["rewards", "--name", "main"])
        .await?
        .result()?;
    ensure!(
        shown.get("tx_hash") == Some(&Value::Null),
        "it withdrew: {shown}"
    );
    of_its_kind(&shown)
}

/// The amount that was earned as finality provider.
fn of_its_kind(rewards: &Value) -> anyhow::Result<u64> {
    let coins = rewards
        .get("coins")
        .and_then(Value::as_array)
        .context("no coins")?;
    let own = coins
        .iter()
        .find(|coin| coin.get("kind") == Some(&json!("finality_provider")));
    let own = own.with_context(|| format!("none of its kind: {rewards}"))?;
    ensure!(
        own.get("denomination") == Some(&json!("ubbn")),
        "rewards: {rewards}"
    );
    let amount = own
        .get("amount")
        .and_then(Value::as_str)
        .context("no amount")?;
    Ok(amount.parse()?)
}

pub async fn a_provider_is_looked_after_while_it_runs(
    stage: &Stage,
    provider: &Provider,
) -> anyhow::Result<()> {
    let program = &provider.program;
    let listed = program.command(&["keys", "list"]).await?.result()?;
    let shown = program
        .command(&["keys", "show", "--name", "main"])
        .await?
        .result()?;
    ensure!(listed == json!([shown]), "listed: {listed}");
    ensure!(
        shown.get("public_key") == Some(&json!(provider.key.to_string())),
        "shown: {shown}"
    );

    // It has voted for many blocks by now.
    let earned = poll_until(DEADLINE, "rewards of a finality provider", || due(program)).await?;
    let withdrawn = program
        .command(&["rewards", "--name", "main", "--withdraw"])
        .await?
        .result()?;
    ensure!(
        withdrawn.get("account") == shown.get("account"),
        "withdrawn: {withdrawn}"
    );
    ensure!(
        of_its_kind(&withdrawn)? >= earned,
        "{earned} were due, withdrawn: {withdrawn}"
    );
    let coins = withdrawn
        .get("coins")
        .and_then(Value::as_array)
        .context("no coins")?;
    ensure!(coins.len() == 1, "other kinds are not its own: {withdrawn}");
    let hash = withdrawn
        .get("tx_hash")
        .and_then(Value::as_str)
        .context("nothing was sent")?;
    let landed = stage
        .chain
        .transaction(hash)
        .await?
        .context("not in a block")?;
    ensure!(landed.is_ok(), "it failed: {landed:?}");
    // Blocks go on; what is due now was earned since.
    let since = program
        .command(&["rewards", "--name", "main"])
        .await?
        .result()?;
    let since = of_its_kind(&since).unwrap_or_default();
    ensure!(
        since < earned,
        "{since} are due after {earned} were withdrawn"
    );

    let free = program
        .command(&["unjail", "--name", "main"])
        .await?
        .result()?;
    ensure!(
        free == json!({"name": "main", "tx_hash": null}),
        "it was not jailed: {free}"
    );
    Ok(())
}

pub async fn what_cannot_be_done_for_a_provider_is_refused(stage: &Stage) -> anyhow::Result<()> {
    let stranger = FinalityProviderProgram::new(&stage.babylond, &["main"])?;
    // An account without coins: whatever was sent for it would fail.
    stranger.make_keys("main").await?;
    let unjail = stranger.command(&["unjail", "--name", "main"]).await?;
    ensure!(unjail.status().code() == Some(1), "{unjail}");
    ensure!(
        unjail.error()?.get("code") == Some(&json!("not-registered")),
        "{unjail}"
    );
    for arguments in [
        &["rewards", "--name", "main"][..],
        &["rewards", "--name", "main", "--withdraw"],
    ] {
        let nothing = stranger.command(arguments).await?.result()?;
        ensure!(nothing.get("coins") == Some(&json!([])), "{nothing}");
        ensure!(nothing.get("tx_hash") == Some(&Value::Null), "{nothing}");
    }

    let register = [
        "register",
        "--name",
        "main",
        "--moniker",
        "m",
        "--commission",
        "0.05",
    ];
    for arguments in [
        &["status"][..],
        &["start"],
        &register,
        &["rewards", "--name", "main", "--withdraw"],
        &["unjail", "--name", "main"],
    ] {
        let elsewhere = stranger.program()?.arg("--json").args(arguments);
        let elsewhere = elsewhere.env("FINALITY_PROVIDER__BABYLON__CHAIN_ID", "bbn-1");
        let refused = elsewhere.run(DEADLINE).await?;
        ensure!(refused.status().code() == Some(3), "{refused}");
        let error = refused.error()?;
        ensure!(
            error.get("code") == Some(&json!("wrong-chain")),
            "{refused}"
        );
        ensure!(error.to_string().contains("bbn-1"), "{refused}");
    }
    ensure!(
        !stranger.home().join("data/signing-record.redb").exists(),
        "a signing record was made for another chain"
    );
    Ok(())
}
