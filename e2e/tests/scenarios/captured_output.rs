//! What happens on a network, in the output that is shown when a test fails.

use std::fmt::Display;

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

    fn table(&mut self, table: &dyn Display) {
        println!("{table}");
    }
}
