//! An account that the genesis gives coins to.

use std::fmt;

use chain::cosmos::AccountKey;
use staking::proof_of_possession::AccountAddress;

use super::ADDRESS_PREFIX;

/// An account with coins and with a secret key that the test knows.
#[derive(Clone)]
pub struct FundedAccount {
    secret: [u8; 32],
    address: AccountAddress,
}

impl FundedAccount {
    /// An account that nobody else has.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let secret = rand::random();
        let address = AccountKey::from_secret(&secret)?.address(ADDRESS_PREFIX)?;
        Ok(Self { secret, address })
    }

    /// The secret key (secp256k1), big endian.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The address: `wasm1…`.
    pub fn address(&self) -> &AccountAddress {
        &self.address
    }
}

impl fmt::Debug for FundedAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FundedAccount")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
