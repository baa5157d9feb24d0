//! What our programs ask a secured chain to do.

use bitcoin::block::Header;
use bitcoin::secp256k1::schnorr::Signature as SchnorrSignature;
use bitcoin::{Amount, OutPoint, Transaction, Txid};
use eots::adaptor::AdaptorSignature;
use eots::commitment::{Commitment, Proof};
use eots::{PublicRandomness, SecretKey, Signature};
use staking::inclusion::InclusionProof;
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::proof_of_possession::ProofOfPossession;
use staking::units::{BitcoinHeight, BlockInterval, ChainHeight};

use crate::VoteContent;

/// Registers a finality provider for the sending account.
#[derive(Debug, Clone)]
pub struct CreateFinalityProvider {
    /// Its EOTS key.
    pub key: FinalityProviderKey,
    /// Shows that the account's owner has the key.
    pub proof_of_possession: ProofOfPossession,
    /// Name for people; not empty, at most 70 bytes.
    pub moniker: String,
    /// Web site, may be empty.
    pub website: String,
    /// Free text, may be empty.
    pub details: String,
    /// Commission rate, its maximum, and the largest change in a day: decimal texts such as `0.05`.
    pub commission: (String, String, String),
}

/// Registers a delegation before its staking transaction is broadcast (pre-approval), or with its proof after.
#[derive(Debug, Clone)]
pub struct CreateDelegation {
    /// Key of the staker.
    pub staker: StakerKey,
    /// Shows that the account's owner has the key.
    pub proof_of_possession: ProofOfPossession,
    /// Chosen providers; Babylon takes exactly one.
    pub finality_providers: Vec<FinalityProviderKey>,
    /// Timelock of the staking output.
    pub staking_time: BlockInterval,
    /// Value of the staking output.
    pub staking_value: Amount,
    /// The staking transaction.
    pub staking_tx: Transaction,
    /// Its inclusion, where it is on Bitcoin already.
    pub inclusion_proof: Option<InclusionProof>,
    /// Slashing of the staking output.
    pub slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_slashing_signature: SchnorrSignature,
    /// Timelock of the unbonding output.
    pub unbonding_time: BlockInterval,
    /// The unbonding transaction.
    pub unbonding_tx: Transaction,
    /// Value of its output.
    pub unbonding_value: Amount,
    /// Slashing of the unbonding output.
    pub unbonding_slashing_tx: Transaction,
    /// Staker's signature of it.
    pub staker_unbonding_slashing_signature: SchnorrSignature,
}

/// A covenant member's signatures of one delegation.
#[derive(Debug, Clone)]
pub struct AddCovenantSignatures {
    /// Who signed.
    pub covenant: CovenantKey,
    /// Which delegation.
    pub staking_txid: Txid,
    /// Of the slashing transaction, one for each provider in their order.
    pub slashing_signatures: Vec<AdaptorSignature>,
    /// Of the unbonding transaction.
    pub unbonding_signature: SchnorrSignature,
    /// Of the unbonding slashing transaction, one for each provider in their order.
    pub unbonding_slashing_signatures: Vec<AdaptorSignature>,
    /// Of the expansion's spend of the previous stake; only for expansions.
    pub expansion_signature: Option<SchnorrSignature>,
}

/// Shows that a verified delegation's staking transaction is on Bitcoin.
#[derive(Debug, Clone)]
pub struct AddInclusionProof {
    /// The delegation's staking output.
    pub staking_output: OutPoint,
    /// Its inclusion.
    pub inclusion_proof: InclusionProof,
    /// Height of the block that it is in.
    pub block_height: BitcoinHeight,
}

/// Shows that a staking output was spent.
#[derive(Debug, Clone)]
pub struct ReportSpend {
    /// The staking output.
    pub staking_output: OutPoint,
    /// The spending transaction, with its witness.
    pub spending_tx: Transaction,
    /// Its inclusion.
    pub inclusion_proof: InclusionProof,
    /// Height of the block that it is in.
    pub block_height: BitcoinHeight,
    /// The transactions whose outputs it spends, the staking transaction among them, one for each input.
    pub funding_txs: Vec<Transaction>,
}

/// Commits a provider to public randomness for a range of heights.
#[derive(Debug, Clone)]
pub struct CommitPublicRandomness {
    /// The provider.
    pub finality_provider: FinalityProviderKey,
    /// First height.
    pub start: ChainHeight,
    /// Number of heights.
    pub count: u64,
    /// Its number, which grows with each commitment of the provider; only partner chains number them.
    pub number: u64,
    /// Root of the commitment tree.
    pub commitment: Commitment,
    /// Provider's BIP-0340 signature of it (spec 3.5).
    pub signature: SchnorrSignature,
}

/// A finality vote.
#[derive(Debug, Clone)]
pub struct AddFinalityVote {
    /// The provider.
    pub finality_provider: FinalityProviderKey,
    /// The height voted for.
    pub height: ChainHeight,
    /// Its public randomness for the height.
    pub public_randomness: PublicRandomness,
    /// That the randomness was committed to.
    pub proof: Proof,
    /// What it says of the height.
    pub content: VoteContent,
    /// EOTS signature.
    pub signature: Signature,
}

/// One thing to do on the chain; the sending account signs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Message {
    /// Registers a finality provider.
    CreateFinalityProvider(CreateFinalityProvider),
    /// Registers a delegation.
    CreateDelegation(Box<CreateDelegation>),
    /// Hands in a committee member's signatures.
    AddCovenantSignatures(AddCovenantSignatures),
    /// Proves a staking transaction's inclusion; on a partner chain that of a stake whose block a reorganisation undid.
    AddInclusionProof(AddInclusionProof),
    /// Lets a stake count whose inclusion is proven, or more of it, once it waited (partner chains).
    Activate(OutPoint),
    /// Reports a spent staking output.
    ReportSpend(Box<ReportSpend>),
    /// Reveals a finality provider's key that came out on Bitcoin.
    SelectiveSlashingEvidence(SecretKey),
    /// Commits to public randomness.
    CommitPublicRandomness(CommitPublicRandomness),
    /// Votes for a block.
    AddFinalityVote(AddFinalityVote),
    /// Ends a provider's jail.
    UnjailFinalityProvider(FinalityProviderKey),
    /// Extends, or reorganises, the Bitcoin light client.
    InsertHeaders {
        /// Height of the first header.
        from: BitcoinHeight,
        /// Oldest first.
        headers: Vec<Header>,
    },
    /// Leads the Bitcoin light client down to a block that it has forgotten (partner chains).
    InsertAncestors {
        /// Height of the header that it has, the parent of which is the first.
        child: BitcoinHeight,
        /// Newest first.
        headers: Vec<Header>,
    },
    /// Reports a checkpoint's two transactions in Bitcoin, part 0 first.
    InsertCheckpointProof(Box<[(Transaction, InclusionProof, Header); 2]>),
    /// Withdraws the rewards of a kind of stakeholder (`finality_provider`, `btc_staker`).
    WithdrawReward {
        /// Kind of stakeholder as the chain spells it.
        kind: String,
    },
    /// Sends coins of the fee denomination.
    Send {
        /// Receiving account (bech32).
        to: String,
        /// Amount in the smallest unit.
        amount: u128,
    },
}

/// That a message took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Hash of the chain's transaction, upper-case hex.
    pub tx_hash: String,
    /// Block it is in.
    pub height: ChainHeight,
}
