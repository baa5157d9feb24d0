//! What is signed for one staking output.

use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Txid};
use staking::delegation::ValidDelegation;

/// The transactions that a member signs for a staking output: these, and never others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedTransactions {
    /// Spends the staking output early.
    pub unbonding: Txid,
    /// Spends the staking output when the provider equivocates.
    pub slashing: Txid,
    /// Spends the unbonding output when the provider equivocates.
    pub unbonding_slashing: Txid,
}

/// Other transactions were signed for this output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotPermitted {
    /// Another way out.
    #[error(
        "unbonding transaction {recorded} was signed for staking output {staking_output} already; {refused} is a second one"
    )]
    OtherUnbonding {
        /// The staking output.
        staking_output: OutPoint,
        /// What was signed.
        recorded: Txid,
        /// What is not signed.
        refused: Txid,
    },
    /// Another penalty.
    #[error(
        "slashing transaction {recorded} was signed for output {slashed} already; {refused} is a second one, and whoever has \
         both chooses what is burnt"
    )]
    OtherSlashing {
        /// What it spends: the staking output, or the unbonding output of it.
        slashed: OutPoint,
        /// What was signed.
        recorded: Txid,
        /// What is not signed.
        refused: Txid,
    },
    /// Signed for under a version of this program that did not note the penalty.
    #[error(
        "an earlier version of this program signed for staking output {staking_output}, and neither its record nor the audit \
         log says which slashing transactions; stop the signer and run `covenant record rebuild`, which asks the chain and \
         forgets nothing"
    )]
    SlashingUnknown {
        /// The staking output.
        staking_output: OutPoint,
    },
}

impl NotPermitted {
    /// Identifier of the broken rule.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::OtherUnbonding { .. } => "second-unbonding",
            Self::OtherSlashing { .. } => "second-slashing",
            Self::SlashingUnknown { .. } => "slashing-unknown",
        }
    }
}

impl SignedTransactions {
    /// Those of a delegation.
    pub fn of(delegation: &ValidDelegation) -> Self {
        Self {
            unbonding: delegation.unbonding_outpoint().txid,
            slashing: delegation.slashing_tx().compute_txid(),
            unbonding_slashing: delegation.unbonding_slashing_tx().compute_txid(),
        }
    }

    /// The ids one after the other.
    pub(super) fn to_bytes(self) -> [u8; 96] {
        let mut bytes = [0; 96];
        let ids = [self.unbonding, self.slashing, self.unbonding_slashing];
        for (place, id) in bytes.chunks_exact_mut(32).zip(ids) {
            place.copy_from_slice(id.as_ref());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; 96]) -> Self {
        let (ids, _) = bytes.as_chunks::<32>();
        let [unbonding, slashing, unbonding_slashing] =
            std::array::from_fn(|place| ids.get(place).copied().unwrap_or_default())
                .map(Txid::from_byte_array);
        Self {
            unbonding,
            slashing,
            unbonding_slashing,
        }
    }

    /// Refuses where these are not what was signed.
    pub(super) fn check_same(
        &self,
        staking_output: OutPoint,
        recorded: &Self,
    ) -> Result<(), NotPermitted> {
        let other_slashing = |slashed, recorded, refused| NotPermitted::OtherSlashing {
            slashed,
            recorded,
            refused,
        };
        if self.unbonding != recorded.unbonding {
            return Err(NotPermitted::OtherUnbonding {
                staking_output,
                recorded: recorded.unbonding,
                refused: self.unbonding,
            });
        }
        if self.slashing != recorded.slashing {
            let (recorded, refused) = (recorded.slashing, self.slashing);
            return Err(other_slashing(staking_output, recorded, refused));
        }
        if self.unbonding_slashing != recorded.unbonding_slashing {
            let unbonding_output = OutPoint::new(self.unbonding, 0);
            let (recorded, refused) = (recorded.unbonding_slashing, self.unbonding_slashing);
            return Err(other_slashing(unbonding_output, recorded, refused));
        }
        Ok(())
    }

    /// Why these are refused where only the unbonding transaction is known that was signed.
    pub(super) fn beside_unbonding(
        &self,
        staking_output: OutPoint,
        recorded: [u8; 32],
    ) -> NotPermitted {
        let recorded = Txid::from_byte_array(recorded);
        if self.unbonding == recorded {
            return NotPermitted::SlashingUnknown { staking_output };
        }
        NotPermitted::OtherUnbonding {
            staking_output,
            recorded,
            refused: self.unbonding,
        }
    }
}
