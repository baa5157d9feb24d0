//! What happens on a network, in the output that is shown when a test fails.

use testenv::network::{Audience, Fact};

/// Prints everything.
pub(crate) struct CapturedOutput;

impl Audience for CapturedOutput {
    fn chapter(&mut self, title: &str) {
        println!("=== {title}");
    }

    fn progress(&mut self, what: &str) {
        println!("… {what}");
    }

    fn fact(&mut self, fact: &dyn Fact) {
        println!("* {}: {:?}", fact.headline(), fact.details());
    }
}
