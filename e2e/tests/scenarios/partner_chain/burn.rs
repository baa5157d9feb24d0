//! What the chain shows of a slashed provider is all that it takes to burn its stakes on Bitcoin.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bitcoin::consensus::deserialize;
use bitcoin::hex::FromHex as _;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, Transaction};
use bitcoincore_rpc::RpcApi as _;
use eots::SecretKey;
use eots::adaptor::{AdaptorSignature, DecryptionKey};
use serde_json::{Value, json};
use staking::keys::{CovenantKey, FinalityProviderKey, StakerKey};
use staking::outputs::{SlashingChangeOutput, StakingOutput};
use staking::params::CovenantCommittee;
use staking::quorum::{CovenantAdaptorSignatures, QuorumSignatures};
use staking::scripts::DelegationKeys;
use staking::units::BlockInterval;
use staking::{sighash, witness};

use super::finality::Life;
use super::scene::PENALTY;

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

fn bytes(answer: &Value, name: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text(answer, name)).unwrap()
}

fn interval(answer: &Value, name: &str) -> BlockInterval {
    let blocks = answer[name].as_u64().unwrap();
    BlockInterval::new(blocks.try_into().unwrap()).unwrap()
}

/// After the fourth provider's key came out.
pub(crate) async fn s14_the_key_and_the_slash_kit_burn_the_stake(life: &Life<'_>) {
    let outpoint = life.stakes[3].outpoint();
    let question = json!({ "slash_kit": { "outpoint": outpoint.to_string() } });
    let kit = life.scene.mesh.query(question).await.unwrap();
    let secret = <[u8; 32]>::from_hex(text(&kit, "sk")).unwrap();
    let transaction = slashing(&kit, &SecretKey::from_bytes(&secret).unwrap());
    let chain = life.scene.chain;
    chain.confirm(&[&transaction], 0).await.unwrap();

    let spent = chain.bitcoind.rpc();
    let spent = spent.get_tx_out(&outpoint.txid, outpoint.vout, Some(true));
    assert_eq!(spent.unwrap(), None);
    let [burned, change] = &transaction.output[..] else {
        panic!("{transaction:?}")
    };
    let set = &kit["covenant_set"];
    assert_eq!(burned.value, Amount::from_sat(PENALTY));
    assert_eq!(
        burned.script_pubkey.as_bytes(),
        bytes(set, "slashing_script")
    );
    let staker = text(&kit, "staker").parse::<StakerKey>().unwrap();
    let locked = SlashingChangeOutput::new(staker, interval(set, "unbonding_time"));
    assert_eq!(&change.script_pubkey, locked.script_pubkey());
}

/// The slashing transaction with its witness, of nothing but the kit and the provider's key.
pub(crate) fn slashing(kit: &Value, secret: &SecretKey) -> Transaction {
    let set = &kit["covenant_set"];
    let members = set["keys"].as_array().unwrap().iter();
    let members = members.map(|key| key.as_str().unwrap().parse().unwrap());
    let quorum = set["quorum"].as_u64().unwrap().try_into().unwrap();
    let committee = CovenantCommittee::new(members.collect(), quorum).unwrap();
    let provider = text(kit, "provider")
        .parse::<FinalityProviderKey>()
        .unwrap();
    let staker = text(kit, "staker").parse().unwrap();
    let keys = DelegationKeys::new(staker, vec![provider], committee).unwrap();
    let value = Amount::from_sat(kit["value"].as_u64().unwrap());
    let output = StakingOutput::new(&keys, interval(kit, "timelock"), value);

    let mut transaction: Transaction = deserialize(&bytes(kit, "slashing_tx")).unwrap();
    let sighash = sighash::slashing(&transaction, &output).unwrap();
    let signatures: Vec<_> = kit["covenant_signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| CovenantAdaptorSignatures {
            key: text(member, "key").parse::<CovenantKey>().unwrap(),
            signatures: vec![AdaptorSignature::from_slice(&bytes(member, "slashing")).unwrap()],
        })
        .collect();
    let decryption_key = DecryptionKey::from_secret_key(secret);
    let quorum =
        QuorumSignatures::decrypt(keys.covenant(), sighash, 0, &decryption_key, &signatures);
    let own = eots::bip340::sign(secret, &sighash.to_bytes(), &[0; 32]);
    let of_staker = Signature::from_slice(&bytes(kit, "staker_slashing")).unwrap();
    transaction.input[0].witness = witness::slashing_path(
        output.slashing(),
        &keys,
        &quorum.unwrap(),
        (provider, own.into()),
        &of_staker,
    );
    transaction
}
