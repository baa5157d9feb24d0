#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs
)]
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Keypair, Message as M, SECP256K1, SecretKey};
use bitcoin::{BlockHash, CompactTarget, TxMerkleNode};
use chain::babylon::checkpoint::CheckpointStatus;
use chain::babylon::{AccountKey, Babylon, Config};
use chain::{Chain, CommitPublicRandomness, CreateFinalityProvider, Message};
use staking::keys::FinalityProviderKey;
use staking::proof_of_possession::ProofOfPossession;
use staking::units::ChainHeight;
use std::time::Instant;

fn mine(prev: &Header) -> Header {
    let mut h = Header {
        version: Version::from_consensus(4),
        prev_blockhash: prev.block_hash(),
        merkle_root: TxMerkleNode::from_byte_array([9; 32]),
        time: prev.time + 600,
        bits: CompactTarget::from_consensus(0x207fffff),
        nonce: 0,
    };
    while h.validate_pow(h.target()).is_err() {
        h.nonce += 1;
    }
    h
}
fn tally(rs: &[Result<chain::Receipt, chain::ChainError>]) -> String {
    let ok = rs.iter().filter(|r| r.is_ok()).count();
    let txs: std::collections::HashSet<_> = rs
        .iter()
        .filter_map(|r| r.as_ref().ok().map(|r| r.tx_hash.clone()))
        .collect();
    let heights: std::collections::BTreeSet<_> = rs
        .iter()
        .filter_map(|r| r.as_ref().ok().map(|r| r.height.0))
        .collect();
    let mut errs: Vec<String> = rs
        .iter()
        .filter_map(|r| r.as_ref().err().map(|e| e.to_string()))
        .collect();
    errs.dedup();
    errs.truncate(6);
    format!(
        "{ok}/{} ok in {} txs, heights {:?}, errors {errs:#?}",
        rs.len(),
        txs.len(),
        heights
    )
}

#[tokio::main]
async fn main() {
    tracing_subscriber_init();
    let url = std::env::var("GRPC").unwrap();
    let seed: [u8; 64] = hex::decode(std::env::var("SEED").unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let what = std::env::args().nth(1).unwrap_or_default();
    let key = AccountKey::from_seed(&seed).unwrap();
    let config = Config::new("chain-test", url.clone().try_into().unwrap());
    println!(
        "wrong chain: {}",
        Babylon::connect(
            Config::new("bbn-1", url.clone().try_into().unwrap()),
            key.clone()
        )
        .await
        .unwrap_err()
    );
    println!(
        "unreachable: {}",
        Babylon::connect(
            Config::new(
                "chain-test",
                "http://127.0.0.1:1".to_owned().try_into().unwrap()
            ),
            key.clone()
        )
        .await
        .unwrap_err()
    );
    let b = std::sync::Arc::new(Babylon::connect(config.clone(), key.clone()).await.unwrap());
    println!(
        "account {} balance {:?} height {:?}",
        b.account(),
        b.balance().await,
        b.height().await
    );
    if what == "queries" || what.is_empty() {
        println!("params {:#?}", b.staking_params().await);
        println!("lc params {:?}", b.light_client_params().await);
        println!("tip {:?}", b.light_client_tip().await);
        println!("base {:?}", b.light_client_base().await);
        println!(
            "contains zero {:?}",
            b.contains_header(&BlockHash::all_zeros()).await
        );
        println!("fin params {:?}", b.finality_params().await);
        println!("providers {:?}", b.finality_providers().await);
        let k: FinalityProviderKey =
            "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
                .parse()
                .unwrap();
        println!("provider {:?}", b.finality_provider(&k).await);
        println!("signing info {:?}", b.signing_info(&k).await);
        println!("power {:?}", b.voting_power(&k, ChainHeight(1)).await);
        println!("activated {:?}", b.finality_activated_at().await);
        println!("block {:?}", b.finality_block(ChainHeight(1)).await);
        println!("last fin {:?}", b.last_finalized_block().await);
        println!("votes {:?}", b.votes(ChainHeight(1)).await);
        println!("commits {:?}", b.public_randomness_commits(&k).await);
        println!("last epoch {:?}", b.last_finalized_epoch().await);
        println!("evid {:?}", b.evidences(ChainHeight(0)).await);
        println!("rewards {:?}", b.rewards().await);
        println!(
            "delegation {:?}",
            b.delegation(
                "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
                    .parse()
                    .unwrap()
            )
            .await
        );
        println!(
            "delegations {:?}",
            b.delegations(None, None, 10.try_into().unwrap()).await
        );
        println!(
            "to {:?}",
            b.delegations_to(&k, None, 10.try_into().unwrap()).await
        );
        println!(
            "active {:?}",
            b.active_finality_providers(ChainHeight(1)).await
        );
        println!("epoch {:?}", b.current_epoch().await);
        println!("ckpt1 {:?}", b.checkpoint(1).await);
        println!("ckpt99999 {:?}", b.checkpoint(99999).await);
        println!(
            "epoch status {:?} {:?}",
            b.epoch_status(1).await,
            b.epoch_status(99999).await
        );
        println!(
            "sealed {:?}",
            b.checkpoints(CheckpointStatus::Sealed)
                .await
                .map(|c| c.len())
        );
        println!(
            "newest sealed {:?}",
            b.newest_checkpoint(CheckpointStatus::Sealed).await
        );
        println!("submissions {:?}", b.submissions(1).await);
        println!("tx {:?}", b.transaction(&"AB".repeat(32)).await);
    }
    if what == "headers" {
        let tip = b.light_client_tip().await.unwrap();
        let mut hs = vec![tip.header];
        for _ in 0..1000 {
            let h = mine(hs.last().unwrap());
            hs.push(h);
        }
        let before = b.balance().await.unwrap();
        let t = Instant::now();
        let r = b
            .submit(
                hs[1..11]
                    .iter()
                    .map(|h| Message::InsertHeaders(vec![*h]))
                    .collect(),
            )
            .await;
        println!("10 single headers {:?}: {}", t.elapsed(), tally(&r));
        let t = Instant::now();
        let r = b
            .submit(
                hs[11..]
                    .chunks(10)
                    .map(|c| Message::InsertHeaders(c.to_vec()))
                    .collect(),
            )
            .await;
        println!("99x10 headers {:?}: {}", t.elapsed(), tally(&r));
        println!(
            "tip {:?} contains {:?}, cost {}",
            b.light_client_tip().await.unwrap().height,
            b.contains_header(&hs[500].block_hash()).await,
            before as i128 - b.balance().await.unwrap() as i128
        );
        let t = Instant::now();
        let r = b.submit(vec![Message::InsertHeaders(vec![hs[5]])]).await;
        println!("known header {:?}: {}", t.elapsed(), tally(&r));
    }
    if what == "sends" {
        let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
        let to: Vec<String> = (0..n)
            .map(|i| {
                let mut s = [1u8; 32];
                s[..8].copy_from_slice(&(i as u64 + 1).to_be_bytes());
                AccountKey::from_secret(&s)
                    .unwrap()
                    .address("bbn")
                    .unwrap()
                    .text()
                    .to_owned()
            })
            .collect();
        let t = Instant::now();
        let r = b
            .submit(
                to.iter()
                    .map(|to| Message::Send {
                        to: to.clone(),
                        amount: 1000,
                    })
                    .collect(),
            )
            .await;
        println!(
            "{n} sends {:?} = {:.0}/s: {}",
            t.elapsed(),
            n as f64 / t.elapsed().as_secs_f64(),
            tally(&r)
        );
    }
    if what == "concurrent" {
        let t = Instant::now();
        let hs: Vec<_> = (0..200)
            .map(|i| {
                let b = b.clone();
                tokio::spawn(async move {
                    let to = b.account().to_owned();
                    b.submit(vec![
                        Message::Send {
                            to: to.clone(),
                            amount: i + 1,
                        },
                        Message::Send { to, amount: i + 1 },
                    ])
                    .await
                })
            })
            .collect();
        let mut all = vec![];
        for h in hs {
            all.extend(h.await.unwrap());
        }
        println!(
            "200 tasks x2 identical sends {:?}: {}",
            t.elapsed(),
            tally(&all)
        );
    }
    if what == "poison" {
        let me = b.account().to_owned();
        let mut ms: Vec<Message> = (0..60u128)
            .map(|i| Message::Send {
                to: me.clone(),
                amount: i + 7,
            })
            .collect();
        ms[10] = Message::Send {
            to: "bbn1nonsense".into(),
            amount: 1,
        };
        ms[20] = Message::Send {
            to: me.clone(),
            amount: 10u128.pow(30),
        };
        ms[30] = Message::UnjailFinalityProvider(
            "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
                .parse()
                .unwrap(),
        );
        ms[40] = Message::WithdrawReward {
            kind: "nobody".into(),
        };
        ms[50] = Message::InsertHeaders(vec![b.light_client_base().await.unwrap().header]);
        let mut bad = mine(&b.light_client_tip().await.unwrap().header);
        bad.bits = CompactTarget::from_consensus(0x1d00ffff);
        ms[55] = Message::InsertHeaders(vec![bad]);
        let t = Instant::now();
        let r = b.submit(ms).await;
        println!("poison {:?}: {}", t.elapsed(), tally(&r));
        for (i, r) in r.iter().enumerate() {
            if let Err(e) = r {
                println!("  {i}: {e}");
            }
        }
    }
    if what == "fp" {
        let eots_key = eots::SecretKey::from_bytes(&rand32()).unwrap();
        let sk = SecretKey::from_slice(&*eots_key.to_bytes()).unwrap();
        let kp = Keypair::from_secret_key(SECP256K1, &sk);
        let k = FinalityProviderKey(kp.x_only_public_key().0);
        let m = Message::CreateFinalityProvider(CreateFinalityProvider {
            key: k,
            proof_of_possession: ProofOfPossession::sign_bip340(&kp, b.account_address()),
            moniker: "fp".into(),
            website: String::new(),
            details: "x".into(),
            commission: ("0.05".into(), "0.2".into(), "0.01".into()),
        });
        let start = b.height().await.unwrap().0 + 5;
        let rs: Vec<_> = (0..100u64)
            .map(|h| eots::randomness::derive(&eots_key, "chain-test", start + h).public())
            .collect();
        let tree = eots::commitment::Tree::from_leaves(rs.iter().copied()).unwrap();
        let digest = eots::commitment::digest(start, 100, &tree.commitment());
        let sig = SECP256K1.sign_schnorr_no_aux_rand(&M::from_digest(digest), &kp);
        let c = Message::CommitPublicRandomness(CommitPublicRandomness {
            finality_provider: k,
            start: ChainHeight(start),
            count: 100,
            commitment: tree.commitment(),
            signature: sig,
        });
        let t = Instant::now();
        let r = b.submit(vec![m, c.clone(), c]).await;
        println!("fp {:?}: {}", t.elapsed(), tally(&r));
        for r in &r {
            println!("   {r:?}");
        }
        println!("provider {:?}", b.finality_provider(&k).await);
        println!("commits {:?}", b.public_randomness_commits(&k).await);
        println!("signing info {:?}", b.signing_info(&k).await);
    }
}
fn rand32() -> [u8; 32] {
    let mut b = [0u8; 32];
    use std::io::Read;
    std::fs::File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut b)
        .unwrap();
    b
}
fn tracing_subscriber_init() {}
