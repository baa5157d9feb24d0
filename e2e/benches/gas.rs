//! What the contracts' messages cost on a stock `wasmd`: `gas_used` of real transactions.
//!
//! ```text
//! cargo bench --profile dev --package e2e --bench gas
//! ```
//!
//! A regtest `bitcoind`, a hundred providers with a stake each under a committee of nine (quorum six), and one transaction
//! for each measurement, with whatever the chain itself takes for it. Gas does not depend on how fast this program is.

#![allow(clippy::print_stdout, missing_docs)]

use anyhow::{Context as _, ensure};
use bitcoin::Amount;
use bitcoin::hashes::{Hash as _, sha256};
use chain::wasm::Executed;
use eots::SecretKey;
use serde_json::{Value, json};
use staking::proof_of_possession::AccountAddress;
use testenv::partner_chain::{
    CHALLENGE, Checkpoint, DEPTH, Mesh, PartnerChain, Provider, Stake, UNBONDING,
    ancestors_message, base64, bitcoin_with_coins, headers_message, params,
};
use testenv::provision;
use testenv::scenario::Committee;

/// Providers of the table: as many as one has at most.
const PROVIDERS: usize = 100;

/// Stakes that expire together.
const EXPIRING: usize = 20;

/// What each stake is worth, sat.
const VALUE: Amount = Amount::from_sat(1_000_000);

/// A timelock beyond the end, and one that ends soon.
const LONG: u16 = 10_000;
const SHORT: u16 = 125;

/// Headers that the light client keeps, and of older ones every so many-th.
const KEPT: u64 = 4_032;
const SPACING: u64 = 144;

/// Votes of a measured batch.
const BATCH: usize = 50;

/// Votes of a batch that is refused.
const REFUSED: usize = 40;

/// What some of it may be at most.
const LIMITS: [(&str, u64); 9] = [
    ("header, in a batch of 144, each", 7_000),
    ("stake registration, quorum 6 of 9", 450_000),
    ("EOTS verification", 1_500),
    ("vote, alone", 130_000),
    ("vote, each further one of a message", 22_000),
    ("roll with 100 entries", 2_000_000),
    ("evidence of two messages", 120_000),
    ("evidence of two hashes", 120_000),
    ("a key as it is", 120_000),
];

/// A line of the table.
struct Line {
    action: &'static str,
    gas: u64,
    estimate: &'static str,
}

/// An instance, and what is measured of it.
struct Bench<'a> {
    chain: &'a PartnerChain,
    mesh: Mesh<'a>,
    committee: Committee,
    operator: AccountAddress,
    lines: Vec<Line>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bitcoind = bitcoin_with_coins().await?;
    // A coin for each stake.
    bitcoind.mine(PROVIDERS as u64)?;
    let chain = PartnerChain::launch(bitcoind).await?;
    let committee = Committee::of(9, 6);
    let mut bench = Bench {
        chain: &chain,
        mesh: chain.begin_mesh(&params(), &committee).await?,
        committee,
        operator: chain.fresh_address()?,
        lines: Vec::new(),
    };
    bench.headers().await?;
    let providers = bench.providers().await?;
    let stakes = bench.stakes(&providers).await?;
    bench.votes(&providers).await?;
    bench.evidence(&providers[PROVIDERS - 3..]).await?;
    bench.spend(&stakes[0]).await?;
    bench.rewards(&providers, &stakes).await?;
    bench.ancestors().await?;
    bench.print()
}

impl Bench<'_> {
    fn note(&mut self, action: &'static str, gas: u64, estimate: &'static str) {
        println!("… {action}: {gas}");
        self.lines.push(Line {
            action,
            gas,
            estimate,
        });
    }

    /// A day of headers in one message, and one alone.
    async fn headers(&mut self) -> anyhow::Result<()> {
        for (blocks, action, estimate) in [
            (144, "header, in a batch of 144, each", "6,000"),
            (1, "header, alone", ""),
        ] {
            let known = self.chain.bitcoind.height()?;
            self.chain.bitcoind.mine(blocks)?;
            let message = headers_message(&self.chain.bitcoind, known + 1..=known + blocks)?;
            let executed = self.chain.tell_light(&message).await?;
            self.note(action, executed.gas_used / blocks, estimate);
        }
        Ok(())
    }

    /// All that was forgotten between two headers that are kept for good.
    async fn ancestors(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            self.chain.mine(KEPT / 2).await?;
        }
        let forgotten = SPACING + 1..=2 * SPACING - 1;
        let count = SPACING - 1;
        let message = ancestors_message(&self.chain.bitcoind, forgotten)?;
        let executed = self.chain.tell_light(&message).await?;
        let action = "forgotten header, in a batch of 143, each";
        self.note(action, executed.gas_used / count, "");
        Ok(())
    }

    async fn providers(&mut self) -> anyhow::Result<Vec<Provider>> {
        let providers = (0..PROVIDERS)
            .map(|_| Provider::new(self.mesh.domain(), SecretKey::from_bytes(&rand::random())?))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let operator = self.operator.text().to_owned();
        let (first, others) = providers.split_first().context("no provider")?;
        let registration = self.tell(first.registration(1, &operator, 1_000)?).await?;
        self.note("provider registration", registration.gas_used, "130,000");
        let commit = self.tell(first.commit(1)?).await?;
        self.note("commit of randomness", commit.gas_used, "120,000");
        let mut messages = Vec::new();
        for provider in others {
            messages.push(provider.registration(1, &operator, 1_000)?);
            messages.push(provider.commit(1)?);
        }
        self.tell_all(&messages).await?;
        Ok(providers)
    }

    /// A stake for each provider, and the first table.
    async fn stakes(&mut self, providers: &[Provider]) -> anyhow::Result<Vec<Stake>> {
        let stakes = providers
            .iter()
            .map(|provider| self.sign(provider, LONG))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let messages = self.bury(&stakes).await?;
        let (first, others) = messages.split_first().context("no stake")?;
        let shown = self.tell(first.clone()).await?;
        self.note(
            "stake registration, quorum 6 of 9",
            shown.gas_used,
            "350,000 to 450,000",
        );
        self.tell_all(others).await?;
        self.chain.mine(CHALLENGE).await?;
        let activations: Vec<_> = stakes.iter().map(Stake::activation).collect();
        let (first, others) = activations.split_first().context("no stake")?;
        let activated = self.tell(first.clone()).await?;
        self.note("activation", activated.gas_used, "");
        self.tell_all(others).await?;
        self.expiry(&providers[0]).await?;
        let started = self.mesh.govern(json!({ "start": {} })).await?;
        self.note("start with 100 entries", started.gas_used, "");
        Ok(stakes)
    }

    /// Stakes whose time is over.
    async fn expiry(&mut self, provider: &Provider) -> anyhow::Result<()> {
        let stakes = (0..EXPIRING)
            .map(|_| self.sign(provider, SHORT))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let messages = self.bury(&stakes).await?;
        self.tell_all(&messages).await?;
        self.chain.mine(CHALLENGE).await?;
        let activations: Vec<_> = stakes.iter().map(Stake::activation).collect();
        self.tell_all(&activations).await?;
        self.chain.mine((SHORT - UNBONDING).into()).await?;
        let one = self.tell(json!({ "expire": { "limit": 1 } })).await?;
        let rest = self
            .tell(json!({ "expire": { "limit": EXPIRING } }))
            .await?;
        let each = (rest.gas_used - one.gas_used) / (EXPIRING as u64 - 2);
        self.note("expiry, each further stake", each, "15,000");
        Ok(())
    }

    /// The first epoch's checkpoints become final.
    async fn votes(&mut self, providers: &[Provider]) -> anyhow::Result<()> {
        let checkpoint = self.mesh.checkpoint(0).await?;
        let mut wrong_path = Vec::new();
        let mut wrong_signature = Vec::new();
        for pair in providers[..=REFUSED].windows(2) {
            let [provider, neighbour] = pair else {
                continue;
            };
            let mut vote = provider.vote(&checkpoint)?;
            vote["s"] = vote["r"].clone();
            wrong_signature.push(vote.clone());
            vote["aunts"] = neighbour.vote(&checkpoint)?["aunts"].clone();
            wrong_path.push(vote);
        }
        let path = self.votes_of(wrong_path).await?;
        let signature = self.votes_of(wrong_signature).await?;
        self.note(
            "EOTS verification",
            signature.gas_used.abs_diff(path.gas_used) / REFUSED as u64,
            "1,420",
        );

        let vote = |provider: &Provider| provider.vote(&checkpoint);
        let one = self.votes_of(vec![vote(&providers[0])?]).await?;
        self.note("vote, alone", one.gas_used, "130,000");
        let batch = providers[1..=BATCH]
            .iter()
            .map(vote)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let many = self.votes_of(batch).await?;
        let each = (many.gas_used - one.gas_used) / (BATCH as u64 - 1);
        self.note("vote, each further one of a message", each, "22,000");
        let rest = providers[BATCH + 1..]
            .iter()
            .map(vote)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let last = self.votes_of(rest).await?;
        ensure!(
            tells(&last, "wasm-final"),
            "checkpoint 0 is not final: {last:?}"
        );
        let sum = one.gas_used + many.gas_used + last.gas_used;
        self.note("a checkpoint with 100 votes in 3 messages", sum, "");

        for number in [1, 2] {
            self.finalise(number, providers).await?;
        }
        let rolled = self.tell(json!({ "roll": {} })).await?;
        self.note("roll with 100 entries", rolled.gas_used, "2,000,000");
        self.finalise(3, providers).await
    }

    async fn finalise(&mut self, number: u64, providers: &[Provider]) -> anyhow::Result<()> {
        let checkpoint = self.mesh.checkpoint(number).await?;
        for voters in providers.chunks(BATCH) {
            let votes = voters
                .iter()
                .map(|provider| provider.vote(&checkpoint))
                .collect::<anyhow::Result<Vec<_>>>()?;
            self.votes_of(votes).await?;
        }
        let status = self.mesh.status().await?;
        ensure!(status["next"] == number + 1, "it is not final: {status}");
        Ok(())
    }

    /// Of three providers: two messages under one randomness, their hashes, and the key as it is.
    async fn evidence(&mut self, cheats: &[Provider]) -> anyhow::Result<()> {
        let [cheat, hasty, careless] = cheats else {
            anyhow::bail!("not three providers")
        };
        let checkpoint = self.mesh.checkpoint(4).await?;
        let slash = json!({ "slash": {
            "pk": careless.public_key().to_string(),
            "sk": hex::encode(*careless.secret().to_bytes()),
        }});
        for (message, action) in [
            (two_votes(cheat, &checkpoint)?, "evidence of two messages"),
            (two_hashes(hasty, &checkpoint)?, "evidence of two hashes"),
            (slash, "a key as it is"),
        ] {
            let shown = self.tell(message).await?;
            ensure!(
                tells(&shown, "wasm-slashed"),
                "nobody is slashed: {shown:?}"
            );
            self.note(action, shown.gas_used, "120,000");
        }
        Ok(())
    }

    /// The spend of a stake that is reported.
    async fn spend(&mut self, stake: &Stake) -> anyhow::Result<()> {
        let unbonding = stake.unbonding()?;
        self.chain.confirm(&[&unbonding], DEPTH).await?;
        let inclusion = self.chain.inclusion(unbonding.compute_txid())?;
        let reported = self.tell(stake.report(&unbonding, &inclusion)).await?;
        self.note("report of a spend", reported.gas_used, "180,000");
        Ok(())
    }

    /// An epoch's rewards.
    async fn rewards(&mut self, providers: &[Provider], stakes: &[Stake]) -> anyhow::Result<()> {
        self.mesh.fund(100_000_000).await?;
        let settle = json!({ "settle": { "epoch": 0, "limit": PROVIDERS } });
        let settled = self.tell(settle).await?;
        self.note("settlement of 100 providers", settled.gas_used, "");
        let claim = json!({ "claim": {
            "outpoints": [stakes[1].outpoint().to_string()],
            "providers": [providers[1].public_key().to_string()],
        }});
        let claimed = self.tell(claim).await?;
        self.note("claim of a stake and a commission", claimed.gas_used, "");
        Ok(())
    }

    fn sign(&self, provider: &Provider, timelock: u16) -> anyhow::Result<Stake> {
        let key = provider.public_key();
        Stake::sign(&self.chain.bitcoind, &self.committee, &key, VALUE, timelock)
    }

    /// Has Bitcoin confirm stakes; answers with the messages that show them.
    async fn bury(&self, stakes: &[Stake]) -> anyhow::Result<Vec<Value>> {
        let transactions: Vec<_> = stakes.iter().map(|stake| &stake.transaction).collect();
        self.chain.confirm(&transactions, DEPTH).await?;
        stakes
            .iter()
            .map(|stake| {
                let shares = [(self.mesh.domain(), 10_000, &self.operator)];
                let inclusion = self.chain.inclusion(stake.transaction.compute_txid())?;
                stake.message(&inclusion, &stake.consent(1, &shares)?)
            })
            .collect()
    }

    async fn tell(&self, message: Value) -> anyhow::Result<Executed> {
        Ok(self.mesh.execute(message).await?)
    }

    async fn tell_all(&self, messages: &[Value]) -> anyhow::Result<()> {
        for executed in self.mesh.execute_all(messages).await {
            executed?;
        }
        Ok(())
    }

    async fn votes_of(&self, items: Vec<Value>) -> anyhow::Result<Executed> {
        self.tell(json!({ "votes": { "items": items } })).await
    }

    fn print(&self) -> anyhow::Result<()> {
        println!("\n| action | gas | at most | estimate |\n|---|---|---|---|");
        for Line {
            action,
            gas,
            estimate,
        } in &self.lines
        {
            let limit = LIMITS.iter().find(|(limited, _)| limited == action);
            let limit = limit.map_or(String::new(), |(_, limit)| limit.to_string());
            println!("| {action} | {gas} | {limit} | {estimate} |");
        }
        let folder = provision::contracts()?;
        for name in ["btc_light", "btc_mesh", "btc_mirror", "escrow"] {
            let size = std::fs::metadata(folder.join(format!("{name}.wasm")))?.len();
            println!("| size of {name}.wasm, bytes | {size} | 819200 | |");
        }
        Ok(())
    }
}

/// Votes of one provider for two blocks at a checkpoint, as evidence.
fn two_votes(provider: &Provider, checkpoint: &Checkpoint) -> anyhow::Result<Value> {
    let other = [0x5a; 32];
    let first = provider.vote(checkpoint)?;
    let second = provider.vote_for(checkpoint, &other)?;
    Ok(json!({ "evidence": {
        "pk": first["pk"],
        "r": first["r"],
        "msg1": base64(checkpoint.message(&checkpoint.hash)?),
        "s1": first["s"],
        "msg2": base64(checkpoint.message(&other)?),
        "s2": second["s"],
    }}))
}

/// The same by the hashes of what was signed.
fn two_hashes(provider: &Provider, checkpoint: &Checkpoint) -> anyhow::Result<Value> {
    let other = [0x5a; 32];
    let first = provider.vote(checkpoint)?;
    let second = provider.vote_for(checkpoint, &other)?;
    let mut signed = Vec::new();
    for (vote, hash) in [(&first, &checkpoint.hash), (&second, &other)] {
        let message = checkpoint.message(hash)?;
        signed.extend(sha256::Hash::hash(&message).to_byte_array());
        signed.extend(hex::decode(vote["s"].as_str().context("no signature")?)?);
    }
    Ok(json!({ "evidence_by_hash": {
        "pk": first["pk"],
        "r": first["r"],
        "signed": base64(signed),
    }}))
}

fn tells(executed: &Executed, kind: &str) -> bool {
    executed.events.iter().any(|event| event.kind == kind)
}
