//! Requests to a signer as the messages of `signer.proto`.

use committee::message::{
    delegation_from_proto, delegation_to_proto, params_from_proto, params_to_proto,
};
use proto::btcmesh::covenant::v1 as message;
use proto::field::{FieldError, required};

use super::{Origin, SigningRequest};

/// What a request's message holds.
pub(super) enum Asked {
    /// A delegation to sign.
    Delegation(Box<SigningRequest>),
    /// An expansion of another delegation: read no further, because it is refused.
    Expansion,
}

pub(super) fn request_to_proto(request: &SigningRequest) -> message::SignDelegationRequest {
    let origin = match request.origin {
        Origin::Chain => message::Origin::Chain,
        Origin::Staker => message::Origin::Staker,
    };
    message::SignDelegationRequest {
        params: Some(params_to_proto(&request.params)),
        delegation: Some(delegation_to_proto(&request.delegation)),
        expansion: None,
        origin: origin.into(),
    }
}

pub(super) fn request_from_proto(
    request: message::SignDelegationRequest,
) -> Result<Asked, FieldError> {
    if request.expansion.is_some() {
        return Ok(Asked::Expansion);
    }
    let origin = match message::Origin::try_from(request.origin) {
        Ok(message::Origin::Chain) => Origin::Chain,
        Ok(message::Origin::Staker) => Origin::Staker,
        Err(_) => {
            let problem = format!("{} is no origin that is known here", request.origin);
            return Err(FieldError::new("origin", problem));
        }
    };
    let params = params_from_proto(required("params", request.params)?)
        .map_err(|error| error.inside("params"))?;
    let delegation = delegation_from_proto(required("delegation", request.delegation)?)
        .map_err(|error| error.inside("delegation"))?;
    Ok(Asked::Delegation(Box::new(SigningRequest {
        params,
        delegation,
        origin,
    })))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::prost::bytes::Bytes;
    use proto::strict;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |change: fn(&mut message::Delegation)| {
            let mut delegation = message::Delegation {
                staker_key: vec![2; 32],
                staking_time: 1,
                unbonding_time: 1,
                ..message::Delegation::default()
            };
            change(&mut delegation);
            let params = message::StakingParams {
                covenant_keys: vec![vec![2; 32]],
                covenant_quorum: 1,
                min_staking_time: 1,
                max_staking_time: 1,
                slashing_rate_ten_thousandths: 1,
                unbonding_time: 1,
                ..message::StakingParams::default()
            };
            let request = message::SignDelegationRequest {
                params: Some(params),
                delegation: Some(delegation),
                ..message::SignDelegationRequest::default()
            };
            request_from_proto(request).err().unwrap().path().to_owned()
        };
        assert_eq!(message(|_| {}), "delegation.staking_tx");
        assert_eq!(
            message(|delegation| delegation.staking_time = 0),
            "delegation.staking_time"
        );
        assert_eq!(
            message(|delegation| delegation.staker_key = vec![0; 32]),
            "delegation.staker_key"
        );
        assert_eq!(
            message(|delegation| delegation.finality_provider_keys = vec![vec![2; 32], vec![1]]),
            "delegation.finality_provider_keys[1]"
        );
        let missing = request_from_proto(message::SignDelegationRequest::default());
        assert_eq!(missing.err().unwrap().path(), "params");
        let elsewhere = message::SignDelegationRequest {
            origin: 2,
            ..message::SignDelegationRequest::default()
        };
        let unknown = request_from_proto(elsewhere);
        assert_eq!(unknown.err().unwrap().path(), "origin");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panicking(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = Bytes::from(bytes);
            if let Ok(request) = strict::decode::<message::SignDelegationRequest>(&bytes) {
                let _ = request_from_proto(request);
            }
        }

        #[test]
        fn any_field_values_are_read_without_panicking(
            key in prop::collection::vec(any::<u8>(), 0..40),
            transaction in prop::collection::vec(any::<u8>(), 0..200),
            times in any::<(u32, u32, u32, u32)>(),
            amounts in any::<(u64, u64)>(),
        ) {
            let delegation = message::Delegation {
                staker_key: key.clone(),
                finality_provider_keys: vec![key.clone()],
                staking_time: times.0,
                staking_value: amounts.0,
                staking_tx: transaction.clone(),
                staking_output_index: times.1,
                slashing_tx: transaction.clone(),
                staker_slashing_signature: key.clone(),
                unbonding_time: times.2,
                unbonding_tx: transaction.clone(),
                unbonding_slashing_tx: transaction,
                staker_unbonding_slashing_signature: key.clone(),
            };
            let params = message::StakingParams {
                covenant_keys: vec![key],
                covenant_quorum: times.3,
                min_staking_value: amounts.1,
                ..message::StakingParams::default()
            };
            let _ = request_from_proto(message::SignDelegationRequest {
                params: Some(params),
                delegation: Some(delegation),
                ..message::SignDelegationRequest::default()
            });
        }
    }
}
