//! Witnesses of the three ways to spend a stake (spec 1.5).
//!
//! A script consumes its signatures from the end of the witness, so they stand in reverse: committee (descending by
//! key), finality providers (descending by key), staker; then the script and its control block. Who does not sign has
//! an empty item.

use bitcoin::Witness;
use bitcoin::secp256k1::schnorr::Signature;

use crate::keys::FinalityProviderKey;
use crate::outputs::{Leaf, StakingOutput, TimelockLeaf};
use crate::quorum::QuorumSignatures;
use crate::scripts::DelegationKeys;

/// Spends by a timelock leaf: the staker alone.
pub fn withdrawal(leaf: &TimelockLeaf, staker: &Signature) -> Witness {
    spend(leaf.leaf(), &[], staker)
}

/// Spends a staking output by its unbonding leaf: staker and committee, to unbond or to expand.
///
/// The quorum must be of the committee to which the output was staked.
pub fn unbonding_path(
    spent: &StakingOutput,
    covenant: &QuorumSignatures,
    staker: &Signature,
) -> Witness {
    spend(spent.unbonding(), covenant.slots(), staker)
}

/// Spends by the slashing leaf of a staking or unbonding output: staker, one finality provider and committee.
///
/// The leaf, the quorum and `slashed`, who signed as finality provider, must belong to the delegation of `keys`.
pub fn slashing_path(
    leaf: &Leaf,
    keys: &DelegationKeys,
    covenant: &QuorumSignatures,
    slashed: (FinalityProviderKey, Signature),
    staker: &Signature,
) -> Witness {
    let (slashed, signature) = slashed;
    let mut signatures = covenant.slots().to_vec();
    signatures.extend(
        keys.sorted_finality_providers()
            .iter()
            .rev()
            .map(|key| (*key == slashed).then_some(signature)),
    );
    spend(leaf, &signatures, staker)
}

fn spend(leaf: &Leaf, others: &[Option<Signature>], staker: &Signature) -> Witness {
    let mut witness = Witness::new();
    for signature in others {
        match signature {
            Some(signature) => witness.push(signature.serialize()),
            None => witness.push([]),
        }
    }
    witness.push(staker.serialize());
    witness.push(leaf.script());
    witness.push(leaf.control_block().serialize());
    witness
}
