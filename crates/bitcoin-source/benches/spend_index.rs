//! Looking every input of a full block up among 100,000 watched outputs. Target: under 50 ms.

#![allow(missing_docs, clippy::unwrap_used)]

use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};
use bitcoin::{
    Amount, Block, Network, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, Witness, absolute,
    constants, transaction,
};
use bitcoin_source::SpendIndex;
use criterion::{Criterion, criterion_group, criterion_main};

const WATCHED: u32 = 100_000;
/// A block full of one-input, two-output key path spends: about 4 M weight units.
const TRANSACTIONS: u32 = 6_500;

fn outpoint(number: u32) -> OutPoint {
    let mut engine = sha256::Hash::engine();
    engine.input(&number.to_le_bytes());
    let hash = sha256::Hash::from_engine(engine);
    OutPoint::new(Txid::from_byte_array(hash.to_byte_array()), number % 4)
}

/// Every 50th transaction spends a watched output.
fn full_block() -> Block {
    let mut block = constants::genesis_block(Network::Regtest);
    block.txdata.extend((0..TRANSACTIONS).map(|number| {
        let spent = if number % 50 == 0 {
            number
        } else {
            WATCHED + number
        };
        Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::ZERO,
            input: vec![TxIn {
                previous_output: outpoint(spent),
                witness: Witness::from_slice(&[[7_u8; 64]]),
                ..TxIn::default()
            }],
            output: vec![
                TxOut {
                    value: Amount::from_sat(10_000),
                    script_pubkey: ScriptBuf::from_bytes(
                        [0x51, 0x20].into_iter().chain([3; 32]).collect()
                    ),
                };
                2
            ],
        }
    }));
    block
}

fn spends_in_a_full_block(criterion: &mut Criterion) {
    let index: SpendIndex<u32> = (0..WATCHED)
        .map(|number| (outpoint(number), number))
        .collect();
    let block = full_block();
    assert_eq!(index.spends_in(&block).count(), 130);
    criterion.bench_function("spends in a full block, 100,000 watched", |bencher| {
        bencher.iter(|| index.spends_in(std::hint::black_box(&block)).count());
    });
}

criterion_group!(benches, spends_in_a_full_block);
criterion_main!(benches);
