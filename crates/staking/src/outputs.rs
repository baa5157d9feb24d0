//! The three outputs of the protocol and how each of their scripts is spent (spec 1.4).
//!
//! All are Taproot outputs whose key path nobody can use: the internal key is a point without known logarithm. What
//! remains are the script leaves, so every spend is one of the protocol's, signed by those whom the leaf names.

use bitcoin::hashes::Hash;
use bitcoin::key::TweakedPublicKey;
use bitcoin::secp256k1::Parity;
use bitcoin::secp256k1::constants::SCHNORR_SIGNATURE_SIZE;
use bitcoin::taproot::{
    ControlBlock, LeafVersion, TapLeafHash, TapNodeHash, TapTweakHash, TaprootMerkleBranch,
};
use bitcoin::{Amount, ScriptBuf, Sequence, TxOut, VarInt, Weight, XOnlyPublicKey};
use eots::curve::tweak as tweak_key;

use crate::keys::StakerKey;
use crate::scripts::{DelegationKeys, timelock_script};
use crate::units::BlockInterval;

/// The internal key of every output: lift_x of the hash of the generator, as BIP-0341 suggests.
const INTERNAL_KEY: [u8; 32] = [
    0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54, 0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e,
    0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec, 0x96, 0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0,
];

/// The internal key of every output of the protocol, for which nobody has the secret key.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "the constant is a published point of the curve"
)]
pub fn internal_key() -> XOnlyPublicKey {
    XOnlyPublicKey::from_slice(&INTERNAL_KEY).expect("a published point of the curve")
}

/// One script of an output, and the proof that the output commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    script: ScriptBuf,
    control_block: ControlBlock,
}

impl Leaf {
    /// The script.
    pub fn script(&self) -> &ScriptBuf {
        &self.script
    }

    /// The last item of a witness that spends by this script (BIP-0341).
    pub fn control_block(&self) -> &ControlBlock {
        &self.control_block
    }

    /// The hash by which a signature commits to the script.
    pub fn hash(&self) -> TapLeafHash {
        TapLeafHash::from_script(&self.script, LeafVersion::TapScript)
    }
}

/// The script by which the staker spends alone, once the output is a number of blocks deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelockLeaf {
    leaf: Leaf,
    timelock: BlockInterval,
}

impl TimelockLeaf {
    /// The script and its proof.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// How deep the output must be, in blocks.
    pub fn timelock(&self) -> BlockInterval {
        self.timelock
    }

    /// nSequence of the spending input; the transaction must be version 2 or later (spec 1.5).
    pub fn sequence(&self) -> Sequence {
        Sequence::from_height(self.timelock.blocks())
    }

    /// Weight of the witness that spends by this script, for the calculation of a fee.
    pub fn witness_weight(&self) -> Weight {
        let item = |size: usize| VarInt::from(size).size() + size;
        let items = [
            SCHNORR_SIGNATURE_SIZE,
            self.leaf.script.len(),
            self.leaf.control_block.size(),
        ];
        let count = VarInt::from(items.len()).size();
        // Each byte of a witness weighs one unit (BIP-0141).
        Weight::from_witness_data_size((count + items.map(item).iter().sum::<usize>()) as u64)
    }
}

/// An output whose stake is bonded: `Branch(Branch(timelock, unbonding), slashing)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakingOutput {
    output: TxOut,
    timelock: TimelockLeaf,
    unbonding: Leaf,
    slashing: Leaf,
}

impl StakingOutput {
    /// Builds the staking output of `value` that the staker gets back alone after `staking_time`.
    pub fn new(keys: &DelegationKeys, staking_time: BlockInterval, value: Amount) -> Self {
        let timelock = timelock_script(keys.staker(), staking_time);
        let unbonding = keys.unbonding_script();
        let slashing = keys.slashing_script();
        let (timelock_node, unbonding_node, slashing_node) =
            (node(&timelock), node(&unbonding), node(&slashing));
        let inner = TapNodeHash::from_node_hashes(timelock_node, unbonding_node);
        let key = OutputKey::new(TapNodeHash::from_node_hashes(inner, slashing_node));
        Self {
            output: TxOut {
                value,
                script_pubkey: key.script_pubkey,
            },
            timelock: TimelockLeaf {
                leaf: leaf(timelock, key.parity, [unbonding_node, slashing_node]),
                timelock: staking_time,
            },
            unbonding: leaf(unbonding, key.parity, [timelock_node, slashing_node]),
            slashing: leaf(slashing, key.parity, [inner]),
        }
    }

    /// Value and script, as a transaction holds them.
    pub fn tx_out(&self) -> &TxOut {
        &self.output
    }

    /// Value of the stake.
    pub fn value(&self) -> Amount {
        self.output.value
    }

    /// Spends after the staking time, by the staker alone.
    pub fn timelock(&self) -> &TimelockLeaf {
        &self.timelock
    }

    /// Spends at any time, by staker and committee.
    pub fn unbonding(&self) -> &Leaf {
        &self.unbonding
    }

    /// Spends at any time, by staker, finality provider and committee.
    pub fn slashing(&self) -> &Leaf {
        &self.slashing
    }
}

/// An output whose stake leaves the protocol, but can still be slashed: `Branch(timelock, slashing)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnbondingOutput {
    output: TxOut,
    timelock: TimelockLeaf,
    slashing: Leaf,
}

impl UnbondingOutput {
    /// Builds the unbonding output of `value` that the staker gets back alone after `unbonding_time`.
    pub fn new(keys: &DelegationKeys, unbonding_time: BlockInterval, value: Amount) -> Self {
        let timelock = timelock_script(keys.staker(), unbonding_time);
        let slashing = keys.slashing_script();
        let (timelock_node, slashing_node) = (node(&timelock), node(&slashing));
        let key = OutputKey::new(TapNodeHash::from_node_hashes(timelock_node, slashing_node));
        Self {
            output: TxOut {
                value,
                script_pubkey: key.script_pubkey,
            },
            timelock: TimelockLeaf {
                leaf: leaf(timelock, key.parity, [slashing_node]),
                timelock: unbonding_time,
            },
            slashing: leaf(slashing, key.parity, [timelock_node]),
        }
    }

    /// Value and script, as a transaction holds them.
    pub fn tx_out(&self) -> &TxOut {
        &self.output
    }

    /// Value of the output.
    pub fn value(&self) -> Amount {
        self.output.value
    }

    /// Spends after the unbonding time, by the staker alone.
    pub fn timelock(&self) -> &TimelockLeaf {
        &self.timelock
    }

    /// Spends at any time, by staker, finality provider and committee.
    pub fn slashing(&self) -> &Leaf {
        &self.slashing
    }
}

/// Where slashing puts what it does not burn: a single timelock leaf. Its value is up to the slashing transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlashingChangeOutput {
    script_pubkey: ScriptBuf,
    timelock: TimelockLeaf,
}

impl SlashingChangeOutput {
    /// Builds the output that the staker gets back after `unbonding_time`.
    pub fn new(staker: StakerKey, unbonding_time: BlockInterval) -> Self {
        let timelock = timelock_script(staker, unbonding_time);
        let key = OutputKey::new(node(&timelock));
        Self {
            script_pubkey: key.script_pubkey,
            timelock: TimelockLeaf {
                leaf: leaf(timelock, key.parity, []),
                timelock: unbonding_time,
            },
        }
    }

    /// Script of the output.
    pub fn script_pubkey(&self) -> &ScriptBuf {
        &self.script_pubkey
    }

    /// Spends after the unbonding time, by the staker alone.
    pub fn timelock(&self) -> &TimelockLeaf {
        &self.timelock
    }
}

/// What this build tweaks keys with: contracts do without libsecp256k1 and its tables.
#[cfg(feature = "native")]
const CURVE: eots::curve::Native = eots::curve::Native;
/// What this build tweaks keys with: contracts do without libsecp256k1 and its tables.
#[cfg(not(feature = "native"))]
const CURVE: eots::curve::Pure = eots::curve::Pure;

/// The key that commits to a tree of scripts.
pub(crate) struct OutputKey {
    pub(crate) script_pubkey: ScriptBuf,
    pub(crate) parity: Parity,
}

impl OutputKey {
    pub(crate) fn new(root: TapNodeHash) -> Self {
        let internal_key = internal_key();
        let tweak = TapTweakHash::from_key_and_tweak(internal_key, Some(root)).to_byte_array();
        let public_key = eots::PublicKey::from_checked_bytes(internal_key.serialize());
        // No hash is known to lead to infinity. One that did would leave the internal key, whose secret nobody has.
        let (key, parity) = tweak_key(&CURVE, &public_key, &tweak)
            .and_then(|point| {
                let key = XOnlyPublicKey::from_slice(point.x()).ok()?;
                let odd = u8::from(point.is_y_odd());
                Some((key, Parity::from_u8(odd).ok()?))
            })
            .unwrap_or((internal_key, Parity::Even));
        Self {
            script_pubkey: ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(
                key,
            )),
            parity,
        }
    }
}

pub(crate) fn node(script: &ScriptBuf) -> TapNodeHash {
    TapNodeHash::from_script(script, LeafVersion::TapScript)
}

fn leaf(
    script: ScriptBuf,
    output_key_parity: Parity,
    path: impl Into<TaprootMerkleBranch>,
) -> Leaf {
    let control_block = ControlBlock {
        leaf_version: LeafVersion::TapScript,
        output_key_parity,
        internal_key: internal_key(),
        merkle_branch: path.into(),
    };
    Leaf {
        script,
        control_block,
    }
}
