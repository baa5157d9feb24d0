//! Shares and reward addresses as they are spelled on the command line.

use mesh_core::registration::WHOLE;

/// A chain's part of a stake, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedShare {
    /// What the configuration calls the chain.
    pub chain: String,
    /// How much of the stake.
    pub basis_points: u16,
}

/// Where a chain's rewards go, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAddress {
    /// What the configuration calls the chain.
    pub chain: String,
    /// An address of the chain.
    pub address: String,
}

/// Reads `x=0.5` or `x=50%`.
///
/// # Errors
///
/// Says how it is spelled.
pub fn share(text: &str) -> Result<NamedShare, String> {
    let read = |(chain, share): (&str, &str)| {
        Some(NamedShare {
            chain: named(chain)?,
            basis_points: basis_points(share)?,
        })
    };
    text.split_once('=').and_then(read).ok_or_else(|| {
        "a share is spelled `chain=0.5` or `chain=50%`: above 0, at most the whole, and no finer than 0.0001".to_owned()
    })
}

/// Reads the name of a chain that gets the whole.
///
/// # Errors
///
/// Refuses a name that is none.
pub fn whole(text: &str) -> Result<NamedShare, String> {
    Ok(NamedShare {
        chain: named(text).ok_or("a chain is named as in the configuration (`[[chain]]`)")?,
        basis_points: WHOLE,
    })
}

/// Reads `x=wasm1…`.
///
/// # Errors
///
/// Says how it is spelled.
pub fn reward_address(text: &str) -> Result<NamedAddress, String> {
    let read = |(chain, address): (&str, &str)| {
        Some(NamedAddress {
            chain: named(chain)?,
            address: named(address)?,
        })
    };
    text.split_once('=')
        .and_then(read)
        .ok_or_else(|| "a reward address is spelled `chain=address`".to_owned())
}

fn named(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Reads a share; exactly, since it is signed.
fn basis_points(text: &str) -> Option<u16> {
    let (number, places) = match text.strip_suffix('%') {
        Some(number) => (number, 2),
        None => (text, 4),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > places || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction:0<places$}");
    let share: u16 = digits.parse().ok()?;
    Some(share).filter(|share| (1..=WHOLE).contains(share))
}

/// Basis points as people read them.
pub fn percent(basis_points: u16) -> String {
    let (whole, hundredths) = (basis_points / 100, basis_points % 100);
    match hundredths {
        0 => format!("{whole} %"),
        _ => format!("{whole}.{hundredths:02} %"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_a_part_or_a_percentage() {
        for (text, expected) in [
            ("x=0.5", 5_000),
            ("x=50%", 5_000),
            ("x=1", 10_000),
            ("x=1.0000", 10_000),
            ("x=100%", 10_000),
            ("x=0.0001", 1),
            ("x=33.33%", 3_333),
        ] {
            let read = share(text).unwrap();
            assert_eq!(
                (read.chain.as_str(), read.basis_points),
                ("x", expected),
                "{text}"
            );
        }
        for text in [
            "x",
            "=0.5",
            "x=",
            "x=0",
            "x=1.0001",
            "x=0.00001",
            "x=101%",
            "x=-1",
            "x=+1",
            "x=.5",
            "x=0.333%",
            "x=1e0",
            "x=655370",
            "x=%",
        ] {
            assert!(share(text).unwrap_err().contains("chain=0.5"), "{text}");
        }
        assert_eq!(percent(3_333), "33.33 %");
        assert_eq!(percent(5_000), "50 %");
    }

    proptest! {
        #[test]
        fn a_share_is_read_as_it_is_written(basis_points in 1..=WHOLE) {
            for text in [
                format!("x={}.{:04}", basis_points / WHOLE, basis_points % WHOLE),
                format!("x={}", percent(basis_points).replace(' ', "")),
            ] {
                prop_assert_eq!(share(&text).unwrap().basis_points, basis_points, "{}", text);
            }
        }

        #[test]
        fn any_text_is_a_share_in_bounds_or_refused(text in prop_oneof![any::<String>(), "[a-z]{0,2}=[-+.%0-9]{0,12}"]) {
            if let Ok(read) = share(&text) {
                prop_assert!((1..=WHOLE).contains(&read.basis_points), "{}", text);
            }
        }
    }
}
