//! The vectors of BIP-0322 itself, whose messages are not account addresses.

use bitcoin::PrivateKey;

use super::*;

const P2WPKH: &str = "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l";
const P2WPKH_WIF: &str = "L3VFeEujGtevx9w18HD1fhRbCH67Az2dpCymeRE1SoPK6XQtaN2k";

fn keypair(wif: &str) -> Keypair {
    PrivateKey::from_wif(wif).unwrap().inner.keypair(SECP256K1)
}

fn holds(wif: &str, address: &str, witness: &str, message: &str) -> Result<(), Bip322Error> {
    let (address, witness) = decode(address, &hex::decode(witness).unwrap(), Network::Bitcoin)?;
    let (key, _) = keypair(wif).x_only_public_key();
    verify(
        &key,
        &address,
        &witness,
        message.as_bytes(),
        Network::Bitcoin,
    )
}

#[test]
fn messages_and_virtual_transactions_hash_as_published() {
    let vectors = [
        (
            "",
            "c90c269c4f8fcbe6880f72a721ddfbf1914268a794cbb21cfafee13770ae19f1",
            "c5680aa69bb8d860bf82d4e9cd3504b55dde018de765a91bb566283c545a99a7",
            "1e9654e951a5ba44c8604c4de6c67fd78a27e81dcadcfe1edf638ba3aaebaed6",
        ),
        (
            "Hello World",
            "f0eb03b1a75ac6d9847f55c624a99169b5dccba2a31f5b23bea77ba270de0a7a",
            "b79d196740ad5217771c1098fc4a4b51e0535c32236c71f1ea4d61a2d603352b",
            "88737ae86f2077145f93cc4b153ae9a1cb8d56afa511988c149c5c8c9d93bddf",
        ),
    ];
    let signer = P2WPKH
        .parse::<Address<_>>()
        .unwrap()
        .assume_checked()
        .script_pubkey();
    for (message, hash, to_spend_txid, to_sign_txid) in vectors {
        assert_eq!(message_hash(message.as_bytes()).to_string(), hash);
        let to_spend = to_spend(message.as_bytes(), &signer);
        assert_eq!(to_spend.compute_txid().to_string(), to_spend_txid);
        assert_eq!(to_sign(&to_spend).compute_txid().to_string(), to_sign_txid);
    }
}

#[test]
fn the_published_p2wpkh_signatures_hold() {
    let vectors = [
        (
            "",
            "024730440220336801010aaf657d79662cac98a990a43ac6f376af2c84f8f76401ccb9d0231602201693a4e6\
             83db4a91944ca5cb11527840366daf583a2c695fccf8e93483b52e34012102c7f12003196442943d8588e01a\
             ee840423cc54fc1521526a3b85c2b0cbd58872",
        ),
        (
            "",
            "02483045022100f909d50e28612d21b6fcae4851cbc51429140639e9bef452f13b0f16b37a7d1902202d65f1\
             73d52e93e88db731623694afe970d4d69dcbb22fc50bfa831dc9d560cc012102c7f12003196442943d8588e0\
             1aee840423cc54fc1521526a3b85c2b0cbd58872",
        ),
        (
            "Hello World",
            "0247304402206517c8637a7bfc3a154edcba6196d64bbd5b73955cb7da7d1626bcdde466c364022022bf10d1\
             9fc0bb69b4596e306b362acaa835293cf693bb176f7324b531f5afec012102c7f12003196442943d8588e01a\
             ee840423cc54fc1521526a3b85c2b0cbd58872",
        ),
        (
            "Hello World",
            "02483045022100ecf2ca796ab7dde538a26bfb09a6c487a7b3fff33f397db6a20eb9af77c0ee8c022062e67e\
             44c8070f49c3a37f5940a8850842daf7cca35e6af61a6c7c91f1e1a1a3012102c7f12003196442943d8588e0\
             1aee840423cc54fc1521526a3b85c2b0cbd58872",
        ),
    ];
    for (message, witness) in vectors {
        assert_eq!(holds(P2WPKH_WIF, P2WPKH, witness, message), Ok(()));
        let other_message = holds(
            P2WPKH_WIF,
            P2WPKH,
            witness,
            "Wrong message that was not signed",
        );
        assert!(matches!(other_message, Err(Bip322Error::Mismatch { .. })));
    }
    // Ours is the second of the last pair, the one without grinding for a low r.
    let (address, witness) = sign(
        &keypair(P2WPKH_WIF),
        AddressKind::WitnessPublicKeyHash,
        b"Hello World",
        Network::Bitcoin,
    );
    assert_eq!(address.to_string(), P2WPKH);
    assert_eq!(hex::encode(encode_witness(&witness)), vectors[3].1);
}

#[test]
fn the_published_p2tr_signatures_hold() {
    let sighash_default = holds(
        "KyrSGCFPhqZMjCe5fNTYddiLMp4tMj4gLKuJ26TsB2rvr1VJGPbt",
        "bc1pss0zhytly75awhm6x2hhvd5lnzv3vssgrf9axfheq8ldyzn88ges79fler",
        "01408960ec0e8f1600bdab5300661a565357055c85b9ce0cc0d4243ae2b6b65f3185f28338d7743637d8c8d4\
         98711a9e0a9f21b009c210f1c054490ef61eaf6d0fd1",
        "No prefix fallback",
    );
    assert_eq!(sighash_default, Ok(()));
    let sighash_all = holds(
        P2WPKH_WIF,
        "bc1ppv609nr0vr25u07u95waq5lucwfm6tde4nydujnu8npg4q75mr5sxq8lt3",
        "0141ddebd3eb25012ffa82937d9f25f9644e047bb2f472ab6c5089bbb53588ada2884cb5bcc53911f32d8dcf\
         9548733b694d120db6a4e485194559e8d8fe668d269f01",
        "Hello World",
    );
    assert_eq!(sighash_all, Ok(()));
}
