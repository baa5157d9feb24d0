//! A node that is killed and stopped under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::ensure;
use chain::babylon::{AccountKey, Babylon};
use chain::{Chain as _, ChainError, Message};
use testenv::scenario::{DEADLINE, babylon_config};
use testenv::{Babylond, BabylondSettings, poll_until};

use super::money::{empty_account, held_by};

/// Those who send side by side.
const SUBMITTERS: usize = 4;

/// Messages in each of their submissions.
const BATCH: usize = 5;

/// Messages that land before each outage, and after the last.
const BETWEEN_OUTAGES: u64 = 60;

/// What submitters and the test tell each other.
#[derive(Default)]
struct Progress {
    /// The last amount that was sent: each transfer has another, so that they may share transactions.
    amount: AtomicU64,
    landed: AtomicU64,
    /// Sum of the amounts that landed.
    sum: AtomicU64,
    enough: AtomicBool,
}

impl Progress {
    async fn wait_for_more(&self) {
        let from = self.landed.load(Ordering::SeqCst);
        poll_until(DEADLINE, "more messages to land", || async {
            let more = self.landed.load(Ordering::SeqCst) - from;
            ensure!(more >= BETWEEN_OUTAGES, "{more} have");
            Ok(())
        })
        .await
        .unwrap();
    }
}

pub(crate) async fn every_receipt_is_one_transfer_and_every_transfer_has_a_receipt() {
    const COINS: u64 = 100_000_000;
    let mut babylond = Babylond::launch(&BabylondSettings::default())
        .await
        .unwrap();
    let mut config = babylon_config(&babylond).unwrap();
    config.poll_interval_milliseconds = 100.try_into().unwrap();
    let key = AccountKey::from_secret(&rand::random()).unwrap();
    let address = key.address(&config.account_prefix).unwrap();
    babylond.fund(address.text(), COINS).await.unwrap();
    let chain = Arc::new(Babylon::connect(config, key).await.unwrap());
    let receiver = empty_account(&babylond).unwrap();

    let progress = Arc::new(Progress::default());
    let submitters: Vec<_> = (0..SUBMITTERS)
        .map(|_| tokio::spawn(send(chain.clone(), receiver.clone(), progress.clone())))
        .collect();
    progress.wait_for_more().await;
    babylond.kill();
    nothing_is_sent(&chain, &receiver).await;
    babylond.start().await.unwrap();
    progress.wait_for_more().await;
    babylond.stop().await.unwrap();
    nothing_is_sent(&chain, &receiver).await;
    babylond.start().await.unwrap();
    progress.wait_for_more().await;
    progress.enough.store(true, Ordering::SeqCst);
    for submitter in submitters {
        submitter.await.unwrap();
    }

    let sum = progress.sum.load(Ordering::SeqCst);
    assert_eq!(held_by(&babylond, &receiver).await.unwrap(), sum.into());
}

/// What is handed in while the node is away comes back at once, whatever else waits for the node.
async fn nothing_is_sent(chain: &Babylon, receiver: &str) {
    let transfer = Message::Send {
        to: receiver.to_owned(),
        amount: 1_000_000,
    };
    let answer = chain.submit(vec![transfer]).await.remove(0);
    assert!(
        matches!(answer, Err(ChainError::Unreachable { .. })),
        "{answer:?}"
    );
}

/// Sends transfers until told that it is enough.
///
/// What the node's absence kept from being sent is not sent again: that it had no effect shows in the total.
async fn send(chain: Arc<Babylon>, receiver: String, progress: Arc<Progress>) {
    while !progress.enough.load(Ordering::SeqCst) {
        let amounts: Vec<_> = (0..BATCH)
            .map(|_| progress.amount.fetch_add(1, Ordering::SeqCst) + 1)
            .collect();
        let transfer = |amount: &u64| Message::Send {
            to: receiver.clone(),
            amount: (*amount).into(),
        };
        let answers = chain.submit(amounts.iter().map(transfer).collect()).await;
        let mut away = false;
        for (amount, answer) in amounts.into_iter().zip(answers) {
            match answer {
                Ok(_) => {
                    progress.landed.fetch_add(1, Ordering::SeqCst);
                    progress.sum.fetch_add(amount, Ordering::SeqCst);
                }
                Err(ChainError::Unreachable { .. }) => away = true,
                Err(other) => panic!("{other}"),
            }
        }
        if away {
            let back = poll_until(DEADLINE, "the node to be back", || chain.height());
            back.await.unwrap();
        }
    }
}
