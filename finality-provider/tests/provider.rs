//! A provider at work on a chain in memory: what it votes for, what it commits to, and what it survives.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod fixture;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chain::{ChainError, VoteContent};
use finality_provider::provider::{
    CommittedError, Committer, Concern, Next, Provider, RoundError, Standing, StatusCell, Voter,
    Worker,
};
use finality_provider::randomness::CommitPolicy;
use finality_provider::signer::{EotsSigner, MOST_COMMITTED, Vote};
use finality_provider::tables::Verdicts;
use fixture::chain::{ModelChain, foreign};
use fixture::{key, signer};
use staking::units::ChainHeight;
use tempfile::TempDir;

const POLICY: CommitPolicy = CommitPolicy {
    ahead: 100,
    count: 600,
};

/// Provider 1 on a chain, with both its workers.
struct AtWork {
    chain: ModelChain,
    signer: Arc<dyn EotsSigner>,
    status: StatusCell,
    voter: Voter,
    committer: Committer,
    _home: TempDir,
}

impl AtWork {
    /// Has committed to nothing yet.
    async fn on(chain: &ModelChain) -> Self {
        let home = tempfile::tempdir().unwrap();
        let signer: Arc<dyn EotsSigner> = Arc::new(signer(home.path(), &[1]).await);
        let status = StatusCell::new("main", Some(key(1).to_string()));
        let provider = Provider::new(
            key(1),
            Arc::new(chain.clone()),
            Arc::clone(&signer),
            Verdicts::default(),
            status.clone(),
        );
        Self {
            chain: chain.clone(),
            signer,
            status,
            voter: Voter::new(provider.clone(), Duration::ZERO),
            committer: Committer::new(provider, POLICY, Duration::ZERO),
            _home: home,
        }
    }

    /// Has committed to the heights from the first on; then the chain has grown to `tip`.
    async fn covered_to(tip: u64) -> Self {
        let chain = ModelChain::at(0);
        let mut provider = Self::on(&chain).await;
        assert_eq!(provider.commit().await.unwrap(), Next::Round);
        chain.state().tip = tip;
        provider
    }

    async fn vote(&mut self) -> Result<Next, RoundError> {
        let outcome = self.voter.round().await;
        self.voter
            .ended(outcome.as_ref().err().map(ToString::to_string));
        outcome
    }

    async fn commit(&mut self) -> Result<Next, RoundError> {
        let outcome = self.committer.round().await;
        self.committer
            .ended(outcome.as_ref().err().map(ToString::to_string));
        outcome
    }

    /// Rounds that succeed.
    async fn vote_rounds(&mut self, rounds: u32) {
        for _ in 0..rounds {
            assert_eq!(self.vote().await.unwrap(), Next::Round);
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_behind_votes_for_every_height_it_missed() {
    let mut provider = AtWork::covered_to(450).await;
    provider.vote_rounds(3).await;
    assert_eq!(provider.chain.without_vote(), [0; 0]);
    let status = provider.status.get();
    assert_eq!((status.votes, status.lag), (446, 0));
    assert_eq!(status.last_vote, Some(ChainHeight(450)));
}

#[tokio::test]
async fn where_nothing_is_new_no_height_is_asked_about() {
    let mut provider = AtWork::covered_to(50).await;
    provider.vote_rounds(1).await;
    let asked = provider.chain.state().questions;
    provider.vote_rounds(3).await;
    assert_eq!(provider.chain.state().questions, asked);
}

#[tokio::test]
async fn what_has_become_final_during_a_long_absence_is_left_alone() {
    let mut provider = AtWork::covered_to(20).await;
    provider.vote_rounds(1).await;
    {
        let mut state = provider.chain.state();
        state.tip = 550;
        state.last_finalized = Some(540);
    }
    provider.vote_rounds(1).await;
    let expected: Vec<u64> = (21..=540).collect();
    assert_eq!(provider.chain.without_vote(), expected);
}

#[tokio::test]
async fn a_height_without_a_block_to_vote_on_holds_up_no_other() {
    let mut provider = AtWork::covered_to(300).await;
    provider.chain.state().not_indexed.extend([30, 299]);
    provider.vote_rounds(2).await;
    assert_eq!(provider.chain.without_vote(), [30, 299]);
    // The young one may still come, the old one not.
    provider.chain.state().not_indexed.clear();
    provider.vote_rounds(1).await;
    assert_eq!(provider.chain.without_vote(), [30]);
}

#[tokio::test]
async fn a_vote_that_is_refused_for_good_is_lost_alone() {
    let mut provider = AtWork::covered_to(300).await;
    provider.chain.state().refused.insert(295, 0);
    provider.vote_rounds(3).await;
    assert_eq!(provider.chain.without_vote(), [295]);
    provider.chain.state().tip = 700;
    provider.chain.state().last_finalized = None;
    provider.vote_rounds(3).await;
    // Beyond what is committed to nothing can be voted for.
    let uncovered: Vec<u64> = (601..=700).collect();
    let without_vote = provider.chain.without_vote();
    assert_eq!(without_vote.first(), Some(&295));
    assert_eq!(without_vote.get(1..), Some(&uncovered[..]));
    let tried = provider.chain.state().refused[&295];
    provider.vote_rounds(3).await;
    assert_eq!(provider.chain.state().refused[&295], tried, "still tried");
    let status = provider.status.get();
    let lost = status.last_lost_vote.as_deref().unwrap_or_default();
    assert!(lost.starts_with("height 295"), "{status:?}");
}

#[tokio::test]
async fn a_refusal_that_is_taken_back_loses_nothing() {
    let mut provider = AtWork::covered_to(300).await;
    provider.chain.state().refused.insert(298, 0);
    provider.vote_rounds(2).await;
    assert_eq!(provider.chain.without_vote(), [298]);
    provider.chain.state().refused.clear();
    provider.vote_rounds(1).await;
    assert_eq!(provider.chain.without_vote(), [0; 0]);
}

#[tokio::test]
async fn votes_that_could_not_be_sent_are_sent_later() {
    let mut provider = AtWork::covered_to(40).await;
    provider.chain.state().hindered = Some(ChainError::InsufficientFunds {
        account: "bbn1provider".to_owned(),
        reason: "0ubbn".to_owned(),
    });
    provider.vote().await.unwrap_err();
    let status = provider.status.get();
    assert!(status.problems[&Concern::Votes].contains("send it coins"));
    provider.chain.state().hindered = None;
    provider.vote_rounds(1).await;
    assert_eq!(provider.chain.without_vote(), [0; 0]);
    assert!(provider.status.get().problems.is_empty());
}

#[tokio::test]
async fn another_block_at_a_signed_height_is_refused_and_seen() {
    let mut provider = AtWork::covered_to(20).await;
    let other = Vote {
        height: ChainHeight(15),
        content: VoteContent::AppHash([1; 32]),
    };
    let signed = provider.signer.sign_votes(key(1), &[other]).await.unwrap();
    assert!(signed[0].is_ok());
    provider.vote_rounds(1).await;
    assert_eq!(provider.chain.without_vote(), [15]);
    let status = provider.status.get();
    assert_eq!(status.refused, 1);
    let lost = status.last_lost_vote.unwrap_or_default();
    assert!(lost.contains("another block"), "{lost}");
}

#[tokio::test]
async fn a_vote_made_elsewhere_stops_all_signing_here() {
    let mut provider = AtWork::covered_to(20).await;
    provider.vote_rounds(1).await;
    {
        let mut state = provider.chain.state();
        state.tip = 25;
        state.votes.insert(23);
        state.provider.highest_voted_height = Some(ChainHeight(23));
    }
    let error = provider.vote().await.unwrap_err();
    assert!(
        matches!(
            error,
            RoundError::UsedElsewhere {
                voted: ChainHeight(23),
                signed_to: ChainHeight(20)
            }
        ),
        "{error}"
    );
    assert_eq!(provider.chain.without_vote(), [21, 22, 24, 25]);
    let held = provider.signer.keys().await.unwrap();
    assert_eq!(
        held[0].signed_to,
        Some(ChainHeight(20)),
        "something was signed"
    );
}

#[tokio::test]
async fn a_commitment_that_is_not_ours_costs_its_own_heights_only() {
    let mut provider = AtWork::covered_to(5).await;
    {
        let mut state = provider.chain.state();
        state.commits.insert(0, foreign(601, 50));
    }
    // Ours goes on above it: made by this key before the other program's, or after it was given up.
    let chain = ModelChain::at(650);
    let mut above = AtWork::on(&chain).await;
    above.commit().await.unwrap();
    let mut ours = chain.state().commits.clone();
    provider.chain.state().commits.append(&mut ours);
    provider.chain.state().tip = 700;
    provider.vote_rounds(5).await;
    let foreign: Vec<u64> = (601..=650).collect();
    assert_eq!(provider.chain.without_vote(), foreign);
}

#[tokio::test]
async fn commitments_that_a_node_invents_cost_no_work() {
    let mut provider = AtWork::covered_to(20).await;
    for absurd in [
        foreign(1, u64::MAX),
        foreign(1, u64::from(MOST_COMMITTED) + 1),
        foreign(1, 0),
    ] {
        provider.chain.state().commits = vec![absurd];
        provider.vote_rounds(1).await;
    }
}

#[tokio::test]
async fn nothing_is_committed_after_a_commitment_that_is_not_ours() {
    let chain = ModelChain::at(10);
    chain.state().commits.push(foreign(5, 20));
    let mut provider = AtWork::on(&chain).await;
    let error = provider.commit().await.unwrap_err();
    assert!(
        matches!(error, RoundError::Committed(CommittedError::Foreign { .. })),
        "{error}"
    );
    assert_eq!(chain.state().commits.len(), 1);
}

#[tokio::test]
async fn commitments_follow_each_other_without_a_gap() {
    let chain = ModelChain::at(0);
    let mut provider = AtWork::on(&chain).await;
    for tip in [0, 200, 501, 800, 1_150] {
        chain.state().tip = tip;
        assert_eq!(provider.commit().await.unwrap(), Next::Round);
    }
    let ranges: Vec<_> = chain
        .state()
        .commits
        .iter()
        .map(|commit| (commit.start.0, commit.count))
        .collect();
    assert_eq!(ranges, [(1, 600), (601, 600), (1_201, 600)]);
    let status = provider.status.get();
    assert_eq!(status.runway, 650);
    assert_eq!(status.fee_balance.as_deref(), Some("42"));
    assert_eq!(status.rewards[0].amount, "7");
    assert_eq!(status.missed_in_window, Some(7));
}

#[tokio::test]
async fn a_jailed_provider_commits_and_begins_where_votes_count_when_it_is_back() {
    let mut provider = AtWork::covered_to(20).await;
    provider.vote_rounds(1).await;
    let until = SystemTime::now() + Duration::from_hours(5);
    {
        let mut state = provider.chain.state();
        state.tip = 550;
        state.provider.jailed = true;
        state.jailed_until = Some(until);
    }
    let Ok(Next::Waiting(reason)) = provider.vote().await else {
        panic!("a jailed provider waits");
    };
    assert!(reason.contains("for another 5 h 0 min"), "{reason}");
    assert_eq!(provider.commit().await.unwrap(), Next::Round);
    assert_eq!(provider.chain.state().commits.len(), 2);
    let status = provider.status.get();
    assert_eq!(status.standing, Standing::Jailed);
    assert!(status.jailed_until.is_some());

    {
        let mut state = provider.chain.state();
        state.tip = 590;
        state.provider.jailed = false;
        state.last_finalized = Some(585);
    }
    provider.vote_rounds(1).await;
    let jailed: Vec<u64> = (21..=585).collect();
    assert_eq!(provider.chain.without_vote(), jailed);
}

#[tokio::test]
async fn a_slashed_provider_ends_and_an_unknown_one_waits() {
    let mut provider = AtWork::covered_to(20).await;
    provider.chain.state().registered = false;
    assert!(matches!(provider.vote().await, Ok(Next::Waiting(_))));
    assert!(matches!(provider.commit().await, Ok(Next::Waiting(_))));
    {
        let mut state = provider.chain.state();
        state.registered = true;
        state.provider.slashed_at = Some(ChainHeight(12));
    }
    assert!(matches!(provider.vote().await, Ok(Next::End(Some(_)))));
    assert!(matches!(provider.commit().await, Ok(Next::End(Some(_)))));
    assert_eq!(provider.status.get().slashed_at, Some(ChainHeight(12)));
    let votes = provider.chain.state().votes.len();
    assert_eq!(votes, 0);
}

#[tokio::test]
async fn a_key_that_the_signer_does_not_hold_votes_for_nothing() {
    let chain = ModelChain::at(0);
    let mut provider = AtWork::on(&chain).await;
    provider.commit().await.unwrap();
    chain.state().tip = 20;
    let empty = tempfile::tempdir().unwrap();
    let signer = Arc::new(signer(empty.path(), &[2]).await);
    let status = StatusCell::new("main", None);
    let provider = Provider::new(
        key(1),
        Arc::new(chain.clone()),
        signer,
        Verdicts::default(),
        status,
    );
    let mut voter = Voter::new(provider, Duration::ZERO);
    assert!(matches!(voter.round().await, Err(RoundError::NotHeld)));
}
