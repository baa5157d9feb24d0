//! BIP-0322 "simple" message signatures of the two address kinds that the node takes: P2WPKH and BIP-0086 P2TR.
//!
//! The message becomes a virtual transaction `to_spend`; its signature is the witness of a second one, `to_sign`,
//! that spends it. Neither could ever be mined.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode;
use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::key::{CompressedPublicKey, TapTweak};
use bitcoin::opcodes::{OP_0, all::OP_RETURN};
use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, AddressType, Amount, EcdsaSighashType, KnownHrp, Network, OutPoint, Script, ScriptBuf,
    Sequence, TapSighashType, Transaction, TxIn, TxOut, Txid, Witness, XOnlyPublicKey, ecdsa,
    script, taproot,
};

/// Kind of address that a key signs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// `bc1p…` of the key alone, without scripts (BIP-0086).
    Taproot,
    /// `bc1q…` of the key's hash (BIP-0084).
    WitnessPublicKeyHash,
}

/// Why a BIP-0322 signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Bip322Error {
    /// The address text is none, or belongs to another network.
    #[error("`{address}` is no Bitcoin address of {network}")]
    Address {
        /// The refused text.
        address: String,
        /// The network it should belong to.
        network: Network,
    },
    /// The address is neither P2WPKH nor P2TR.
    #[error("address {0} is neither P2WPKH nor P2TR; sign with one of these")]
    AddressKind(String),
    /// The bytes are no witness stack of one or two items.
    #[error(
        "the {0} bytes of signature are no witness stack of 1 or 2 items (count, then length and bytes of each)"
    )]
    WitnessEncoding(usize),
    /// The witness has too many or too few items for the address.
    #[error("the witness has {found} items, an address of this kind needs {expected}")]
    WitnessItems {
        /// Items found.
        found: usize,
        /// Items needed.
        expected: usize,
    },
    /// The address is not of the key that is to be proven.
    #[error("address {address} is not the one of key {key}")]
    OtherKey {
        /// The signing address.
        address: String,
        /// The key that is to be proven.
        key: XOnlyPublicKey,
    },
    /// The signature is not a well-formed one with an admissible sighash type.
    #[error("the signature must be well-formed and use SIGHASH_DEFAULT (P2TR only) or SIGHASH_ALL")]
    Signature,
    /// The signature does not verify.
    #[error("the signature is not one of {key} over this message")]
    Mismatch {
        /// The key that should have signed.
        key: XOnlyPublicKey,
    },
}

/// Reads an address and a witness as they travel: text, and the serialised stack without base64.
///
/// # Errors
///
/// Refuses what is no address of `network`, and any byte too many or too few in the witness.
pub fn decode(
    address: &str,
    witness: &[u8],
    network: Network,
) -> Result<(Address, Witness), Bip322Error> {
    let parsed = address
        .parse::<Address<_>>()
        .ok()
        .and_then(|parsed| parsed.require_network(network).ok())
        .ok_or_else(|| Bip322Error::Address {
            address: address.to_owned(),
            network,
        })?;
    let refused = || Bip322Error::WitnessEncoding(witness.len());
    // Looked at first because the decoder reserves memory for as many items as the count claims.
    if !matches!(witness.first(), Some(1 | 2)) {
        return Err(refused());
    }
    Ok((parsed, encode::deserialize(witness).map_err(|_| refused())?))
}

/// Serialises a witness stack as it travels: item count, then length and bytes of each item.
pub fn encode_witness(witness: &Witness) -> Vec<u8> {
    encode::serialize(witness)
}

/// Signs `message` with the key's own address of the given kind.
pub(super) fn sign(
    keypair: &Keypair,
    kind: AddressKind,
    message: &[u8],
    network: Network,
) -> (Address, Witness) {
    match kind {
        AddressKind::Taproot => {
            let (internal_key, _) = keypair.x_only_public_key();
            let address = Address::p2tr(SECP256K1, internal_key, None, network);
            let digest = taproot_digest(&address, message, TapSighashType::Default);
            let tweaked = keypair.tap_tweak(SECP256K1, None).to_keypair();
            let signature = taproot::Signature {
                signature: SECP256K1.sign_schnorr_no_aux_rand(&digest, &tweaked),
                sighash_type: TapSighashType::Default,
            };
            (address, Witness::p2tr_key_spend(&signature))
        }
        AddressKind::WitnessPublicKeyHash => {
            let public_key = CompressedPublicKey(keypair.public_key());
            let address = Address::p2wpkh(&public_key, KnownHrp::from(network));
            let digest = segwit_digest(&address, &public_key, message);
            let signature =
                ecdsa::Signature::sighash_all(SECP256K1.sign_ecdsa(&digest, &keypair.secret_key()));
            (address, Witness::p2wpkh(&signature, &public_key.0))
        }
    }
}

/// Checks that the owner of `key` signed `message` with `address`.
pub(super) fn verify(
    key: &XOnlyPublicKey,
    address: &Address,
    witness: &Witness,
    message: &[u8],
    network: Network,
) -> Result<(), Bip322Error> {
    if !address.as_unchecked().is_valid_for_network(network) {
        return Err(Bip322Error::Address {
            address: address.to_string(),
            network,
        });
    }
    let items: Vec<&[u8]> = witness.iter().collect();
    match (address.address_type(), items.as_slice()) {
        (Some(AddressType::P2tr), [signature]) => {
            verify_taproot(key, address, signature, message, network)
        }
        (Some(AddressType::P2wpkh), [signature, public_key]) => {
            verify_segwit(key, address, signature, public_key, message)
        }
        (Some(AddressType::P2tr), items) => Err(Bip322Error::WitnessItems {
            found: items.len(),
            expected: 1,
        }),
        (Some(AddressType::P2wpkh), items) => Err(Bip322Error::WitnessItems {
            found: items.len(),
            expected: 2,
        }),
        _ => Err(Bip322Error::AddressKind(address.to_string())),
    }
}

fn verify_taproot(
    key: &XOnlyPublicKey,
    address: &Address,
    signature: &[u8],
    message: &[u8],
    network: Network,
) -> Result<(), Bip322Error> {
    if Address::p2tr(SECP256K1, *key, None, network) != *address {
        return Err(Bip322Error::OtherKey {
            address: address.to_string(),
            key: *key,
        });
    }
    let length = signature.len();
    let signature =
        taproot::Signature::from_slice(signature).map_err(|_| Bip322Error::Signature)?;
    // The length matters too: a default type that is spelled out is invalid (BIP-0341).
    if !matches!(
        (length, signature.sighash_type),
        (64, TapSighashType::Default) | (65, TapSighashType::All)
    ) {
        return Err(Bip322Error::Signature);
    }
    let (output_key, _) = key.tap_tweak(SECP256K1, None);
    let digest = taproot_digest(address, message, signature.sighash_type);
    SECP256K1
        .verify_schnorr(
            &signature.signature,
            &digest,
            &output_key.to_x_only_public_key(),
        )
        .map_err(|_| Bip322Error::Mismatch { key: *key })
}

fn verify_segwit(
    key: &XOnlyPublicKey,
    address: &Address,
    signature: &[u8],
    public_key: &[u8],
    message: &[u8],
) -> Result<(), Bip322Error> {
    let other_key = || Bip322Error::OtherKey {
        address: address.to_string(),
        key: *key,
    };
    let public_key = CompressedPublicKey::from_slice(public_key).map_err(|_| other_key())?;
    if XOnlyPublicKey::from(public_key) != *key
        || ScriptBuf::new_p2wpkh(&public_key.wpubkey_hash()) != address.script_pubkey()
    {
        return Err(other_key());
    }
    let signature = ecdsa::Signature::from_slice(signature).map_err(|_| Bip322Error::Signature)?;
    if signature.sighash_type != EcdsaSighashType::All {
        return Err(Bip322Error::Signature);
    }
    // libsecp256k1 refuses a high s, as the script rules do.
    SECP256K1
        .verify_ecdsa(
            &segwit_digest(address, &public_key, message),
            &signature.signature,
            &public_key.0,
        )
        .map_err(|_| Bip322Error::Mismatch { key: *key })
}

fn taproot_digest(address: &Address, message: &[u8], sighash_type: TapSighashType) -> Message {
    let to_spend = to_spend(message, &address.script_pubkey());
    let to_sign = to_sign(&to_spend);
    #[expect(
        clippy::expect_used,
        reason = "one input, its prevout given, no SIGHASH_SINGLE"
    )]
    let sighash = SighashCache::new(&to_sign)
        .taproot_key_spend_signature_hash(0, &Prevouts::All(&to_spend.output), sighash_type)
        .expect("input 0 exists and its prevout is given");
    Message::from(sighash)
}

fn segwit_digest(address: &Address, public_key: &CompressedPublicKey, message: &[u8]) -> Message {
    let to_sign = to_sign(&to_spend(message, &address.script_pubkey()));
    let program = ScriptBuf::new_p2wpkh(&public_key.wpubkey_hash());
    #[expect(
        clippy::expect_used,
        reason = "the program is built as P2WPKH just above"
    )]
    let sighash = SighashCache::new(&to_sign)
        .p2wpkh_signature_hash(0, &program, Amount::ZERO, EcdsaSighashType::All)
        .expect("input 0 exists and spends a P2WPKH program");
    Message::from(sighash)
}

/// The tagged hash that stands for the message.
fn message_hash(message: &[u8]) -> sha256::Hash {
    let tag = sha256::Hash::hash(b"BIP0322-signed-message");
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_ref());
    engine.input(tag.as_ref());
    engine.input(message);
    sha256::Hash::from_engine(engine)
}

/// The virtual transaction that holds the message and the signer's script.
fn to_spend(message: &[u8], signer: &Script) -> Transaction {
    let commitment = script::Builder::new()
        .push_opcode(OP_0)
        .push_slice(message_hash(message).to_byte_array())
        .into_script();
    Transaction {
        version: Version::non_standard(0),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint {
                txid: Txid::all_zeros(),
                vout: u32::MAX,
            },
            script_sig: commitment,
            sequence: Sequence::ZERO,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::ZERO,
            script_pubkey: signer.to_owned(),
        }],
    }
}

/// The virtual transaction whose witness is the signature.
fn to_sign(to_spend: &Transaction) -> Transaction {
    Transaction {
        version: Version::non_standard(0),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint {
                txid: to_spend.compute_txid(),
                vout: 0,
            },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ZERO,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::ZERO,
            script_pubkey: script::Builder::new().push_opcode(OP_RETURN).into_script(),
        }],
    }
}

#[cfg(test)]
mod tests;
