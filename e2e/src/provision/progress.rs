//! What a person sees while a program is being provisioned.

use std::io::Write as _;

/// Prints one line about `name` on standard error.
///
/// Written to the stream itself: the test harness captures `eprintln!`, and a build of minutes must
/// not look like a hang.
pub(super) fn say(name: &str, what: &str) {
    let _ = writeln!(std::io::stderr(), "[{name}] {what}");
}
