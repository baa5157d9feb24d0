//! `slash`: one finality provider, now, by hand, with whichever chains answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bitcoin::{OutPoint, Txid};
use bitcoin_source::Bitcoind;
use chain::{Account, Chain, Evidence, SecuredChain};
use daemon::output::{Answer, CommandError, Exit};
use daemon::program::Context;
use serde::Serialize;
use staking::keys::FinalityProviderKey;

use super::{setting, watched_account};
use crate::slashing::case::Progress;
use crate::slashing::culprit::Culprit;
use crate::slashing::evidence::EvidenceError;
use crate::slashing::{SlashedNow, slash_now};
use crate::startup::connect;

#[derive(Debug, Serialize)]
struct Slashed {
    provider: FinalityProviderKey,
    /// One for each chain that knows the stake; stakes in order.
    delegations: Vec<Outcome>,
    /// Chains that did not answer, or not to the end, so that nothing is known of stakes that they alone know.
    unanswered: Vec<Unanswered>,
}

/// What became of a stake, as one chain has it.
#[derive(Debug, Serialize)]
struct Outcome {
    chain: String,
    staking_txid: Txid,
    staking_output_index: u32,
    /// The slashing transaction, where there is one on the network.
    slashing_txid: Option<Txid>,
    state: String,
}

#[derive(Debug, Serialize)]
struct Unanswered {
    chain: String,
    reason: String,
}

impl fmt::Display for Slashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if self.delegations.is_empty() {
            lines.push(format!(
                "nothing is known to be staked with {}",
                self.provider
            ));
        }
        for outcome in &self.delegations {
            let (txid, index) = (outcome.staking_txid, outcome.staking_output_index);
            lines.push(format!(
                "{txid}:{index} ({}) {}",
                outcome.chain, outcome.state
            ));
        }
        for Unanswered { chain, reason } in &self.unanswered {
            lines.push(format!("nothing more is known of {chain}: {reason}"));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// A chain that answered, and its evidence against the provider.
struct Witness {
    name: String,
    chain: Arc<dyn Chain>,
    evidence: Option<Evidence>,
}

/// Slashes the stakes of a provider with the key that evidence on any chain gives away.
pub async fn run(
    context: &Context,
    provider: &FinalityProviderKey,
) -> Result<Answer, CommandError> {
    let (config, home) = setting(context)?;
    let bitcoin = Bitcoind::connect(&config.bitcoin).await?;
    let mut witnesses = Vec::new();
    let mut errors = Vec::new();
    for secured in config.secured_chains() {
        // What is wrong with the file itself ends all; a node that is not the chain's says nothing of the others.
        let account = Account::Watched(watched_account(&secured, &home)?);
        match hear(&bitcoin, &secured, account, provider).await {
            Ok(witness) => witnesses.push(witness),
            Err(error) => errors.push((secured.name().to_owned(), error)),
        }
    }
    let mut unanswered: Vec<_> = errors
        .iter()
        .map(|(chain, error)| Unanswered {
            chain: chain.clone(),
            reason: error.message.clone(),
        })
        .collect();
    if witnesses.is_empty()
        && let Some((_, error)) = errors.into_iter().next()
    {
        return Err(error);
    }
    let evidences = witnesses
        .iter()
        .filter_map(|witness| witness.evidence.as_ref());
    let culprit = convicted(evidences)
        .map_err(|error| CommandError::caused_by(Exit::Failed, "no-key", &error))?
        .ok_or_else(|| no_evidence(provider, &unanswered))?;
    let mut outcomes = BTreeMap::<OutPoint, Vec<(String, Progress)>>::new();
    for Witness { name, chain, .. } in witnesses {
        let page_size = config.stakes.page_size;
        let final_confirmations = config.slashing.final_confirmations.get();
        let slashed = slash_now(
            &bitcoin,
            &*chain,
            &name,
            &culprit,
            page_size,
            final_confirmations,
        );
        let SlashedNow { stakes, ended } = slashed.await;
        for (output, progress) in stakes {
            let of_stake = outcomes.entry(output).or_default();
            of_stake.push((name.clone(), progress));
        }
        // Even where it is our Bitcoin node, what was done is shown.
        if let Err(error) = ended {
            unanswered.push(Unanswered {
                chain: name,
                reason: error.to_string(),
            });
        }
    }
    let complete = unanswered.is_empty() && !outcomes.values().any(|of_stake| is_left(of_stake));
    let slashed = Slashed {
        provider: *provider,
        delegations: outcomes.into_iter().flat_map(shown).collect(),
        unanswered,
    };
    Ok(if complete {
        slashed.into()
    } else {
        Answer::partial(slashed)
    })
}

/// Connects to a chain and asks for its evidence.
async fn hear(
    bitcoin: &Bitcoind,
    secured: &SecuredChain,
    account: Account,
    provider: &FinalityProviderKey,
) -> Result<Witness, CommandError> {
    let chain = connect(bitcoin, secured, account).await?.chain();
    let mut known = chain.evidences().await?.into_iter();
    Ok(Witness {
        name: secured.name().to_owned(),
        evidence: known.find(|one| one.finality_provider() == *provider),
        chain,
    })
}

/// The provider, by the first evidence that gives its key away; `None` where there is none at all.
///
/// # Errors
///
/// Says of the last what is wrong with it, where none gives the key.
fn convicted<'a>(
    evidences: impl IntoIterator<Item = &'a Evidence>,
) -> Result<Option<Culprit>, EvidenceError> {
    let mut verdict = Ok(None);
    for evidence in evidences {
        match Culprit::convict(evidence) {
            Ok(culprit) => return Ok(Some(culprit)),
            Err(error) => verdict = Err(error),
        }
    }
    verdict
}

fn no_evidence(provider: &FinalityProviderKey, unanswered: &[Unanswered]) -> CommandError {
    const CODE: &str = "no-evidence";
    if unanswered.is_empty() {
        let message =
            format!("no chain has evidence that finality provider {provider} equivocated");
        return CommandError::new(Exit::Failed, CODE, message)
            .with_hint("only two votes at one height give a key away");
    }
    let silent: Vec<_> = unanswered
        .iter()
        .map(|it| format!("{} ({})", it.chain, it.reason))
        .collect();
    let message = format!(
        "no chain that answers has evidence that finality provider {provider} equivocated; without an answer: {}",
        silent.join(", ")
    );
    CommandError::new(Exit::Unreachable, CODE, message)
        .with_hint("ask again when those chains answer")
}

/// Whether a stake may be there to be slashed although every chain that knows it was tried.
fn is_left(of_stake: &[(String, Progress)]) -> bool {
    let failed =
        |progress: &Progress| matches!(progress, Progress::Failed(_) | Progress::Impossible(_));
    of_stake.iter().all(|(_, progress)| failed(progress))
}

fn shown((output, of_stake): (OutPoint, Vec<(String, Progress)>)) -> Vec<Outcome> {
    let shown = of_stake.into_iter().map(|(chain, progress)| Outcome {
        chain,
        staking_txid: output.txid,
        staking_output_index: output.vout,
        slashing_txid: match progress {
            Progress::Sent { txid, .. } | Progress::Finished(txid) => Some(txid),
            _ => None,
        },
        state: progress.to_string(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash as _;
    use chain::DoubleVote;
    use eots::SecretKey;
    use staking::units::ChainHeight;

    use super::*;
    use daemon::attempts::Reason;

    fn provider(byte: u8) -> (FinalityProviderKey, SecretKey) {
        let secret = SecretKey::from_bytes(&[byte; 32]).unwrap();
        let key = FinalityProviderKey::from_slice(secret.public_key().as_bytes()).unwrap();
        (key, secret)
    }

    fn key_of(byte: u8) -> Evidence {
        let (finality_provider, secret) = provider(byte);
        Evidence::Key {
            finality_provider,
            secret,
        }
    }

    /// A vote for another block alone, which gives nothing away.
    #[expect(
        clippy::disallowed_methods,
        reason = "evidence is made, with a key of no value"
    )]
    fn half_of(byte: u8) -> Evidence {
        let (finality_provider, secret) = provider(byte);
        let nonce = || eots::randomness::derive(&secret, "chain-test", 7);
        let message = eots::vote_message(7, &[2; 32]);
        Evidence::Votes(DoubleVote {
            finality_provider,
            height: ChainHeight(7),
            public_randomness: nonce().public(),
            canonical_app_hash: [1; 32],
            fork_app_hash: [2; 32],
            canonical_signature: None,
            fork_signature: eots::sign(&secret, nonce(), &message).unwrap(),
        })
    }

    #[test]
    fn evidence_that_gives_no_key_hides_none_that_does() {
        assert!(convicted([]).unwrap().is_none());
        assert_eq!(
            convicted(&[half_of(1)]).unwrap_err(),
            EvidenceError::OneVote
        );
        for evidences in [
            [half_of(1), key_of(1)],
            [key_of(1), half_of(1)],
            [key_of(1), key_of(1)],
        ] {
            let culprit = convicted(&evidences).unwrap().unwrap();
            assert_eq!(culprit.key, provider(1).0);
        }
    }

    #[test]
    fn a_stake_is_left_only_where_no_chain_could_do_anything() {
        let failed = || Progress::Failed(Reason::new("mempool", "not now"));
        let sent = || Progress::Sent {
            txid: Txid::all_zeros(),
            confirmations: 0,
        };
        let impossible = || Progress::Impossible(Reason::new("delegation", "never"));
        for (of_chains, expected) in [
            (vec![failed()], true),
            (vec![failed(), impossible()], true),
            (vec![sent(), failed()], false),
            (vec![impossible(), sent()], false),
            (vec![Progress::Gone], false),
        ] {
            let of_stake: Vec<_> = of_chains
                .into_iter()
                .map(|progress| ("x".to_owned(), progress))
                .collect();
            assert_eq!(is_left(&of_stake), expected, "{of_stake:?}");
        }
    }

    #[test]
    fn every_chains_word_on_a_stake_and_who_did_not_answer_are_shown() {
        let output = OutPoint::new(Txid::all_zeros(), 3);
        let of_stake = vec![
            ("x".to_owned(), Progress::Finished(Txid::all_zeros())),
            (
                "y".to_owned(),
                Progress::Impossible(Reason::new("delegation", "no quorum")),
            ),
        ];
        let slashed = Slashed {
            provider: provider(1).0,
            delegations: shown((output, of_stake)),
            unanswered: vec![Unanswered {
                chain: "z".to_owned(),
                reason: "it is down".to_owned(),
            }],
        };
        let text = slashed.to_string();
        for part in [
            ":3 (x) slashed by",
            ":3 (y) cannot be slashed: no quorum",
            "nothing more is known of z: it is down",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let error = no_evidence(&slashed.provider, &slashed.unanswered);
        assert_eq!(error.exit, Exit::Unreachable);
        assert!(
            error.message.contains("z (it is down)"),
            "{}",
            error.message
        );
        let error = no_evidence(&slashed.provider, &[]);
        assert_eq!(error.exit, Exit::Failed);
    }
}
