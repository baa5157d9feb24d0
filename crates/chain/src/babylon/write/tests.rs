use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::transaction::Version;
use bitcoin::{BlockHash, CompactTarget, OutPoint, ScriptBuf, TxIn, TxMerkleNode, TxOut, Witness};
use eots::adaptor::AdaptorSignature;
use eots::commitment::{Commitment, Proof};
use eots::{PublicRandomness, SecretKey};
use proptest::prelude::*;
use proto::prost::Name;
use staking::units::{BitcoinHeight, BlockInterval, ChainHeight};

use super::*;
use crate::VoteContent;

const ACCOUNT: &str = "bbn1account";

/// The x coordinate of 2·G.
const KEY: &str = "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";

fn bytes32() -> [u8; 32] {
    hex::decode(KEY).unwrap().try_into().unwrap()
}

fn signature() -> Signature {
    Signature::from_slice(&[1; 64]).unwrap()
}

fn adaptor_signature() -> AdaptorSignature {
    let bytes = [&[2][..], &bytes32(), &[1; 32]].concat();
    AdaptorSignature::from_slice(&bytes).unwrap()
}

fn transaction() -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: ScriptBuf::new(),
        }],
    }
}

fn staking_output() -> OutPoint {
    OutPoint {
        txid: KEY.parse().unwrap(),
        vout: 0,
    }
}

fn proof() -> InclusionProof {
    InclusionProof {
        index: 3,
        txid: transaction().compute_txid(),
        siblings: vec![
            TxMerkleNode::from_byte_array([1; 32]),
            TxMerkleNode::from_byte_array([2; 32]),
        ],
        block_hash: BlockHash::from_byte_array(bytes32()),
    }
}

fn header() -> Header {
    Header {
        version: bitcoin::block::Version::TWO,
        prev_blockhash: BlockHash::all_zeros(),
        merkle_root: TxMerkleNode::all_zeros(),
        time: 1,
        bits: CompactTarget::from_consensus(0x207f_ffff),
        nonce: 7,
    }
}

fn create_finality_provider(rate: &str) -> Message {
    Message::CreateFinalityProvider(CreateFinalityProvider {
        key: KEY.parse().unwrap(),
        proof_of_possession: ProofOfPossession::Ecdsa([31; 65]),
        moniker: "provider".to_owned(),
        website: String::new(),
        details: String::new(),
        commission: (rate.to_owned(), "0.2".to_owned(), "0.01".to_owned()),
    })
}

fn create_delegation(value: u64) -> Message {
    let interval = BlockInterval::new(1_000).unwrap();
    Message::CreateDelegation(Box::new(CreateDelegation {
        staker: KEY.parse().unwrap(),
        proof_of_possession: ProofOfPossession::Bip340(signature()),
        finality_providers: vec![KEY.parse().unwrap()],
        staking_time: interval,
        staking_value: Amount::from_sat(value),
        staking_tx: transaction(),
        inclusion_proof: None,
        slashing_tx: transaction(),
        staker_slashing_signature: signature(),
        unbonding_time: interval,
        unbonding_tx: transaction(),
        unbonding_value: Amount::from_sat(9_000),
        unbonding_slashing_tx: transaction(),
        staker_unbonding_slashing_signature: signature(),
    }))
}

fn add_covenant_signatures() -> Message {
    Message::AddCovenantSignatures(AddCovenantSignatures {
        covenant: KEY.parse().unwrap(),
        staking_txid: KEY.parse().unwrap(),
        slashing_signatures: vec![adaptor_signature()],
        unbonding_signature: signature(),
        unbonding_slashing_signatures: vec![adaptor_signature()],
        expansion_signature: None,
    })
}

fn add_finality_vote(total: u64) -> Message {
    Message::AddFinalityVote(AddFinalityVote {
        finality_provider: KEY.parse().unwrap(),
        height: ChainHeight(9),
        public_randomness: PublicRandomness::from_slice(&bytes32()).unwrap(),
        proof: Proof {
            total,
            index: 1,
            leaf_hash: [1; 32],
            aunts: vec![[2; 32], [3; 32]],
        },
        content: VoteContent::AppHash([4; 32]),
        signature: eots::Signature::from_slice(&[5; 32]).unwrap(),
    })
}

fn encoded(message: &Message) -> Encoded {
    encode(message, ACCOUNT, "ubbn").unwrap()
}

fn decoded<M: Name + Default>(message: &Message) -> M {
    let any = encoded(message).message;
    assert_eq!(any.type_url, format!("/{}", M::full_name()));
    M::decode(any.value.as_slice()).unwrap()
}

fn refused(message: &Message) -> String {
    encode(message, ACCOUNT, "ubbn").unwrap_err().to_string()
}

#[test]
fn types_and_refunds_are_those_of_the_chain() {
    let spend = ReportSpend {
        staking_output: staking_output(),
        spending_tx: transaction(),
        inclusion_proof: proof(),
        block_height: BitcoinHeight(7),
        funding_txs: vec![transaction()],
    };
    let inclusion = AddInclusionProof {
        staking_output: staking_output(),
        block_height: BitcoinHeight(7),
        inclusion_proof: proof(),
    };
    let commit = CommitPublicRandomness {
        finality_provider: KEY.parse().unwrap(),
        start: ChainHeight(5),
        count: 100,
        number: 0,
        commitment: Commitment::from_bytes([6; 32]),
        signature: signature(),
    };
    let part = || (transaction(), proof(), header());
    // Spec 2.1.
    let table = [
        (
            create_finality_provider("0"),
            "babylon.btcstaking.v1.MsgCreateFinalityProvider",
            false,
        ),
        (
            create_delegation(10_000),
            "babylon.btcstaking.v1.MsgCreateBTCDelegation",
            false,
        ),
        (
            add_covenant_signatures(),
            "babylon.btcstaking.v1.MsgAddCovenantSigs",
            true,
        ),
        (
            Message::AddInclusionProof(inclusion),
            "babylon.btcstaking.v1.MsgAddBTCDelegationInclusionProof",
            true,
        ),
        (
            Message::ReportSpend(Box::new(spend)),
            "babylon.btcstaking.v1.MsgBTCUndelegate",
            true,
        ),
        (
            Message::SelectiveSlashingEvidence(SecretKey::from_bytes(&[9; 32]).unwrap()),
            "babylon.btcstaking.v1.MsgSelectiveSlashingEvidence",
            true,
        ),
        (
            Message::CommitPublicRandomness(commit),
            "babylon.finality.v1.MsgCommitPubRandList",
            false,
        ),
        (
            add_finality_vote(100),
            "babylon.finality.v1.MsgAddFinalitySig",
            true,
        ),
        (
            Message::UnjailFinalityProvider(KEY.parse().unwrap()),
            "babylon.finality.v1.MsgUnjailFinalityProvider",
            false,
        ),
        (
            Message::InsertHeaders {
                from: BitcoinHeight(7),
                headers: vec![header()],
            },
            "babylon.btclightclient.v1.MsgInsertHeaders",
            true,
        ),
        (
            Message::InsertCheckpointProof(Box::new([part(), part()])),
            "babylon.btccheckpoint.v1.MsgInsertBTCSpvProof",
            true,
        ),
        (
            Message::WithdrawReward {
                kind: "btc_staker".to_owned(),
            },
            "babylon.incentive.MsgWithdrawReward",
            false,
        ),
        (
            Message::Send {
                to: "bbn1other".to_owned(),
                amount: 5,
            },
            "cosmos.bank.v1beta1.MsgSend",
            false,
        ),
    ];
    for (message, name, refundable) in table {
        let encoded = encoded(&message);
        assert_eq!(encoded.message.type_url, format!("/{name}"));
        assert_eq!(encoded.refundable, refundable, "{name}");
    }
}

#[test]
fn transaction_ids_are_sent_in_display_order_and_block_hashes_in_internal_order() {
    let inclusion = AddInclusionProof {
        staking_output: staking_output(),
        block_height: BitcoinHeight(7),
        inclusion_proof: proof(),
    };
    let sent: MsgAddBtcDelegationInclusionProof = decoded(&Message::AddInclusionProof(inclusion));
    assert_eq!(sent.signer, ACCOUNT);
    assert_eq!(sent.staking_tx_hash, KEY);
    let proof = sent.staking_tx_inclusion_proof.unwrap();
    let key = proof.key.unwrap();
    assert_eq!((key.index, key.hash), (3, bytes32().to_vec()));
    assert_eq!(proof.proof, [[1; 32], [2; 32]].concat());
}

#[test]
fn a_commission_is_sent_times_ten_to_the_eighteenth() {
    let sent: MsgCreateFinalityProvider = decoded(&create_finality_provider("0.05"));
    let commission = sent.commission.unwrap();
    assert_eq!(commission.rate, "50000000000000000");
    assert_eq!(commission.max_rate, "200000000000000000");
    let error = refused(&create_finality_provider("5%"));
    assert!(
        error.contains("`commission.rate`") && error.contains("`5%`"),
        "{error}"
    );
}

#[test]
fn a_delegation_without_proof_has_none_on_the_wire() {
    let sent: MsgCreateBtcDelegation = decoded(&create_delegation(10_000));
    assert_eq!(sent.staking_tx_inclusion_proof, None);
    assert_eq!((sent.staking_time, sent.staking_value), (1_000, 10_000));
    let pop = sent.pop.unwrap();
    assert_eq!(
        (pop.btc_sig_type, pop.btc_sig.len()),
        (BtcSigType::Bip340.into(), 64)
    );
}

#[test]
fn a_bip322_proof_is_wrapped_with_its_address() {
    let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    let proof = proof_of_possession(&ProofOfPossession::Bip322 {
        address: address
            .parse::<bitcoin::Address<_>>()
            .unwrap()
            .assume_checked(),
        witness: Witness::from_slice(&[[7; 64]]),
    });
    assert_eq!(proof.btc_sig_type, i32::from(BtcSigType::Bip322));
    let wrapped = Bip322Sig::decode(proof.btc_sig.as_slice()).unwrap();
    assert_eq!(wrapped.address, address);
    // One item of 64 bytes.
    assert_eq!(wrapped.sig, [&[1, 64][..], &[7; 64]].concat());
}

#[test]
fn an_expansion_signature_is_absent_unless_given() {
    let sent: MsgAddCovenantSigs = decoded(&add_covenant_signatures());
    assert!(sent.stake_expansion_tx_sig.is_empty());
    assert_eq!(
        (sent.slashing_tx_sigs[0].len(), sent.unbonding_tx_sig.len()),
        (65, 64)
    );
}

#[test]
fn what_does_not_fit_the_chains_form_is_named() {
    assert!(
        refused(&Message::InsertHeaders {
            from: BitcoinHeight(7),
            headers: vec![]
        })
        .contains("`headers`")
    );
    assert!(refused(&create_delegation(u64::MAX)).contains("`staking_value`"));
    assert!(refused(&add_finality_vote(u64::MAX)).contains("`proof.total`"));
}

proptest! {
    #[test]
    fn a_vote_is_sent_as_given(
        height in any::<u64>(),
        index in 0..u64::try_from(i64::MAX).unwrap(),
        app_hash in any::<[u8; 32]>(),
        aunts in prop::collection::vec(any::<[u8; 32]>(), 0..20),
    ) {
        let Message::AddFinalityVote(mut vote) = add_finality_vote(100) else { unreachable!() };
        vote.height = ChainHeight(height);
        vote.content = VoteContent::AppHash(app_hash);
        vote.proof.index = index;
        vote.proof.aunts.clone_from(&aunts);
        let sent: MsgAddFinalitySig = decoded(&Message::AddFinalityVote(vote));
        prop_assert_eq!(sent.block_height, height);
        prop_assert_eq!(sent.block_app_hash, app_hash);
        let proof = sent.proof.unwrap();
        prop_assert_eq!(u64::try_from(proof.index).unwrap(), index);
        prop_assert_eq!(proof.aunts, aunts);
    }
}
