//! One example of every message, each of which the contract took: `schema/examples.jsonl`.
//!
//! They are the messages of one story, in its order: two providers and their stakers, an epoch, rewards, a spend, deceit of
//! every kind, a stall, and the end.

use bitcoin::consensus::serialize;
use bitcoin::hashes::{Hash, sha256};
use btc_mesh::msg::{Bytes32, ExecuteMsg, Params, QueryMsg, TableResponse};
use cosmwasm_std::{Coin, coins, to_json_string};

use crate::rig::{
    DENOM, GOVERNANCE, Rig, Staking, Terms, Voter, block_hash, covenant_set, examples, params,
    secret,
};

/// Checkpoints of an epoch.
const EPOCH: u32 = 4;

/// What was told, one line each.
struct Story {
    rig: Rig,
    lines: String,
}

impl Story {
    fn tell(&mut self, sender: &str, message: ExecuteMsg) {
        self.tell_with(sender, &[], message);
    }

    fn tell_with(&mut self, sender: &str, coins: &[Coin], message: ExecuteMsg) {
        let told = to_json_string(&message).unwrap();
        let line = format!("{{\"sender\":\"{sender}\",\"message\":{told}}}\n");
        let answer = self.rig.execute_with(sender, coins, message);
        answer.unwrap_or_else(|error| panic!("{line}: {error}"));
        self.lines.push_str(&line);
    }

    /// Stakes are shown and counted.
    fn stake(&mut self, stakings: &[&Staking]) {
        let rig = &mut self.rig;
        let known = rig.bitcoin.height();
        let transactions: Vec<_> = stakings.iter().map(|staking| staking.tx.clone()).collect();
        let inclusions = rig.bitcoin.mine_block(&transactions);
        rig.bitcoin.mine(params().depth_min);
        rig.bring(known);
        let (domain, address) = (rig.domain(), rig.address("staker"));
        for (staking, inclusion) in stakings.iter().zip(inclusions) {
            let consent = staking.consent(1, &[(domain, 5_000, &address)]);
            let message = staking.msg(&inclusion, consent);
            self.tell("anybody", ExecuteMsg::Stake(Box::new(message)));
        }
        self.rig.mine(params().challenge);
        for staking in stakings {
            let outpoint = staking.outpoint();
            self.tell("anybody", ExecuteMsg::Activate { outpoint });
        }
    }

    /// A provider votes alone for an epoch, and the next table follows.
    fn epoch(&mut self, epoch: u64, voter: &Voter) {
        let table = self.rig.table(epoch);
        let last = table.term.last_checkpoint().unwrap();
        self.rig.env.block.height = table.term.height(last).unwrap() + 1;
        let items = (table.term.first_checkpoint..last)
            .map(|k| voter.vote(&table, k, None))
            .collect();
        self.tell("anybody", ExecuteMsg::Votes { items });
        self.tell("anybody", ExecuteMsg::Roll {});
        let next: TableResponse = self.rig.ask(QueryMsg::NextTable {});
        let items = vec![voter.vote(&table, last, Some(&next.root))];
        self.tell("anybody", ExecuteMsg::Votes { items });
        self.rig.env.block.height += u64::from(params().late);
        self.tell("anybody", ExecuteMsg::Settle { epoch, limit: 100 });
    }
}

fn story() -> String {
    let numbers = Params {
        epoch_len: EPOCH,
        window: EPOCH,
        margin: 2,
        participation_floor: 5_000,
        ..params()
    };
    let set = covenant_set(3, 2);
    let mut story = Story {
        rig: Rig::with(numbers, vec![set.clone()]),
        lines: String::new(),
    };
    let (domain, operator) = (story.rig.domain(), story.rig.address("operator"));
    let [diligent, idle, careless] = ["diligent", "idle", "careless"]
        .map(|name| Voter::new(secret(name), domain, u64::from(6 * EPOCH)));
    for voter in [&diligent, &idle, &careless] {
        story.tell("anybody", voter.registration(&operator, 1_000));
        story.tell("anybody", voter.commit(1));
    }
    let stake = |number, value, provider: &Voter| {
        let terms = Terms {
            value,
            ..Terms::number(number)
        };
        Staking::new(&set, &provider.key, terms)
    };
    let large = stake(1, 10_000_000, &diligent);
    let small = stake(2, 1_000_000, &idle);
    let deceitful = stake(3, 1_000_000, &careless);
    story.stake(&[&large, &small, &deceitful]);
    story.tell(GOVERNANCE, ExecuteMsg::Start {});

    let income = coins(1_000_000, DENOM);
    story.rig.set_balance(1_000_000);
    story.tell_with("anybody", &income, ExecuteMsg::Fund {});
    story.epoch(0, &diligent);
    let outpoint = large.outpoint();
    let claim = ExecuteMsg::Claim {
        outpoints: vec![outpoint],
        providers: vec![diligent.pk()],
    };
    story.tell("anybody", claim);
    // Who voted for nothing in the epoch that was settled is in jail from the next table on.
    story.epoch(1, &diligent);
    story.epoch(2, &diligent);
    story.tell("operator", ExecuteMsg::Unjail { pk: idle.pk() });

    let address = story.rig.address("staker");
    let consent =
        |staking: &Staking, seq, share| staking.consent(seq, &[(domain, share, &address)]);
    let less = ExecuteMsg::Consent {
        outpoint,
        consent: consent(&large, 2, 4_000),
    };
    story.tell("anybody", less);
    let conflict = ExecuteMsg::ConsentConflict {
        outpoint: deceitful.outpoint(),
        first: consent(&deceitful, 2, 5_000),
        second: consent(&deceitful, 2, 6_000),
    };
    story.tell("watcher", conflict);
    let spend = small.expansion();
    let known = story.rig.bitcoin.height();
    let inclusion = story
        .rig
        .bitcoin
        .mine_block(std::slice::from_ref(&spend))
        .remove(0);
    story.rig.bitcoin.mine(params().depth_min);
    story.rig.bring(known);
    let report = ExecuteMsg::ReportSpend {
        outpoint: small.outpoint(),
        tx: serialize(&spend).into(),
        vin: 1,
        inclusion,
    };
    story.tell("watcher", report);
    story.tell("anybody", ExecuteMsg::Expire { limit: 100 });
    story.tell("anybody", ExecuteMsg::Unwind { limit: 100 });

    let messages = [b"one block".as_slice(), b"another block"];
    let [(r, s1), (_, s2)] = messages.map(|message| careless.sign(20, message));
    let evidence = ExecuteMsg::Evidence {
        pk: careless.pk(),
        r,
        msg1: messages[0].into(),
        s1,
        msg2: messages[1].into(),
        s2,
    };
    story.tell("watcher", evidence);
    let hashes = messages.map(|message| sha256::Hash::hash(message).to_byte_array());
    let by_hash = ExecuteMsg::EvidenceByHash {
        pk: careless.pk(),
        r,
        signed: [hashes[0], s1.0, hashes[1], s2.0].concat().into(),
    };
    story.tell("watcher", by_hash);
    let shown = ExecuteMsg::Slash {
        pk: idle.pk(),
        sk: Bytes32(*idle.key.to_bytes()),
    };
    story.tell("watcher", shown);

    story.rig.mine(params().stall_min);
    story.tell("anybody", ExecuteMsg::Poke {});
    let resume = ExecuteMsg::Resume {
        hash: block_hash(story.rig.status().next),
        exclude: vec![idle.pk()],
        drop: vec![small.outpoint()],
    };
    story.tell(GOVERNANCE, resume);
    let slower = ExecuteMsg::UpdateParams {
        params: Params {
            interval: 20,
            ..numbers
        },
        covenants: vec![set],
    };
    story.tell(GOVERNANCE, slower);
    story.tell(GOVERNANCE, ExecuteMsg::Close {});
    // What came in since the last settlement is nobody's.
    story.rig.set_balance(1_100_000);
    let denom = DENOM.to_owned();
    story.tell(GOVERNANCE, ExecuteMsg::Sweep { denom });
    story.lines
}

#[test]
fn every_message_has_an_example_that_the_contract_took() {
    let schema = include_str!("../../schema/btc-mesh.json");
    examples::check(env!("CARGO_MANIFEST_DIR"), schema, &story());
}
