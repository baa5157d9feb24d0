//! Asking the whole committee.

use futures::future::join_all;
use proto::grpc_url::GrpcUrl;
use staking::delegation::CovenantSignatures;

use crate::{Member, MemberError, SignatureRequest};

/// What the members answered.
#[derive(Debug)]
pub struct Collected {
    /// Each member's signatures, verified, one of each key, ascending by key: the order that `btc-mesh` takes them in.
    pub signatures: Vec<CovenantSignatures>,
    /// Who gave none, and why.
    pub failures: Vec<(GrpcUrl, MemberError)>,
    quorum: usize,
}

impl Collected {
    /// Whether the stake can be unbonded and slashed with these.
    pub fn is_quorum(&self) -> bool {
        self.signatures.len() >= self.quorum
    }
}

/// Asks all `members` at once and waits for each, at most as long as its own deadline.
///
/// Signatures beyond the quorum are worth having: whoever finishes a spend leaves out what it does not need. Asking again
/// is harmless, so what is missing can be asked for later.
pub async fn collect(members: &[Member], request: &SignatureRequest) -> Collected {
    let answers = join_all(members.iter().map(|member| member.sign(request))).await;
    let mut signatures: Vec<CovenantSignatures> = Vec::new();
    let mut failures = Vec::new();
    for (member, answer) in members.iter().zip(answers) {
        match answer {
            Ok(given) => match signatures.binary_search_by_key(&given.key, |known| known.key) {
                // Two addresses of one member; both sets verify, and a script counts one.
                Ok(_) => {}
                Err(place) => signatures.insert(place, given),
            },
            Err(error) => failures.push((member.url().clone(), error)),
        }
    }
    Collected {
        signatures,
        failures,
        quorum: request.params().covenant.quorum(),
    }
}
