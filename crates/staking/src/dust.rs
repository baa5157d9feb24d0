//! Outputs too small to be worth spending, by the formula of the secured chain (btcd's, spec 1.8).
//!
//! Its limits differ from Bitcoin Core's for unusual scripts, so rust-bitcoin's own dust limit is no substitute.

use bitcoin::{Amount, Script, TxOut};

/// Relay fee on which the formula rests, in satoshi for 1000 virtual bytes.
const RELAY_FEE: u128 = 1000;

/// Size of an input that spends a witness program, beyond its outpoint and sequence, in virtual bytes.
const WITNESS_SPEND_SIZE: u128 = 26;

/// Size of the scriptSig of any other input, in bytes.
const SCRIPT_SIG_SIZE: u128 = 107;

/// Size of an input's outpoint, sequence and empty scriptSig, in bytes.
const INPUT_SIZE: u128 = 41;

/// Longest script that Bitcoin executes, in bytes.
const MAX_SCRIPT_SIZE: usize = 10_000;

/// Whether the output costs more than a third of its value to spend; always true where it cannot be spent.
pub(crate) fn is_dust(output: &TxOut) -> bool {
    let script = &output.script_pubkey;
    if script.is_op_return() || script.len() > MAX_SCRIPT_SIZE || !parses(script) {
        return true;
    }
    let spend_size = if script.is_witness_program() {
        WITNESS_SPEND_SIZE
    } else {
        SCRIPT_SIG_SIZE
    };
    let size = output.size() as u128 + INPUT_SIZE + spend_size;
    u128::from(output.value.to_sat()) * 1000 / (3 * size) < RELAY_FEE
}

/// Whether the output is one that slashing may create: not dust, or burnt by an OP_RETURN of any value (spec 1.8).
pub(crate) fn is_acceptable_slashing_output(output: &TxOut) -> bool {
    output.script_pubkey.is_op_return() || !is_dust(output)
}

/// The first output that slashing may not create, with its value.
pub(crate) fn first_unacceptable(outputs: &[TxOut]) -> Option<(usize, Amount)> {
    let mut outputs = outputs.iter().enumerate();
    let (index, output) = outputs.find(|(_, output)| !is_acceptable_slashing_output(output))?;
    Some((index, output.value))
}

fn parses(script: &Script) -> bool {
    script.instructions().all(|instruction| instruction.is_ok())
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::{PubkeyHash, ScriptBuf, ScriptHash, WPubkeyHash, WScriptHash};

    use super::*;

    fn least_value(script_pubkey: &ScriptBuf) -> Option<u64> {
        (0..10_000).find(|sat| {
            let value = Amount::from_sat(*sat);
            !is_dust(&TxOut {
                value,
                script_pubkey: script_pubkey.clone(),
            })
        })
    }

    #[test]
    fn the_least_values_are_the_published_ones() {
        let p2tr = ScriptBuf::from_bytes([&[0x51, 0x20][..], &[2; 32]].concat());
        for (script, least) in [
            (p2tr, 330),
            (ScriptBuf::new_p2wsh(&WScriptHash::all_zeros()), 330),
            (ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()), 294),
            (ScriptBuf::new_p2pkh(&PubkeyHash::all_zeros()), 546),
            (ScriptBuf::new_p2sh(&ScriptHash::all_zeros()), 540),
        ] {
            assert_eq!(least_value(&script), Some(least), "{script}");
        }
    }

    #[test]
    fn what_cannot_be_spent_is_dust_at_any_value() {
        let oversized = ScriptBuf::from_bytes(vec![0x51; MAX_SCRIPT_SIZE + 1]);
        let truncated_push = ScriptBuf::from_bytes(vec![0x20, 0x01]);
        let op_return = ScriptBuf::new_op_return([1; 7]);
        for script_pubkey in [oversized, truncated_push, op_return] {
            assert!(is_dust(&TxOut {
                value: Amount::MAX_MONEY,
                script_pubkey
            }));
        }
    }

    #[test]
    fn slashed_coins_may_be_burnt_whatever_their_value() {
        let output = TxOut {
            value: Amount::ONE_SAT,
            script_pubkey: ScriptBuf::new_op_return([]),
        };
        assert!(is_acceptable_slashing_output(&output));
    }
}
