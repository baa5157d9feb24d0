//! What a finality provider and a covenant member do most, against the targets of docs/performance.md.

#![allow(clippy::unwrap_used, missing_docs)]
#![expect(
    clippy::disallowed_methods,
    reason = "signing itself is measured, with keys of no value"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use eots::adaptor::{self, EncryptionKey};
use eots::commitment::{Block, Tree, block_ranges};
use eots::curve::{Native, Pure};
use eots::{SecretKey, randomness, sign, verify, vote_message};
use rayon::prelude::*;

const CHAIN_ID: &str = "bbn-1";

fn votes(criterion: &mut Criterion) {
    let key = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let public_key = key.public_key();
    let message = vote_message(7, &[0x11; 32]);
    let nonce = || randomness::derive(&key, CHAIN_ID, 7);
    let public = nonce().public();
    let signature = sign(&key, nonce(), &message).unwrap();

    let mut group = criterion.benchmark_group("eots");
    group.bench_function("public randomness", |bencher| {
        bencher.iter(|| randomness::derive(&key, CHAIN_ID, black_box(7)).public());
    });
    group.bench_function("sign", |bencher| {
        bencher.iter(|| sign(&key, nonce(), black_box(&message)));
    });
    group.bench_function("sign, nonce at hand", |bencher| {
        bencher.iter_batched(
            nonce,
            |nonce| sign(&key, nonce, black_box(&message)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            verify(
                &Native,
                &public_key,
                &public,
                black_box(&message),
                &signature,
            )
        });
    });
    group.bench_function("verify without C", |bencher| {
        bencher.iter(|| verify(&Pure, &public_key, &public, black_box(&message), &signature));
    });
    group.finish();
}

fn adaptor_signatures(criterion: &mut Criterion) {
    let signer = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let public_key = signer.public_key();
    let provider = SecretKey::from_bytes(&[0x43; 32]).unwrap().public_key();
    let encryption_key = EncryptionKey::from_x_only(&provider).unwrap();
    let (message, aux) = ([0x11; 32], [0x22; 32]);
    let signature = adaptor::sign(&signer, &encryption_key, &message, &aux).unwrap();

    let mut group = criterion.benchmark_group("adaptor");
    group.bench_function("sign with self-check", |bencher| {
        bencher.iter(|| adaptor::sign(&signer, &encryption_key, black_box(&message), &aux));
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            adaptor::verify(
                &Native,
                &public_key,
                &encryption_key,
                black_box(&message),
                &signature,
            )
        });
    });
    group.bench_function("parse and verify", |bencher| {
        let bytes = signature.to_bytes();
        bencher.iter(|| {
            let signature = adaptor::AdaptorSignature::from_slice(black_box(&bytes)).unwrap();
            adaptor::verify(&Native, &public_key, &encryption_key, &message, &signature)
        });
    });
    group.finish();
}

fn commitments(criterion: &mut Criterion) {
    const START: u64 = 1_000_000;
    const COUNT: u64 = 50_000;
    let key = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let leaves = |offset, count| randomness::public_range(&key, CHAIN_ID, START + offset, count);
    let build = || {
        let blocks: Vec<_> = block_ranges(COUNT).collect();
        let blocks = blocks.into_par_iter().map(|range| {
            let leaves: Vec<_> = leaves(range.start, range.end - range.start).collect();
            Block::new(&leaves).unwrap()
        });
        Tree::from_blocks(blocks.collect::<Vec<_>>()).unwrap()
    };

    let mut group = criterion.benchmark_group("commitment");
    group.sample_size(10);
    group.bench_function("50,000 heights on all cores", |bencher| bencher.iter(build));
    let tree = build();
    group.bench_function("one proof, its block derived", |bencher| {
        bencher.iter(|| {
            let range = tree.block_of(black_box(12_345)).unwrap();
            let block: Vec<_> = leaves(range.start, range.end - range.start).collect();
            tree.prove(12_345, &block)
        });
    });
    group.bench_function("one proof, its block at hand", |bencher| {
        let range = tree.block_of(12_345).unwrap();
        let block: Vec<_> = leaves(range.start, range.end - range.start).collect();
        bencher.iter(|| tree.prove(black_box(12_345), &block));
    });
    group.finish();
}

criterion_group!(benches, votes, adaptor_signatures, commitments);
criterion_main!(benches);
