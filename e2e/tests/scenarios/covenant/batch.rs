//! C04 with the `covenant` program: a batch of good signatures, one of which the chain does not take any more.
//!
//! babylond refuses at registration what could never be signed (see `signatures.rs`), so a bad message among good ones is
//! one that became bad on its way: here the chain has its signatures already (1123), as from a second machine. What the
//! chain answers to wrong signatures (1110) is shown in the test without the program: the program makes none.

use std::process::Command;

use anyhow::ensure;
use chain::Message;
use testenv::programs::{CovenantProgram, CovenantSettings};
use testenv::scenario::Stage;
use testenv::{BabylondSettings, poll_until};

use super::pending::{DEADLINE, Registrar, key};

/// Enough for the signer to be stopped in the middle.
const ALL: usize = 150;

fn signal(id: u32, name: &str) {
    let mut kill = Command::new("kill");
    let sent = kill.arg(format!("-{name}")).arg(id.to_string()).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn c04_signatures_that_the_chain_has_already_do_not_hold_up_the_rest_of_a_members_batch() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let babylond = &stage.babylond;
    let registrar = Registrar::new(babylond).await.unwrap();
    let secret = &stage.committee.secrets()[0];
    let delegations = registrar.register(ALL).await.unwrap();

    let signer_home = CovenantProgram::new(Some(babylond), &CovenantSettings::default()).unwrap();
    let settings = CovenantSettings {
        signer_socket: Some(signer_home.home().join("signer.sock")),
        // One after the other, and all that is signed in one batch.
        service: "poll_interval_milliseconds = 500\nsigning = 1\nbatch_size = 200",
        ..CovenantSettings::default()
    };
    let home = CovenantProgram::new(Some(babylond), &settings).unwrap();
    home.fund_account(babylond).await.unwrap();
    signer_home.configure(Some(babylond), &settings).unwrap();
    signer_home.import_key(secret).await.unwrap();
    let signer = signer_home.start_signer().unwrap();
    let service = home.start().unwrap();

    // The signer stops in the middle of what it was asked; meanwhile the chain gets signatures that are still to come.
    poll_until(DEADLINE, "the first to be signed", || async {
        let log = std::fs::read_to_string(signer_home.home().join("data/audit.jsonl"))?;
        // The first entry is that of the key.
        let signed = log.lines().count().saturating_sub(1);
        ensure!(signed > 0, "none is");
        Ok::<_, anyhow::Error>(())
    })
    .await
    .unwrap();
    signal(signer.id(), "STOP");
    poll_until(DEADLINE, "what was signed before to land", || async {
        let status = home.command(&["status"]).await?.result()?;
        let number = |field| status.get(field).and_then(serde_json::Value::as_u64);
        // What is at the signer waits for it.
        ensure!(
            number("busy") <= Some(2) && number("landed") > Some(0),
            "status: {status}"
        );
        Ok(())
    })
    .await
    .unwrap();
    let mut given = Vec::new();
    for delegation in &delegations {
        let one = std::slice::from_ref(delegation);
        if registrar.signed_once_by(one, key(secret)).await.unwrap() == 0 {
            given.push(stage.committee.sign(0, delegation).unwrap());
        }
        if given.len() == 3 {
            break;
        }
    }
    assert_eq!(given.len(), 3, "the signer was stopped too late");
    for signatures in given {
        let message = Message::AddCovenantSignatures(signatures);
        stage.submit(message).await.unwrap();
    }
    signal(signer.id(), "CONT");

    registrar
        .wait_until_signed(&delegations, key(secret))
        .await
        .unwrap();
    let status = home
        .wait_for_status("nothing to be left", DEADLINE, |status| status["busy"] == 0)
        .await
        .unwrap();
    assert_eq!(status["parked"], 0, "{status}");
    // What the chain has is as good as landed; the service would not count what it had not handed in.
    let landed = status["landed"].as_u64().unwrap();
    assert!(landed > ALL as u64 - 3, "{status}");
    drop(service);
}
