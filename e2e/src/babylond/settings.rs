//! What a test can choose about its Babylon chain.

use std::time::Duration;

use bitcoin::block::Header;
use bitcoin::constants::genesis_block;
use bitcoin::key::XOnlyPublicKey;
use bitcoin::{Amount, Network, PubkeyHash, ScriptBuf};

use crate::GenesisEdit;

/// The parameters of a fresh chain; the defaults suit short regtest scenarios.
///
/// ```
/// use testenv::BabylondSettings;
///
/// let settings = BabylondSettings { epoch_interval: 10, ..BabylondSettings::default() };
/// assert_eq!(settings.confirmation_depth, 2);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The covenant committee. The default is one key whose secret is 1.
    pub covenant_keys: Vec<XOnlyPublicKey>,
    /// How many of the committee must sign; more than half of it.
    pub covenant_quorum: u32,
    /// Blocks on top of a staking transaction's block before the delegation counts (k). A
    /// reorganisation of that many blocks halts the chain for good.
    pub confirmation_depth: u32,
    /// Blocks on top of a checkpoint's block before the checkpoint is final (w); more than
    /// `confirmation_depth`.
    pub finalization_timeout: u32,
    /// Babylon blocks per epoch, at least 2.
    pub epoch_interval: u64,
    /// The smallest amount that may be staked.
    pub min_staking_amount: Amount,
    /// The largest amount that may be staked.
    pub max_staking_amount: Amount,
    /// The shortest staking time, in Bitcoin blocks.
    pub min_staking_time: u16,
    /// The longest staking time, in Bitcoin blocks.
    pub max_staking_time: u16,
    /// How long an unbonding or slashed stake stays locked, in Bitcoin blocks.
    pub unbonding_time: u16,
    /// The exact fee of an unbonding transaction.
    pub unbonding_fee: Amount,
    /// Where slashed coins go.
    pub slashing_script: ScriptBuf,
    /// The smallest fee of a slashing transaction.
    pub min_slashing_fee: Amount,
    /// The slashed part of a stake, as a decimal fraction with at most four digits.
    pub slashing_rate: &'static str,
    /// The fewest heights that a commitment of public randomness may cover.
    pub min_public_randomness: u64,
    /// The first Babylon height that needs finality votes.
    pub finality_activation_height: u64,
    /// The Bitcoin block that the light client starts from, with its height (a multiple of 2016).
    pub base_header: (Header, u32),
    /// Rest between two Babylon blocks.
    pub block_interval: Duration,
    /// Further changes to the genesis file, made last.
    pub genesis_edits: Vec<GenesisEdit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            covenant_keys: vec![key_of_secret_one()],
            covenant_quorum: 1,
            confirmation_depth: 2,
            finalization_timeout: 4,
            epoch_interval: 5,
            min_staking_amount: Amount::from_sat(10_000),
            max_staking_amount: Amount::from_sat(100_000_000_000),
            min_staking_time: 200,
            max_staking_time: 10_000,
            unbonding_time: 5,
            unbonding_fee: Amount::from_sat(1_000),
            slashing_script: ScriptBuf::new_p2pkh(&PubkeyHash::from_raw_hash(
                bitcoin::hashes::Hash::from_byte_array([1; 20]),
            )),
            min_slashing_fee: Amount::from_sat(1_000),
            slashing_rate: "0.1",
            min_public_randomness: 100,
            finality_activation_height: 1,
            base_header: (genesis_block(Network::Regtest).header, 0),
            block_interval: Duration::from_secs(1),
            genesis_edits: Vec::new(),
        }
    }
}

/// The curve's generator: a key that nobody could mistake for one that guards something.
#[expect(clippy::expect_used, reason = "the argument is a constant")]
fn key_of_secret_one() -> XOnlyPublicKey {
    let secret = bitcoin::secp256k1::SecretKey::from_slice(&bitcoin::secp256k1::constants::ONE)
        .expect("one is a valid secret key");
    secret
        .x_only_public_key(&bitcoin::secp256k1::Secp256k1::signing_only())
        .0
}
