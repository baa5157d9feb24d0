//! One example of every message, each of which the contract took: `schema/examples.jsonl`.
//!
//! They are the messages of one story, in its order: an epoch and the next table, two keys that come out, a new era.

use btc_mirror::msg::ExecuteMsg;
use cosmwasm_std::to_json_string;

use crate::pair::Pair;
use crate::rig::examples;
use crate::subject::{EPOCH, secret_key};

/// What was told, one line each.
struct Story {
    pair: Pair,
    lines: String,
}

impl Story {
    fn tell(&mut self, sender: &str, message: ExecuteMsg) {
        let told = to_json_string(&message).unwrap();
        let line = format!("{{\"sender\":\"{sender}\",\"message\":{told}}}\n");
        let answer = self.pair.mirror.execute_with(sender, &[], message);
        answer.unwrap_or_else(|error| panic!("{line}: {error}"));
        self.lines.push_str(&line);
    }

    /// The first two providers vote on both chains.
    fn vote(&mut self, k: u64) {
        let subject = &mut self.pair.subject;
        let items: Vec<_> = (0..2).map(|number| subject.vote(number, k)).collect();
        subject.cast(&items);
        self.tell("anybody", ExecuteMsg::Votes { items });
    }
}

fn story() -> String {
    let mut story = Story {
        pair: Pair::new(&[10, 10, 1, 1]),
        lines: String::new(),
    };
    for k in 0..EPOCH {
        if k == EPOCH - 1 {
            story.pair.subject.roll();
        }
        story.vote(k);
    }
    let table = Box::new(story.pair.subject.table(1));
    story.tell("anybody", ExecuteMsg::NextTable { table });
    story.tell("anybody", ExecuteMsg::Poke {});

    let messages = [b"one block".as_slice(), b"another block"];
    let careless = &story.pair.subject.providers[2];
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
    let known = &story.pair.subject.providers[3];
    let (pk, sk) = (known.pk(), secret_key(known));
    story.tell("watcher", ExecuteMsg::Slash { pk, sk });

    story.pair.subject.resume();
    story.pair.mirror.bring(&story.pair.subject.rig.bitcoin);
    let table = Box::new(story.pair.subject.table(2));
    story.tell("governance", ExecuteMsg::Repin { table });
    story.lines
}

#[test]
fn every_message_has_an_example_that_the_contract_took() {
    let schema = include_str!("../../schema/btc-mirror.json");
    examples::check(env!("CARGO_MANIFEST_DIR"), schema, &story());
}
