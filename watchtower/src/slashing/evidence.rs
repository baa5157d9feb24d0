//! From evidence of equivocation to the key that it gave away.

use chain::DoubleVote;
use eots::curve::Native;
use eots::{PublicKey, SecretKey, Signed, extract, vote_message};

/// Why evidence gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Only the vote for the other block was seen: two are needed.
    #[error("the vote for the chain's own block is missing, so the key is not out")]
    OneVote,
    /// The two votes do not give the provider's key.
    #[error(transparent)]
    Extract(#[from] eots::ExtractError),
}

/// Computes the secret key; it was found to belong to the provider.
pub fn extract_key(evidence: &DoubleVote) -> Result<SecretKey, EvidenceError> {
    let canonical = evidence.canonical_signature.as_ref();
    let canonical = canonical.ok_or(EvidenceError::OneVote)?;
    let height = evidence.height.0;
    let first = vote_message(height, &evidence.canonical_app_hash);
    let second = vote_message(height, &evidence.fork_app_hash);
    let key = PublicKey::from(evidence.finality_provider.0);
    Ok(extract(
        &Native,
        &key,
        &evidence.public_randomness,
        Signed {
            message: &first,
            signature: canonical,
        },
        Signed {
            message: &second,
            signature: &evidence.fork_signature,
        },
    )?)
}

#[cfg(test)]
mod tests {
    use eots::{randomness, sign};
    use staking::keys::FinalityProviderKey;
    use staking::units::ChainHeight;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "evidence is made, with a key of no value"
    )]
    fn evidence(secret: &SecretKey) -> DoubleVote {
        let nonce = || randomness::derive(secret, "chain-test", 7);
        let vote = |app_hash| sign(secret, nonce(), &vote_message(7, app_hash)).unwrap();
        DoubleVote {
            finality_provider: FinalityProviderKey::from_slice(secret.public_key().as_bytes())
                .unwrap(),
            height: ChainHeight(7),
            public_randomness: nonce().public(),
            canonical_app_hash: [1; 32],
            fork_app_hash: [2; 32],
            canonical_signature: Some(vote(&[1; 32])),
            fork_signature: vote(&[2; 32]),
        }
    }

    #[test]
    fn two_votes_give_the_key_and_anything_less_does_not() {
        let secret = SecretKey::from_bytes(&[5; 32]).unwrap();
        let good = evidence(&secret);
        let extracted = extract_key(&good).unwrap();
        assert_eq!(extracted.public_key(), secret.public_key());

        let one_vote = DoubleVote {
            canonical_signature: None,
            ..good.clone()
        };
        assert_eq!(extract_key(&one_vote), Err(EvidenceError::OneVote));
        let other_height = DoubleVote {
            height: ChainHeight(8),
            ..good.clone()
        };
        assert!(extract_key(&other_height).is_err());
        let same_vote = DoubleVote {
            fork_app_hash: good.canonical_app_hash,
            ..good
        };
        assert!(extract_key(&same_vote).is_err());
    }
}
