//! Who hears what happens on a network: a person at a terminal, or a test.

use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::poll_until;

/// How long a person is left without news.
const SILENCE: Duration = Duration::from_secs(10);

/// Hears what happens, as it happens.
pub trait Audience {
    /// A part of the story begins.
    fn chapter(&mut self, title: &str);

    /// Something is being done or waited for.
    fn progress(&mut self, what: &str);

    /// Something has happened.
    fn fact(&mut self, fact: &dyn Fact);

    /// What stands at the end, in lines that belong together.
    fn table(&mut self, table: &dyn Display);
}

/// Something that happened, as told to a person.
pub trait Fact {
    /// What happened, in one line.
    fn headline(&self) -> String;

    /// Names and values that a person can look up.
    fn details(&self) -> Vec<(&'static str, String)>;
}

/// Tells that `what` is waited for, and polls for it; tells from time to time what was last seen.
pub(super) async fn wait<T, E, Probe, Attempt>(
    audience: &mut dyn Audience,
    deadline: Duration,
    what: &str,
    mut probe: Probe,
) -> anyhow::Result<T>
where
    E: Display,
    Probe: FnMut() -> Attempt,
    Attempt: Future<Output = Result<T, E>>,
{
    audience.progress(&format!("waiting for {what}"));
    let last = RefCell::new(None);
    let mut polling = pin!(poll_until(deadline, what, || {
        let attempt = probe();
        async {
            let outcome = attempt.await;
            *last.borrow_mut() = outcome.as_ref().err().map(|reason| format!("{reason:#}"));
            outcome
        }
    }));
    loop {
        tokio::select! {
            outcome = &mut polling => return outcome,
            () = tokio::time::sleep(SILENCE) => {
                if let Some(reason) = last.borrow().as_deref() {
                    audience.progress(&format!("still waiting: {reason}"));
                }
            }
        }
    }
}

/// Tells `fact` and gives it back.
pub(super) fn told<F: Fact>(audience: &mut dyn Audience, fact: F) -> F {
    audience.fact(&fact);
    fact
}
