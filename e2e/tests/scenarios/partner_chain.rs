//! The contracts of a partner chain on real nodes: stock `wasmd` beside a regtest `bitcoind`. The numbers are those of the
//! scenarios in the design.

mod age;
mod bitcoin_view;
mod books;
pub(crate) mod burn;
mod consent;
mod copies;
mod curve;
mod edges;
mod escrow;
mod finality;
mod fork;
mod inclusion;
mod mainnet;
mod malformed;
mod mirror;
mod reorganisation;
pub(crate) mod rewards;
mod scene;
mod spends;
mod stall;
mod state;

use testenv::partner_chain::PartnerChain;

async fn launch() -> PartnerChain {
    PartnerChain::launch_alone().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stake_makes_a_chain_final_and_is_paid_for_it() {
    let chain = launch().await;
    let life = finality::Life::begin(&chain).await;
    let deposit = escrow::Deposited::make(&life).await;
    life.s01_a_stake_counts_after_the_challenge_and_not_before()
        .await;
    life.s02_one_stake_counts_on_two_instances_by_its_shares()
        .await;
    life.s11_votes_from_elsewhere_are_refused_and_take_no_slot()
        .await;
    life.s09_three_quarters_make_a_checkpoint_final_at_once()
        .await;
    deposit
        .s35_only_a_proof_of_the_final_state_releases_it()
        .await;
    life.s12_a_second_vote_at_a_checkpoint_gives_the_key_away()
        .await;
    burn::s14_the_key_and_the_slash_kit_burn_the_stake(&life).await;
    life.s10_a_checkpoint_waits_for_the_one_before_it().await;
    life.s12_a_slashed_provider_is_in_no_later_table().await;
    life.s09_exactly_two_thirds_make_nothing_final().await;
    rewards::s23_what_is_paid_owed_and_left_is_what_came_in(&life).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bitcoin_is_believed_only_as_far_as_its_work_goes() {
    let chain = launch().await;
    bitcoin_view::s04_headers_that_break_bitcoins_rules_are_refused(&chain).await;
    mainnet::s04_only_real_work_counts_on_the_main_network(&chain).await;
    inclusion::s07_a_proof_of_another_place_is_refused(&chain).await;
    inclusion::s07_a_transaction_of_sixty_four_bytes_proves_nothing(&chain).await;
    reorganisation::s05_what_a_reorganisation_undid_must_be_proven_anew(&chain).await;
    spends::s20_a_spend_ends_a_stake_and_silence_forfeits_its_rewards(&chain).await;
    spends::s21_a_stake_ends_by_itself_when_nobody_reports(&chain).await;
    spends::s28_a_stake_withdrawn_before_it_was_shown_never_counts_if_it_is_reported(&chain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_believed_and_nothing_shrinks() {
    let chain = launch().await;
    malformed::s08_each_malformed_stake_is_refused_for_its_own_reason(&chain).await;
    copies::s36_copied_messages_serve_nobody_else(&chain).await;
    curve::s34_the_edges_of_key_recovery_are_judged_as_natively(&chain).await;
    copies::s18_only_the_randomness_in_the_table_counts(&chain).await;
    consent::s22_two_lists_under_one_number_end_a_stake_and_a_newer_one_moves_it(&chain).await;
    stall::s27_a_slash_shrinks_no_total(&chain).await;
    stall::s24_a_stall_ends_by_a_recorded_decision(&chain).await;
    age::s26_an_old_table_makes_nothing_final(&chain).await;
    age::s26_who_withdrew_during_a_stall_makes_nothing_final(&chain).await;
    age::s32_a_late_roll_delays_and_loses_nothing(&chain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewards_are_paid_once_and_nothing_is_lost() {
    books::s23_the_books_balance_whatever_happens(&launch().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_branches_of_a_chain_cannot_both_be_final_for_nothing() {
    fork::s16_s17_votes_of_one_branch_prove_nothing_on_the_other(&mut launch().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chain_follows_by_votes_and_signed_tables_alone() {
    let x = launch().await;
    let y = x.launch_beside().await.unwrap();
    let pair = mirror::Pair::begin(&x, &y).await;
    pair.s33_a_skipped_checkpoint_makes_nothing_final().await;
    pair.s13_a_key_that_came_out_on_one_chain_counts_on_the_other()
        .await;
    pair.s33_only_the_table_that_was_signed_comes_into_force()
        .await;
    pair.s33_each_table_signs_the_one_that_follows_it().await;
    pair.s33_a_resume_stops_the_mirror_until_it_is_repinned()
        .await;
}
