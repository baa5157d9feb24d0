//! A model of the chain as the sender sees it: a mempool, blocks and one account, with faults that tests switch on.

mod effects;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bitcoin::hashes::{Hash, sha256};
use proto::cosmos::tx::v1beta1::{AuthInfo, SignDoc, TxBody, TxRaw};
use proto::prost::Message as _;
use secp256k1::ecdsa::Signature;
use secp256k1::{Message, PublicKey, SECP256K1};
use staking::units::ChainHeight;

use super::CHAIN_ID;
use crate::cosmos::AccountKey;
use crate::cosmos::node::{AccountState, Included, TransactionService};
use crate::{ChainError, Rejection};
use effects::effects;

/// Gas of every message.
pub(super) const MESSAGE_GAS: u64 = 100_000;

/// Number of the account.
const ACCOUNT_NUMBER: u64 = 7;

/// The model; clones share their state.
#[derive(Clone)]
pub(super) struct Chain(Arc<Mutex<State>>);

/// What tests look at and disturb.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault that can be there or not"
)]
pub(super) struct State {
    pub(super) height: u64,
    /// Sequence of the account's next transaction as of the newest block.
    pub(super) sequence: u64,
    /// The account does not exist before it receives coins.
    pub(super) exists: bool,
    pub(super) mempool: VecDeque<Transaction>,
    /// Messages that took effect, in order.
    pub(super) executed: Vec<String>,
    /// Messages of every transaction that was included, failed ones too.
    pub(super) blocks: Vec<Vec<String>>,
    /// The node does not answer.
    pub(super) unreachable: bool,
    /// The mempool takes nothing.
    pub(super) full: bool,
    /// So many answers to broadcasts are lost; every second broadcast does not even arrive.
    pub(super) lose_answers: u32,
    /// Blocks stay empty.
    pub(super) stalled: bool,
    /// The index of transactions is so many blocks behind.
    pub(super) index_lag: u64,
    /// The account cannot pay.
    pub(super) poor: bool,
    /// Nothing is to be paid.
    pub(super) free: bool,
    /// Blocks use so many percent of the gas of a simulation.
    pub(super) gas_percent: u64,
    pub(super) gas_limits: Vec<u64>,
    included: HashMap<String, Included>,
    public_key: PublicKey,
}

/// A transaction in the mempool.
#[derive(Clone)]
pub(super) struct Transaction {
    hash: String,
    sequence: u64,
    messages: Vec<String>,
    timeout_height: u64,
    gas_limit: u64,
}

impl Chain {
    /// A chain that makes a block every second.
    pub(super) fn start(key: &AccountKey) -> Self {
        let state = State {
            height: 1,
            sequence: 0,
            exists: true,
            mempool: VecDeque::new(),
            executed: Vec::new(),
            blocks: Vec::new(),
            unreachable: false,
            full: false,
            lose_answers: 0,
            stalled: false,
            index_lag: 0,
            poor: false,
            free: false,
            gas_percent: 100,
            gas_limits: Vec::new(),
            included: HashMap::new(),
            public_key: PublicKey::from_slice(&key.public_key()).unwrap(),
        };
        let chain = Self(Arc::new(Mutex::new(state)));
        let blocks = chain.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                blocks.state().make_block();
            }
        });
        chain
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn reach(&self) -> Result<MutexGuard<'_, State>, ChainError> {
        let state = self.state();
        if state.unreachable {
            Err(unreachable())
        } else {
            Ok(state)
        }
    }
}

fn unreachable() -> ChainError {
    ChainError::Unreachable {
        endpoint: "model".to_owned(),
        reason: "switched off".to_owned(),
    }
}

fn sdk(code: u32, log: &str) -> Rejection {
    Rejection {
        codespace: "sdk".to_owned(),
        code,
        log: log.to_owned(),
    }
}

impl State {
    fn make_block(&mut self) {
        self.height += 1;
        if self.stalled {
            return;
        }
        let height = self.height;
        for transaction in std::mem::take(&mut self.mempool) {
            if transaction.sequence != self.sequence || transaction.timeout_height < height {
                continue;
            }
            self.sequence += 1;
            let outcome = self
                .execute(&transaction)
                .map(|()| Arc::new(effects(&transaction.messages)));
            self.blocks.push(transaction.messages);
            self.gas_limits.push(transaction.gas_limit);
            let included = Included {
                height: ChainHeight(height),
                outcome,
            };
            self.included.insert(transaction.hash, included);
        }
    }

    fn execute(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        if gas(&transaction.messages) * self.gas_percent / 100 > transaction.gas_limit {
            return Err(sdk(11, "out of gas in location: WriteFlat"));
        }
        let mut done = self.executed.clone();
        run(&transaction.messages, &mut done)?;
        self.executed = done;
        Ok(())
    }

    /// Sequence that the mempool expects next.
    fn pending_sequence(&self) -> u64 {
        self.sequence + self.mempool.len() as u64
    }

    fn check(&self, sequence: u64, messages: &[String]) -> Result<(), Rejection> {
        if messages
            .iter()
            .any(|message| message.starts_with("malformed"))
        {
            return Err(sdk(18, "a message is malformed: invalid request"));
        }
        if sequence != self.pending_sequence() {
            return Err(sdk(32, "account sequence mismatch"));
        }
        Ok(())
    }
}

fn gas(messages: &[String]) -> u64 {
    let heavy = messages
        .iter()
        .filter(|message| message.starts_with("heavy"))
        .count() as u64;
    50_000 + MESSAGE_GAS * (messages.len() as u64 + heavy * 100)
}

/// Executes messages: `bad…` fails, `after <x>…` needs that `<x>` was executed, a repetition fails.
fn run(messages: &[String], done: &mut Vec<String>) -> Result<(), Rejection> {
    for (position, message) in messages.iter().enumerate() {
        let needed = message.strip_prefix("after ");
        let is_missing = needed.is_some_and(|needed| !done.iter().any(|done| done == needed));
        if message.starts_with("bad") || is_missing || done.contains(message) {
            let log = format!("failed to execute message; message index: {position}: {message}");
            return Err(Rejection {
                codespace: "test".to_owned(),
                code: 1,
                log,
            });
        }
        done.push(message.clone());
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> (TxRaw, AuthInfo, Transaction) {
    let raw = TxRaw::decode(bytes).unwrap();
    let body = TxBody::decode(raw.body_bytes.as_slice()).unwrap();
    let auth = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let transaction = Transaction {
        hash: hex::encode_upper(sha256::Hash::hash(bytes).as_byte_array()),
        sequence: auth.signer_infos[0].sequence,
        messages: body
            .messages
            .into_iter()
            .map(|message| text(message.value))
            .collect(),
        timeout_height: body.timeout_height,
        gas_limit: auth.fee.as_ref().unwrap().gas_limit,
    };
    (raw, auth, transaction)
}

impl TransactionService for Chain {
    async fn account_state(&self, _address: &str) -> Result<Option<AccountState>, ChainError> {
        let state = self.reach()?;
        Ok(state.exists.then_some(AccountState {
            number: ACCOUNT_NUMBER,
            sequence: state.sequence,
        }))
    }

    async fn newest_height(&self) -> Result<ChainHeight, ChainError> {
        Ok(ChainHeight(self.reach()?.height))
    }

    async fn simulate(&self, bytes: &[u8]) -> Result<Result<u64, Rejection>, ChainError> {
        // A request takes time, so that submissions meet in the queue.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let state = self.reach()?;
        let (_, _, transaction) = decode(bytes);
        Ok(state
            .check(transaction.sequence, &transaction.messages)
            .and_then(|()| {
                run(&transaction.messages, &mut state.executed.clone())?;
                Ok(gas(&transaction.messages))
            }))
    }

    async fn broadcast(&self, bytes: &[u8]) -> Result<Result<(), Rejection>, ChainError> {
        let mut state = self.reach()?;
        let (raw, auth, transaction) = decode(bytes);
        let document = SignDoc {
            body_bytes: raw.body_bytes,
            auth_info_bytes: raw.auth_info_bytes,
            chain_id: CHAIN_ID.to_owned(),
            account_number: ACCOUNT_NUMBER,
        };
        let digest = sha256::Hash::hash(&document.encode_to_vec()).to_byte_array();
        let signature = Signature::from_compact(&raw.signatures[0]).unwrap();
        SECP256K1
            .verify_ecdsa(&Message::from_digest(digest), &signature, &state.public_key)
            .expect("the signature covers the transaction");
        match auth.fee.unwrap().amount.as_slice() {
            [] => assert!(state.free, "there is no fee"),
            [coin] => assert!(
                coin.amount.parse::<u64>().unwrap() >= (transaction.gas_limit / 500).max(1),
                "the fee is below the chain's minimum"
            ),
            coins => panic!("the fee is of several coins: {coins:?}"),
        }

        if state.full {
            return Ok(Err(sdk(20, "mempool is full")));
        }
        if state.poor {
            return Ok(Err(sdk(5, "spendable balance is smaller than the fee")));
        }
        if state
            .mempool
            .iter()
            .any(|waiting| waiting.hash == transaction.hash)
        {
            return Ok(Err(sdk(19, "tx already in mempool")));
        }
        if let Err(refusal) = state.check(transaction.sequence, &transaction.messages) {
            return Ok(Err(refusal));
        }
        let is_lost = state.lose_answers > 0;
        state.lose_answers = state.lose_answers.saturating_sub(1);
        if !is_lost || state.lose_answers % 2 == 0 {
            state.mempool.push_back(transaction);
        }
        if is_lost {
            Err(unreachable())
        } else {
            Ok(Ok(()))
        }
    }

    async fn included(&self, tx_hash: &str) -> Result<Option<Included>, ChainError> {
        let state = self.reach()?;
        let included = state.included.get(tx_hash);
        Ok(included
            .filter(|one| one.height.0 + state.index_lag <= state.height)
            .cloned())
    }
}
