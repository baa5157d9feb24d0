//! The gRPC side.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use committee::message::{
    delegation_from_proto, refusal_to_proto, signatures_to_proto, terms_to_proto,
};
use proto::btcmesh::covenant::v1::committee_member_server as generated;
use proto::btcmesh::covenant::v1::cosign_delegation_response::Outcome;
use proto::btcmesh::covenant::v1::{
    CosignDelegationRequest, CosignDelegationResponse, GetMemberRequest, GetMemberResponse,
};
use proto::endpoint::serve_listener;
use proto::field::{FieldError, required};
use proto::tonic::service::interceptor::InterceptedService;
use proto::tonic::transport::{Error as TransportError, Server};
use proto::tonic::{Request, Response, Status, async_trait};
use tokio::net::TcpListener;

use super::{Declined, Place, Stakers};

/// Largest request that is read. A staking transaction that Bitcoin nodes relay takes 100 kB at most without its witness,
/// which nobody needs here; the rest of a request is below 2 kB.
const MAX_REQUEST_BYTES: usize = 128 << 10;

/// How long a request may take, its own arrival included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Silence after which a connection is tested, and how long the test may take.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// After which a connection is closed, so that nobody keeps one for ever.
const CONNECTION_AGE: Duration = Duration::from_mins(5);

/// Requests that one connection has under way; the limits of the service are counted apart.
const STREAMS: u32 = 16;

/// Longest text of an error: a key may be quoted in it, and the caller chose its length.
const MAX_ERROR_CHARACTERS: usize = 300;

/// Serves `stakers` on `listener` until `shutdown` completes.
pub async fn serve(
    stakers: Arc<Stakers>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), TransportError> {
    let doorkeeper = Arc::clone(&stakers);
    let member = generated::CommitteeMemberServer::new(MemberService { stakers })
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    // Asked before the body is read, so that a request without a place costs next to nothing.
    let service = InterceptedService::new(member, move |request| admit(&doorkeeper, request));
    let services = Server::builder()
        .timeout(TIMEOUT)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_connection_age(CONNECTION_AGE)
        .max_concurrent_streams(STREAMS)
        .add_service(service);
    serve_listener(listener, services, shutdown).await
}

fn admit(stakers: &Stakers, mut request: Request<()>) -> Result<Request<()>, Status> {
    let address = request.remote_addr().map(|address| address.ip());
    match stakers.places.take(address) {
        Ok(place) => {
            // Goes with the request; whoever drops the request gives the place back.
            request.extensions_mut().insert(Arc::new(place));
            Ok(request)
        }
        Err(none) => {
            stakers.count_limited(none.name());
            Err(Status::resource_exhausted(none.to_string()))
        }
    }
}

struct MemberService {
    stakers: Arc<Stakers>,
}

#[async_trait]
impl generated::CommitteeMember for MemberService {
    async fn get_member(
        &self,
        _: Request<GetMemberRequest>,
    ) -> Result<Response<GetMemberResponse>, Status> {
        Ok(Response::new(terms_to_proto(&self.stakers.terms())))
    }

    async fn cosign_delegation(
        &self,
        mut request: Request<CosignDelegationRequest>,
    ) -> Result<Response<CosignDelegationResponse>, Status> {
        let place = request.extensions_mut().remove::<Arc<Place>>();
        let CosignDelegationRequest {
            params_version,
            delegation,
        } = request.into_inner();
        let delegation = required("delegation", delegation)
            .and_then(|delegation| {
                delegation_from_proto(delegation).map_err(|error| error.inside("delegation"))
            })
            .map_err(|error| malformed(&error))?;
        let stakers = Arc::clone(&self.stakers);
        // A task of its own: whoever hangs up keeps its place until the work is done.
        let working = tokio::spawn(async move {
            let outcome = stakers.sign(params_version, delegation).await;
            drop(place);
            outcome
        });
        let outcome = working
            .await
            .map_err(|_| Status::internal("internal error"))?;
        let outcome = match outcome {
            Ok(signatures) => Outcome::Signatures(signatures_to_proto(&signatures)),
            Err(Declined::Refused(refusal)) => Outcome::Refusal(refusal_to_proto(refusal)),
            Err(limited @ Declined::Limited(_)) => {
                return Err(Status::resource_exhausted(limited.to_string()));
            }
            Err(unavailable @ Declined::Unavailable) => {
                return Err(Status::unavailable(unavailable.to_string()));
            }
        };
        Ok(Response::new(CosignDelegationResponse {
            outcome: Some(outcome),
        }))
    }
}

fn malformed(error: &FieldError) -> Status {
    let text: String = error
        .to_string()
        .chars()
        .take(MAX_ERROR_CHARACTERS)
        .collect();
    Status::invalid_argument(text)
}
