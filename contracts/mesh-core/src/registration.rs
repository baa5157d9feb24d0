//! A provider's registration: who operates it, and for which commission.

use eots::PublicKey;

use crate::Domain;
use crate::hash::{short_text, tagged};

/// All of something, in basis points.
pub const WHOLE: u16 = 10_000;

/// A registration that cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// An operator's address that is empty or too long.
    #[error("the operator's address is {0} bytes, it must be 1 to 255")]
    Operator(usize),
    /// More than everything.
    #[error("the commission is {0} basis points, at most {WHOLE} are possible")]
    Commission(u16),
}

/// What the provider signs (BIP-0340) so that nobody who relays it can name another operator or commission (basis points).
///
/// # Errors
///
/// Refuses an address of 0 or more than 255 bytes, and a commission above [`WHOLE`].
pub fn digest(
    domain: &Domain,
    provider: &PublicKey,
    seq: u64,
    operator: &str,
    commission: u16,
) -> Result<[u8; 32], RegistrationError> {
    if commission > WHOLE {
        return Err(RegistrationError::Commission(commission));
    }
    let operator_text = short_text(operator)
        .filter(|_| !operator.is_empty())
        .ok_or(RegistrationError::Operator(operator.len()))?;
    let bytes = [
        domain.as_bytes().as_slice(),
        provider.as_bytes(),
        &seq.to_be_bytes(),
        &operator_text,
        &commission.to_be_bytes(),
    ]
    .concat();
    Ok(tagged("btc-mesh/1/register", &bytes))
}
