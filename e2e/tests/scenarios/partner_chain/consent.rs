//! What a staker lets each of two instances count, and what comes of telling them different things.

use serde_json::{Value, json};
use testenv::partner_chain::{CHALLENGE, CONSENT_DELAY, PartnerChain, Stake, params};

use super::scene::{Scene, VALUE, WHOLE, accepted, fresh_key, refusal, told};

pub(crate) async fn s22_two_lists_under_one_number_end_a_stake_and_a_newer_one_moves_it(
    chain: &PartnerChain,
) {
    let key = [fresh_key()];
    let x = Scene::with_providers(chain, &params(), &key).await;
    let y = Scene::with_providers(chain, &params(), &key).await;
    let list = |stake: &Stake, seq: u32, shares: [u16; 2]| {
        let domains = [(x.mesh.domain(), &x.rewards), (y.mesh.domain(), &y.rewards)];
        let shares: Vec<_> = domains
            .into_iter()
            .zip(shares)
            .filter(|(_, share)| *share > 0)
            .map(|((domain, rewards), share)| (domain, share, rewards))
            .collect();
        stake.consent(seq, &shares).unwrap()
    };
    let stakes = [x.sign(0, 1_000), x.sign(0, 1_000)];
    let [honest, cheat] = &stakes;
    x.bury(&stakes).await;
    let split = list(honest, 1, [6_000, 4_000]);
    // Each is shown a list that gives it everything.
    let lists = [list(cheat, 1, [WHOLE, 0]), list(cheat, 1, [0, WHOLE])];
    for (scene, shown) in [(&x, &lists[0]), (&y, &lists[1])] {
        let messages = [
            scene.shown_with(honest, &split),
            scene.shown_with(cheat, shown),
        ];
        accepted(scene.mesh.execute_all(&messages).await);
    }
    chain.mine(CHALLENGE).await.unwrap();
    for (scene, honest_part) in [(&x, 6_000), (&y, 4_000)] {
        accepted(
            scene
                .mesh
                .execute_all(&[honest.activation(), cheat.activation()])
                .await,
        );
        assert_eq!(scene.sats(0).await, part(honest_part) + VALUE);
    }

    let proof = |first: &Value, second: &Value| {
        let outpoint = cheat.outpoint().to_string();
        json!({ "consent_conflict": { "outpoint": outpoint, "first": first, "second": second } })
    };
    let same = x.mesh.execute(proof(&lists[0], &lists[0])).await;
    assert_eq!(
        refusal(same),
        "the two consents have different numbers or are the same: they prove nothing"
    );
    x.mesh.execute(proof(&lists[0], &lists[1])).await.unwrap();
    let conflict = json!({ "ended": { "reason": { "conflict": {} } } });
    assert_eq!(x.known(cheat).await["status"], conflict);
    assert_eq!(x.sats(0).await, part(6_000), "the other stake counts on");
    // To the other chain its own newest list and this one are the proof.
    y.mesh
        .execute(cheat.consent_message(&lists[0]))
        .await
        .unwrap();
    assert_eq!(y.known(cheat).await["status"], conflict);
    assert_eq!(y.sats(0).await, part(4_000));

    let moved = list(honest, 2, [0, WHOLE]);
    let seen = y
        .mesh
        .execute(honest.consent_message(&moved))
        .await
        .unwrap();
    let from = y.status("tip").await + CONSENT_DELAY;
    assert_eq!(told(&seen, "consent", "increase"), WHOLE.to_string());
    assert_eq!(told(&seen, "consent", "from"), from.to_string());
    assert_eq!(x.sats(0).await, part(6_000), "not shown here yet");
    x.mesh
        .execute(honest.consent_message(&moved))
        .await
        .unwrap();
    assert_eq!(x.sats(0).await, 0);
    assert_eq!(
        refusal(x.mesh.execute(honest.consent_message(&split)).await),
        "consent 1 was replaced by number 2; it means nothing any more"
    );
    chain.mine(CONSENT_DELAY - 1).await.unwrap();
    assert_eq!(
        refusal(y.mesh.execute(honest.activation()).await),
        format!(
            "the increase of the share may count from height {from} on, Bitcoin's tip is {}",
            from - 1
        )
    );
    chain.mine(1).await.unwrap();
    y.mesh.execute(honest.activation()).await.unwrap();
    assert_eq!(y.sats(0).await, VALUE);
}

/// So many basis points of a stake, rounded down.
fn part(basis_points: u64) -> u64 {
    VALUE * basis_points / u64::from(WHOLE)
}
