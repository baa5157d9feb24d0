//! Text from the network on a terminal.

use std::fmt;

/// Text that somebody else chose, without the control characters that could play tricks on a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self
            .0
            .chars()
            .filter(|character| !character.is_control())
            .collect();
        f.pad(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(Printable("ev\u{1b}[2Jil\nname").to_string(), "ev[2Jilname");
        assert_eq!(format!("{:<4}|", Printable("ab")), "ab  |");
    }
}
