//! Every question to the chain, asked again whenever its answer has changed.

use std::num::NonZeroU32;
use std::time::SystemTime;

use anyhow::ensure;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, BlockHash, Txid};
use bitcoincore_rpc::RpcApi as _;
use chain::babylon::checkpoint::CheckpointStatus;
use chain::{Chain as _, Delegation, DelegationStatus, DoubleVote, FinalityBlock};
use eots::curve::Native;
use eots::{SecretKey, Signed, extract, vote_message};
use staking::keys::FinalityProviderKey;
use staking::units::{BitcoinHeight, ChainHeight};
use testenv::scenario::{DEADLINE, Stage, Stake};
use testenv::{BabylondSettings, poll_until};

use super::money::held_by;
use super::provider::Provider;

const STAKE: Amount = Amount::from_sat(1_000_000);
const STAKING_TIME: u16 = 1_000;

/// Heights that the provider commits to: more than the test lasts.
const COMMITTED: u64 = 1_000;

pub(crate) async fn from_an_empty_chain_to_an_equivocation() {
    let stage = Stage::launch(BabylondSettings::default()).await.unwrap();
    let (_, account) = stage.account().await.unwrap();
    let provider = Provider::new(account).unwrap();

    the_chain_and_its_light_client(&stage).await;
    nothing_is_there_yet(&stage, provider.key).await;
    a_provider_and_its_randomness(&stage, &provider).await;
    epochs_and_checkpoints(&stage).await;
    let stake = a_delegation(&stage, provider.key).await;
    let block = voting_power_and_votes(&stage, &provider).await;
    rewards(&provider).await;
    equivocation(&stage, &provider, block).await;
    assert_eq!(
        stored(&stage, &stake).await.status,
        DelegationStatus::Active
    );
}

async fn the_chain_and_its_light_client(stage: &Stage) {
    let chain = &stage.chain;
    assert_eq!(chain.chain_id(), stage.babylond.chain_id());
    let balance = held_by(&stage.babylond, chain.account()).await.unwrap();
    assert_eq!(chain.balance().await.unwrap(), balance);
    let node = stage.babylond.height().unwrap();
    assert!(chain.height().await.unwrap().0 >= node);

    let base = chain.light_client_base().await.unwrap();
    assert_eq!(base.height, BitcoinHeight(0));
    let tip = chain.light_client_tip().await.unwrap();
    assert_eq!(u64::from(tip.height.0), stage.bitcoind.height().unwrap());
    assert!(
        chain
            .contains_header(base.height, &base.hash())
            .await
            .unwrap()
    );
    assert!(
        chain
            .contains_header(tip.height, &tip.hash())
            .await
            .unwrap()
    );
    assert!(
        !chain
            .contains_header(tip.height, &BlockHash::all_zeros())
            .await
            .unwrap()
    );
    let params = chain.light_client_params().await.unwrap();
    let settings = BabylondSettings::default();
    assert_eq!(params.confirmation_depth, settings.confirmation_depth);
    assert_eq!(params.finalization_timeout, settings.finalization_timeout);

    let params = chain.staking_params().await.unwrap();
    let params = params.at_height(tip.height).unwrap();
    assert_eq!(params.unbonding_fee, settings.unbonding_fee);
    let keys = stage.committee.keys().unwrap();
    assert_eq!(params.covenant.keys().len(), keys.len());
}

async fn nothing_is_there_yet(stage: &Stage, nobody: FinalityProviderKey) {
    let chain = &stage.chain;
    let height = chain.height().await.unwrap();
    let unknown = Txid::from_byte_array([7; 32]);
    assert!(chain.delegation(unknown).await.unwrap().is_none());
    assert!(txids(stage, None).await.is_empty());
    assert!(chain.finality_provider(&nobody).await.unwrap().is_none());
    assert!(chain.signing_info(&nobody).await.unwrap().is_none());
    assert_eq!(chain.voting_power(&nobody, height).await.unwrap(), 0);
    assert!(chain.finality_activated_at().await.unwrap().is_none());
    assert!(chain.finality_block(height).await.unwrap().is_none());
    assert!(chain.last_finalized_block().await.unwrap().is_none());
    assert!(chain.votes(height).await.unwrap().is_empty());
    let commits = chain.public_randomness_commits(&nobody).await.unwrap();
    assert!(commits.is_empty());
    assert_eq!(chain.last_finalized_epoch().await.unwrap(), 0);
    assert!(chain.double_votes(ChainHeight(0)).await.unwrap().is_empty());
    assert!(chain.rewards().await.unwrap().is_empty());
    let active = chain.active_finality_providers(height).await.unwrap();
    assert!(active.is_empty());
    assert!(chain.transaction(&"0".repeat(64)).await.unwrap().is_none());
    let tomorrow = ChainHeight(height.0 + 1_000);
    assert!(chain.finality_block(tomorrow).await.unwrap().is_none());
    assert!(chain.checkpoint(1_000).await.unwrap().is_none());
    assert!(chain.epoch_status(1_000).await.unwrap().is_none());
    assert!(chain.submissions(1_000).await.unwrap().is_empty());
}

async fn a_provider_and_its_randomness(stage: &Stage, provider: &Provider) {
    let messages = vec![
        provider.registration().unwrap(),
        provider.commitment(1, COMMITTED).unwrap(),
    ];
    let answers = provider.chain.submit(messages).await;
    let receipt = answers[0].as_ref().unwrap();
    let found = stage.chain.transaction(&receipt.tx_hash).await.unwrap();
    assert_eq!(found.unwrap().unwrap(), *receipt);

    let known = stage.chain.finality_provider(&provider.key).await.unwrap();
    let known = known.unwrap();
    assert_eq!(known.key, provider.key);
    assert_eq!(known.address, provider.chain.account());
    assert_eq!((known.moniker.as_str(), known.jailed), ("by hand", false));
    assert_eq!(known.commission.trim_end_matches('0'), "0.05");
    assert_eq!((known.slashed_at, known.highest_voted_height), (None, None));
    assert_eq!(stage.chain.finality_providers().await.unwrap(), [known]);

    let params = stage.chain.finality_params().await.unwrap();
    let settings = BabylondSettings::default();
    assert_eq!(params.min_public_randomness, settings.min_public_randomness);
    assert_eq!(
        params.activation_height.0,
        settings.finality_activation_height
    );
    let commits = stage.chain.public_randomness_commits(&provider.key).await;
    let [commit] = commits.unwrap().try_into().unwrap();
    assert_eq!((commit.start, commit.count), (ChainHeight(1), COMMITTED));
    let epoch = stage.chain.current_epoch().await.unwrap();
    assert!((1..=epoch.epoch).contains(&commit.epoch));
}

async fn epochs_and_checkpoints(stage: &Stage) {
    let chain = &stage.chain;
    let epoch = chain.current_epoch().await.unwrap();
    assert!(epoch.last_height >= chain.height().await.unwrap() || epoch.epoch > 0);
    stage.finalize_current_epoch().await.unwrap();
    let epoch = epoch.epoch;
    assert!(chain.last_finalized_epoch().await.unwrap() >= epoch);
    let checkpoint = chain.checkpoint(epoch).await.unwrap().unwrap();
    assert_eq!(checkpoint.status, CheckpointStatus::Finalized);
    assert_eq!(checkpoint.raw.epoch, epoch);
    let status = chain.epoch_status(epoch).await.unwrap();
    assert_eq!(status, Some(CheckpointStatus::Finalized));
    let finalized = chain
        .checkpoints(CheckpointStatus::Finalized)
        .await
        .unwrap();
    assert!(finalized.contains(&checkpoint));
    let newest = chain
        .newest_checkpoint(CheckpointStatus::Finalized)
        .await
        .unwrap();
    assert_eq!(newest.as_ref(), finalized.last());
    let [submission] = chain.submissions(epoch).await.unwrap().try_into().unwrap();
    for (block, _) in submission.parts {
        let rpc = stage.bitcoind.rpc();
        let height = rpc.get_block_header_info(&block).unwrap().height;
        let height = BitcoinHeight(height.try_into().unwrap());
        assert!(chain.contains_header(height, &block).await.unwrap());
    }
}

async fn a_delegation(stage: &Stage, provider: FinalityProviderKey) -> Stake {
    let staker = stage.staker().await.unwrap();
    let register = || stage.register(&staker, provider, STAKE, STAKING_TIME);
    let (stake, other) = (register().await.unwrap(), register().await.unwrap());
    let both = [&stake, &other].map(|one| one.staking_tx.compute_txid());

    let delegation = stored(stage, &stake).await;
    assert_eq!(delegation.status, DelegationStatus::Pending);
    let staking_tx = delegation.staking_output.transaction();
    assert_eq!(staking_tx, Some(&stake.staking_tx));
    assert_eq!(delegation.staking_value, STAKE);
    assert_eq!(delegation.finality_providers, [provider]);
    assert_eq!(delegation.bitcoin_span, None);
    let params = stage.chain.staking_params().await.unwrap();
    let params = params.version(delegation.params_version).unwrap();
    let valid = delegation.validate(params).unwrap();
    assert_eq!(
        valid.unbonding_outpoint(),
        stake.delegation.unbonding_outpoint()
    );
    let signatures = delegation.staker_signatures();
    valid.check_staker_signatures(&signatures).unwrap();
    assert_same(txids(stage, Some(DelegationStatus::Pending)).await, &both);
    assert_same(txids_of(stage, provider).await, &both);

    stage.cosign(&stake).await.unwrap();
    assert_eq!(stored(stage, &stake).await.covenant_signatures().len(), 2);
    assert_same(
        txids(stage, Some(DelegationStatus::Verified)).await,
        &both[..1],
    );
    stage.activate(&stake).await.unwrap();
    let (start, end) = stored(stage, &stake).await.bitcoin_span.unwrap();
    assert_eq!(end.0 - start.0, u32::from(STAKING_TIME));
    for (status, expected) in [
        (None, both.as_slice()),
        (Some(DelegationStatus::Pending), &both[1..]),
        (Some(DelegationStatus::Verified), &[]),
        (Some(DelegationStatus::Active), &both[..1]),
        (Some(DelegationStatus::Unbonded), &[]),
        (Some(DelegationStatus::Expired), &[]),
    ] {
        assert_same(txids(stage, status).await, expected);
    }
    stake
}

async fn voting_power_and_votes(stage: &Stage, provider: &Provider) -> FinalityBlock {
    let chain = &stage.chain;
    let key = provider.key;
    let first = poll_until(DEADLINE, "voting power", || async {
        let height = chain.finality_activated_at().await?;
        height.ok_or(anyhow::anyhow!("none yet"))
    })
    .await
    .unwrap();
    let power = chain.voting_power(&key, first).await.unwrap();
    assert_eq!(power, STAKE.to_sat());
    let active = chain.active_finality_providers(first).await.unwrap();
    assert_eq!(active, [(key, STAKE.to_sat())]);

    let block = poll_until(DEADLINE, "the block to vote for", || async {
        let block = chain.finality_block(first).await?;
        block.ok_or(anyhow::anyhow!("not there yet"))
    })
    .await
    .unwrap();
    assert_eq!((block.height, block.finalized), (first, false));
    let vote = provider
        .vote(first, block.content.app_hash().unwrap())
        .await
        .unwrap();
    provider.chain.submit(vec![vote]).await.remove(0).unwrap();
    assert_eq!(chain.votes(first).await.unwrap(), [key]);
    poll_until(DEADLINE, "the block to be final", || async {
        let last = chain.last_finalized_block().await?;
        ensure!(last == Some(first), "the last final block is {last:?}");
        Ok(())
    })
    .await
    .unwrap();
    let block = chain.finality_block(first).await.unwrap().unwrap();
    assert!(block.finalized);

    let info = chain.signing_info(&key).await.unwrap().unwrap();
    assert!(info.start_height >= first);
    assert!(
        info.jailed_until
            .is_none_or(|until| until < SystemTime::now())
    );
    let known = chain.finality_provider(&key).await.unwrap().unwrap();
    assert_eq!(known.highest_voted_height, Some(first));
    block
}

async fn rewards(provider: &Provider) {
    let rewards = poll_until(DEADLINE, "rewards of the final block", || async {
        let rewards = provider.chain.rewards().await?;
        ensure!(!rewards.is_empty(), "none yet");
        Ok(rewards)
    })
    .await
    .unwrap();
    assert!(
        rewards
            .iter()
            .all(|reward| reward.amount > 0 && reward.denomination == "ubbn")
    );
    assert!(
        rewards
            .iter()
            .any(|reward| reward.kind == "finality_provider"),
        "{rewards:?}"
    );
}

async fn equivocation(stage: &Stage, provider: &Provider, block: FinalityBlock) {
    let fork = provider.vote(block.height, [0xff; 32]).await.unwrap();
    provider.chain.submit(vec![fork]).await.remove(0).unwrap();
    let chain = &stage.chain;
    let [evidence] = chain
        .double_votes(ChainHeight(0))
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(evidence.finality_provider, provider.key);
    let extracted = extracted(&evidence).public_key();
    assert_eq!(extracted, provider.secret.public_key());
    let later = ChainHeight(block.height.0 + 1);
    assert!(chain.double_votes(later).await.unwrap().is_empty());
    let known = chain.finality_provider(&provider.key).await.unwrap();
    assert!(known.unwrap().slashed_at.is_some());
}

fn extracted(evidence: &DoubleVote) -> SecretKey {
    let canonical = vote_message(evidence.height.0, &evidence.canonical_app_hash);
    let fork = vote_message(evidence.height.0, &evidence.fork_app_hash);
    extract(
        &Native,
        &evidence.finality_provider.into(),
        &evidence.public_randomness,
        Signed {
            message: &canonical,
            signature: evidence.canonical_signature.as_ref().unwrap(),
        },
        Signed {
            message: &fork,
            signature: &evidence.fork_signature,
        },
    )
    .unwrap()
}

async fn stored(stage: &Stage, stake: &Stake) -> Delegation {
    let txid = stake.staking_tx.compute_txid();
    stage.chain.delegation(txid).await.unwrap().unwrap()
}

/// All delegations in a status, read in the smallest pages.
async fn txids(stage: &Stage, status: Option<DelegationStatus>) -> Vec<Txid> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = stage
            .chain
            .delegations(status, after, NonZeroU32::MIN)
            .await;
        let page = page.unwrap();
        assert!(page.invalid.is_empty(), "{:?}", page.invalid);
        found.extend(page.delegations.iter().map(Delegation::staking_txid));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// All delegations to a provider, read in the smallest pages.
async fn txids_of(stage: &Stage, provider: FinalityProviderKey) -> Vec<Txid> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = stage
            .chain
            .delegations_to(&provider, after, NonZeroU32::MIN)
            .await
            .unwrap();
        assert!(page.invalid.is_empty(), "{:?}", page.invalid);
        found.extend(page.delegations.iter().map(Delegation::staking_txid));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// The same delegations, in whatever order.
fn assert_same(mut found: Vec<Txid>, expected: &[Txid]) {
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
