//! Proofs as old wallets make them: a recoverable ECDSA signature of a "Bitcoin Signed Message".

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Keypair, Message, SECP256K1};
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use bitcoin::{XOnlyPublicKey, secp256k1};

use super::{AccountAddress, ProofOfPossessionError};

/// Header bytes of compact signatures: 27 plus the recovery id, plus 4 for a compressed key.
///
/// Wallets that follow BIP-0137 write larger ones for segwit addresses; the node does not take those.
const HEADERS: std::ops::RangeInclusive<u8> = 27..=34;

pub(super) fn sign(keypair: &Keypair, account: &AccountAddress) -> [u8; 65] {
    let signature = SECP256K1.sign_ecdsa_recoverable(&message(account), &keypair.secret_key());
    MessageSignature::new(signature, true).serialize()
}

pub(super) fn verify(
    signature: &[u8; 65],
    key: &XOnlyPublicKey,
    account: &AccountAddress,
) -> Result<(), ProofOfPossessionError> {
    let signature = parse(signature).ok_or(ProofOfPossessionError::EcdsaEncoding)?;
    let refused = || ProofOfPossessionError::Ecdsa {
        key: *key,
        account: account.clone(),
    };
    let signer = SECP256K1
        .recover_ecdsa(&message(account), &signature)
        .map_err(|_| refused())?;
    // Wallets hold full keys, delegations x-only ones: the parity of y says nothing here.
    if signer.x_only_public_key().0 == *key {
        Ok(())
    } else {
        Err(refused())
    }
}

fn parse(bytes: &[u8; 65]) -> Option<secp256k1::ecdsa::RecoverableSignature> {
    if !HEADERS.contains(bytes.first()?) {
        return None;
    }
    let signature = MessageSignature::from_slice(bytes).ok()?.signature;
    let given = signature.to_standard();
    let mut low = given;
    low.normalize_s();
    (given == low).then_some(signature)
}

fn message(account: &AccountAddress) -> Message {
    Message::from_digest(signed_msg_hash(account.text()).to_byte_array())
}
