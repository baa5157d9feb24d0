//! Transactions in SIGN_MODE_DIRECT: the signature covers the bytes of body, fee, chain and account number.

use bitcoin::hashes::{Hash, sha256};
use proto::cosmos::base::v1beta1::Coin;
use proto::cosmos::crypto::secp256k1::PubKey;
use proto::cosmos::tx::signing::v1beta1::SignMode;
use proto::cosmos::tx::v1beta1::{
    AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info,
};
use proto::prost::Message as _;
use proto::prost_types::Any;

use crate::cosmos::message::pack;
use crate::cosmos::node::AccountState;
use crate::cosmos::{AccountKey, Config};

/// Signs for one account on one chain.
#[derive(Debug)]
pub(super) struct Signer {
    key: AccountKey,
    address: String,
    chain_id: String,
    fee_denomination: String,
}

/// What a transaction may use, what it pays, and until when it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) gas_limit: u64,
    pub(super) fee: u64,
    /// Last height that may include it.
    pub(super) timeout_height: u64,
}

/// A transaction ready to be broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) bytes: Vec<u8>,
    /// SHA-256 of the bytes, upper-case hex.
    pub(super) hash: String,
}

impl Signer {
    pub(super) fn new(key: AccountKey, address: String, config: &Config) -> Self {
        Self {
            key,
            address,
            chain_id: config.chain_id.clone(),
            fee_denomination: config.fee_denomination.clone(),
        }
    }

    /// Address of the account.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Denomination in which it pays.
    pub(super) fn fee_denomination(&self) -> &str {
        &self.fee_denomination
    }

    /// A transaction for a simulation: with a fee, because taking it uses gas, best one that any account can pay;
    /// with a signature, because its bytes use gas, but not with a real one.
    pub(super) fn draft(&self, account: AccountState, messages: Vec<Any>, fee: u64) -> Vec<u8> {
        let terms = Terms {
            gas_limit: 0,
            fee,
            timeout_height: u64::MAX,
        };
        TxRaw {
            body_bytes: body(messages, terms),
            auth_info_bytes: self.auth_info(account, terms),
            signatures: vec![vec![0; 64]],
        }
        .encode_to_vec()
    }

    /// A signed transaction.
    pub(super) fn sign(&self, account: AccountState, messages: Vec<Any>, terms: Terms) -> Signed {
        let body_bytes = body(messages, terms);
        let auth_info_bytes = self.auth_info(account, terms);
        let document = SignDoc {
            body_bytes,
            auth_info_bytes,
            chain_id: self.chain_id.clone(),
            account_number: account.number,
        };
        let signature = self.key.sign(&document.encode_to_vec());
        let transaction = TxRaw {
            body_bytes: document.body_bytes,
            auth_info_bytes: document.auth_info_bytes,
            signatures: vec![signature.to_vec()],
        };
        let bytes = transaction.encode_to_vec();
        let hash = hex::encode_upper(sha256::Hash::hash(&bytes).as_byte_array());
        Signed { bytes, hash }
    }

    fn auth_info(&self, account: AccountState, terms: Terms) -> Vec<u8> {
        let mode = mode_info::Single {
            mode: SignMode::Direct.into(),
        };
        let signer = SignerInfo {
            public_key: Some(pack(&PubKey {
                key: self.key.public_key().to_vec(),
            })),
            mode_info: Some(ModeInfo {
                sum: Some(mode_info::Sum::Single(mode)),
            }),
            sequence: account.sequence,
        };
        let coin = || Coin {
            denom: self.fee_denomination.clone(),
            amount: terms.fee.to_string(),
        };
        let fee = Fee {
            // A coin of 0 is invalid: who pays nothing sends none.
            amount: (terms.fee > 0).then(coin).into_iter().collect(),
            gas_limit: terms.gas_limit,
            ..Fee::default()
        };
        AuthInfo {
            signer_infos: vec![signer],
            fee: Some(fee),
        }
        .encode_to_vec()
    }
}

fn body(messages: Vec<Any>, terms: Terms) -> Vec<u8> {
    TxBody {
        messages,
        memo: String::new(),
        timeout_height: terms.timeout_height,
    }
    .encode_to_vec()
}
