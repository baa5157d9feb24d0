//! What is checked before the first signature: that signer, chain and Bitcoin node are of the same world.

use bitcoin::constants::genesis_block;
use bitcoin::{BlockHash, Network};
use bitcoin_source::{BitcoinSource, SourceError};
use chain::{Chain, ChainError, LightClientHeader};
use staking::keys::CovenantKey;
use staking::params::ParamsVersions;
use staking::units::BitcoinHeight;

use crate::signer::Identity;
use crate::stakers::ParamsSets;

/// Parts that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The signer serves another network.
    #[error("the signer serves Bitcoin network {signer}, the configuration says {configured}")]
    SignerNetwork {
        /// The signer's.
        signer: Network,
        /// The configured one.
        configured: Network,
    },
    /// A set of parameters for stakers does not have the key in its committee.
    #[error(
        "covenant key {key} is not in the committee of version {version} in [[stakers.params]]"
    )]
    NotInSet {
        /// The member's.
        key: CovenantKey,
        /// Number of the set.
        version: u32,
    },
    /// No parameter version has the key in its committee.
    #[error("covenant key {0} is in no covenant committee of the chain")]
    NotAMember(CovenantKey),
    /// The chain's light client starts from another network's genesis.
    #[error(
        "the chain's Bitcoin light client starts from {base}, which is not the genesis of {configured}"
    )]
    LightClientGenesis {
        /// Its oldest block.
        base: BlockHash,
        /// The configured network.
        configured: Network,
    },
    /// The chain's light client starts from a block that our Bitcoin node does not have there.
    #[error(
        "the chain's Bitcoin light client starts from {base} at height {height}, our Bitcoin node has {ours} there"
    )]
    LightClientBranch {
        /// Its oldest block.
        base: BlockHash,
        /// That block's height.
        height: BitcoinHeight,
        /// Our node's block.
        ours: BlockHash,
    },
}

/// Why the check has no result, or a bad one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Waiting does not heal it.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The chain did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The Bitcoin node did not answer.
    #[error(transparent)]
    Bitcoin(#[from] SourceError),
}

/// Checks that the signer fits the configuration.
pub fn check_signer(signer: Identity, configured: Network) -> Result<(), Mismatch> {
    if signer.network == configured {
        Ok(())
    } else {
        Err(Mismatch::SignerNetwork {
            signer: signer.network,
            configured,
        })
    }
}

/// Checks that the member is in each committee whose stakers it serves.
pub fn check_sets(sets: &ParamsSets, own: CovenantKey) -> Result<(), Mismatch> {
    let foreign = sets.iter().find(|params| !params.covenant.contains(&own));
    match foreign {
        None => Ok(()),
        Some(params) => Err(Mismatch::NotInSet {
            key: own,
            version: params.version,
        }),
    }
}

/// Checks that the chain and, where there is one, the own Bitcoin node fit the configuration and the member's key.
pub async fn check(
    chain: &dyn Chain,
    own: CovenantKey,
    configured: Network,
    bitcoin: Option<&dyn BitcoinSource>,
) -> Result<(), CheckError> {
    membership(&chain.staking_params().await?, own)?;
    let base = chain.light_client_base().await?;
    genesis(&base, configured)?;
    if let Some(bitcoin) = bitcoin {
        let ours = bitcoin.block_hash(base.height).await?;
        branch(&base, ours)?;
    }
    Ok(())
}

fn membership(params: &ParamsVersions, own: CovenantKey) -> Result<(), Mismatch> {
    let member = params
        .all()
        .iter()
        .any(|params| params.covenant.contains(&own));
    if member {
        Ok(())
    } else {
        Err(Mismatch::NotAMember(own))
    }
}

/// A light client that starts later cannot be told apart this way; an own Bitcoin node can.
fn genesis(base: &LightClientHeader, configured: Network) -> Result<(), Mismatch> {
    if base.height > BitcoinHeight(0) || base.hash() == genesis_block(configured).block_hash() {
        Ok(())
    } else {
        Err(Mismatch::LightClientGenesis {
            base: base.hash(),
            configured,
        })
    }
}

fn branch(base: &LightClientHeader, ours: BlockHash) -> Result<(), Mismatch> {
    if base.hash() == ours {
        Ok(())
    } else {
        Err(Mismatch::LightClientBranch {
            base: base.hash(),
            height: base.height,
            ours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(network: Network, height: u32) -> LightClientHeader {
        LightClientHeader {
            height: BitcoinHeight(height),
            header: genesis_block(network).header,
        }
    }

    #[test]
    fn a_light_client_of_another_network_is_refused() {
        let regtest = base(Network::Regtest, 0);
        assert_eq!(genesis(&regtest, Network::Regtest), Ok(()));
        assert!(matches!(
            genesis(&regtest, Network::Signet),
            Err(Mismatch::LightClientGenesis {
                configured: Network::Signet,
                ..
            })
        ));
    }

    #[test]
    fn a_light_client_on_another_branch_is_refused() {
        let start = base(Network::Regtest, 2016);
        assert_eq!(genesis(&start, Network::Signet), Ok(()));
        assert_eq!(branch(&start, start.hash()), Ok(()));
        let ours = genesis_block(Network::Signet).block_hash();
        assert!(matches!(
            branch(&start, ours),
            Err(Mismatch::LightClientBranch { .. })
        ));
    }
}
