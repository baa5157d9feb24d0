use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use bitcoin::hashes::Hash as _;
use bitcoin::{BlockHash, Network, TxIn, absolute, transaction};
use bitcoin_source::{Bitcoind, Config};
use chain::{
    Awaited, ChainError, Delegation, EffectiveCommit, Evidence, FinalityBlock, FinalityParams,
    FinalityProvider, LightClientHeader, LightClientParams, Page, PageKey, PublicRandomnessCommit,
    Reward, SigningInfo, SpendRules, VotingDomain,
};
use staking::inclusion::InclusionProof;
use staking::keys::FinalityProviderKey;
use staking::params::ParamsVersions;
use staking::units::{BitcoinHeight, BlockInterval, ChainHeight};

use super::super::stake::Stake;
use super::*;

/// A chain that knows every block and no stake, and whose node does not say what became of the first message of a call.
struct ForgetfulNode;

fn unasked<T>() -> T {
    panic!("this is not asked for")
}

fn away() -> ChainError {
    ChainError::Unreachable {
        endpoint: "http://127.0.0.1:9".to_owned(),
        reason: "refused".to_owned(),
    }
}

#[async_trait]
impl Chain for ForgetfulNode {
    fn chain_id(&self) -> &'static str {
        "x"
    }

    fn account(&self) -> &'static str {
        "wasm1watchtower"
    }

    async fn balance(&self) -> Result<u128, ChainError> {
        unasked()
    }

    async fn height(&self) -> Result<ChainHeight, ChainError> {
        unasked()
    }

    async fn light_client_tip(&self) -> Result<LightClientHeader, ChainError> {
        unasked()
    }

    async fn light_client_base(&self) -> Result<LightClientHeader, ChainError> {
        unasked()
    }

    async fn contains_header(&self, _: BitcoinHeight, _: &BlockHash) -> Result<bool, ChainError> {
        Ok(true)
    }

    async fn light_client_params(&self) -> Result<LightClientParams, ChainError> {
        Ok(LightClientParams {
            confirmation_depth: 2,
            finalization_timeout: 10,
            checkpoint_tag: [0; 4],
            halting_depth: None,
            spends: SpendRules {
                depth: 0,
                with_funding: false,
                limits: None,
            },
        })
    }

    async fn staking_params(&self) -> Result<ParamsVersions, ChainError> {
        unasked()
    }

    async fn delegation(&self, _: Txid) -> Result<Option<Delegation>, ChainError> {
        Ok(None)
    }

    async fn delegations(
        &self,
        _: Option<DelegationStatus>,
        _: Option<PageKey>,
        _: NonZeroU32,
    ) -> Result<Page, ChainError> {
        unasked()
    }

    async fn delegations_to(
        &self,
        _: &FinalityProviderKey,
        _: Option<PageKey>,
        _: NonZeroU32,
    ) -> Result<Page, ChainError> {
        unasked()
    }

    fn voting_domain(&self) -> VotingDomain {
        unasked()
    }

    async fn votable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        unasked()
    }

    async fn signable_height(&self) -> Result<Option<ChainHeight>, ChainError> {
        unasked()
    }

    async fn finality_providers(&self) -> Result<Vec<FinalityProvider>, ChainError> {
        unasked()
    }

    async fn finality_provider(
        &self,
        _: &FinalityProviderKey,
    ) -> Result<Option<FinalityProvider>, ChainError> {
        unasked()
    }

    async fn finality_params(&self) -> Result<FinalityParams, ChainError> {
        unasked()
    }

    async fn signing_info(
        &self,
        _: &FinalityProviderKey,
    ) -> Result<Option<SigningInfo>, ChainError> {
        unasked()
    }

    async fn voting_power(
        &self,
        _: &FinalityProviderKey,
        _: ChainHeight,
    ) -> Result<u64, ChainError> {
        unasked()
    }

    async fn finality_activated_at(&self) -> Result<Option<ChainHeight>, ChainError> {
        unasked()
    }

    async fn finality_block(&self, _: ChainHeight) -> Result<Option<FinalityBlock>, ChainError> {
        unasked()
    }

    async fn last_finalized_block(&self) -> Result<Option<ChainHeight>, ChainError> {
        unasked()
    }

    async fn has_voted(&self, _: &FinalityProviderKey, _: ChainHeight) -> Result<bool, ChainError> {
        unasked()
    }

    async fn public_randomness_commits(
        &self,
        _: &FinalityProviderKey,
    ) -> Result<Vec<PublicRandomnessCommit>, ChainError> {
        unasked()
    }

    async fn effective_commits(
        &self,
        _: &FinalityProviderKey,
        _: RangeInclusive<ChainHeight>,
    ) -> Result<Vec<EffectiveCommit>, ChainError> {
        unasked()
    }

    async fn evidences(&self) -> Result<Vec<Evidence>, ChainError> {
        unasked()
    }

    async fn rewards(&self) -> Result<Vec<Reward>, ChainError> {
        unasked()
    }

    async fn submit(&self, messages: Vec<Message>) -> Vec<Result<Receipt, ChainError>> {
        let taken = |_| Receipt {
            tx_hash: "HASH".to_owned(),
            height: ChainHeight(7),
        };
        let mut answers: Vec<_> = messages.iter().map(taken).map(Ok).collect();
        if let Some(first) = answers.first_mut() {
            *first = Err(away());
        }
        answers
    }
}

/// A stake whose staking output is spent.
fn spent(byte: u8) -> Stake {
    let outpoint = OutPoint::new(Txid::from_byte_array([byte; 32]), 0);
    let transaction = Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: outpoint,
            ..TxIn::default()
        }],
        output: Vec::new(),
    };
    let (height, hash) = (BitcoinHeight(100), BlockHash::all_zeros());
    Stake {
        outpoint,
        status: DelegationStatus::Active,
        awaits: Awaited::Nothing,
        proven_at: Some(BitcoinHeight(10)),
        staking_time: BlockInterval::new(1_000).unwrap(),
        unbonding_time: BlockInterval::new(100).unwrap(),
        is_expansion: false,
        inclusion: None,
        is_displaced: false,
        spend: Some(Spend {
            block: BlockId { height, hash },
            proof: InclusionProof {
                index: 1,
                txid: transaction.compute_txid(),
                siblings: Vec::new(),
                block_hash: hash,
            },
            transaction,
            given_up: false,
        }),
        missed_from: None,
    }
}

#[tokio::test]
async fn a_node_that_goes_away_hides_no_report_that_was_taken() {
    let parked = tempfile::tempdir().unwrap();
    let bitcoin = Config::new(Network::Regtest, "http://127.0.0.1:9", "cookie".into());
    let bitcoin = Bitcoind::new(&bitcoin).unwrap();
    let mut book = Book::default();
    for byte in [1, 2, 3] {
        book.insert(spent(byte));
    }
    let (book, status) = (Cell::new(book), Cell::new(StakesStatus::default()));
    let link = Link {
        bitcoin: Arc::new(bitcoin),
        chain: Arc::new(ForgetfulNode),
        name: "x".to_owned(),
    };
    let attempts = Attempts::open(parked.path(), "unbonding").unwrap();
    let interval = Duration::from_secs(1);
    let mut role = Unbonding::new(link, book.clone(), attempts, interval, status.clone());

    let outcome = role.round().await;
    assert!(matches!(outcome, Err(RoundError::Chain(_))), "{outcome:?}");
    assert_eq!(status.get().reported, 2);
    let left = book.read(|book| book.stakes().map(|(output, _)| *output).collect::<Vec<_>>());
    assert_eq!(left, [spent(1).outpoint], "it is reported again");
}
