//! Reading the witness of an input that spends by a script of the protocol.

use bitcoin::taproot::{ControlBlock, LeafVersion, TapNodeHash};
use bitcoin::{ScriptBuf, Witness};

use super::leaf::LeafScript;
use super::reason::{Kind, Reason};
use crate::outputs::{OutputKey, internal_key, node};

/// An input that spends by one of the three scripts.
pub(super) struct LeafSpend {
    pub(super) leaf: LeafScript,
    /// The other nodes on the way from the leaf to the root, leaf side first.
    pub(super) siblings: Vec<TapNodeHash>,
    /// Script of the spent output, as the witness proves it.
    pub(super) spent_script: ScriptBuf,
    /// For each item before the script, whether somebody signed there; committee first, staker last.
    pub(super) signed: Vec<bool>,
}

/// Reads a witness; `None` where it does not spend by a script that looks like the protocol's.
pub(super) fn parse(witness: &Witness) -> Option<(Kind, Result<LeafSpend, Reason>)> {
    let leaf_script = witness.taproot_leaf_script()?;
    if leaf_script.version != LeafVersion::TapScript {
        return None;
    }
    let control_block = ControlBlock::decode(witness.taproot_control_block()?).ok()?;
    let script = leaf_script.script.to_owned();
    let (kind, leaf) = LeafScript::parse(&script)?;
    if control_block.internal_key != internal_key() {
        // Timelocks and pairs of keys are common elsewhere; with another internal key they are not ours.
        let reason = Reason::InternalKey(control_block.internal_key);
        return (kind == Kind::Slashing).then_some((kind, Err(reason)));
    }
    let spend = leaf.map_err(Reason::Leaf).and_then(|leaf| {
        let siblings = control_block.merkle_branch.into_vec();
        let root = siblings.iter().fold(node(&script), |below, sibling| {
            TapNodeHash::from_node_hashes(below, *sibling)
        });
        let key = OutputKey::new(root);
        if key.parity != control_block.output_key_parity {
            return Err(Reason::Parity);
        }
        let annex = usize::from(witness.taproot_annex().is_some());
        let signatures = witness.len().saturating_sub(2 + annex);
        Ok(LeafSpend {
            leaf,
            siblings,
            spent_script: key.script_pubkey,
            signed: witness
                .iter()
                .take(signatures)
                .map(|item| !item.is_empty())
                .collect(),
        })
    });
    Some((kind, spend))
}
