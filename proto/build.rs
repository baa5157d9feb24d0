//! Compiles the `.proto` files beside this one, without protoc.

use std::error::Error;
use std::path::Path;

/// Chain services: we are their client only.
const CHAIN: &[&str] = &[
    "babylon/btccheckpoint/v1/query.proto",
    "babylon/btccheckpoint/v1/tx.proto",
    "babylon/btclightclient/v1/query.proto",
    "babylon/btclightclient/v1/tx.proto",
    "babylon/btcstaking/v1/query.proto",
    "babylon/btcstaking/v1/tx.proto",
    "babylon/checkpointing/v1/query.proto",
    "babylon/epoching/v1/query.proto",
    "babylon/finality/v1/query.proto",
    "babylon/finality/v1/tx.proto",
    "babylon/incentive/query.proto",
    "babylon/incentive/tx.proto",
    "cosmos/auth/v1beta1/query.proto",
    "cosmos/bank/v1beta1/query.proto",
    "cosmos/bank/v1beta1/tx.proto",
    "cosmos/base/node/v1beta1/query.proto",
    "cosmos/base/tendermint/v1beta1/query.proto",
    "cosmos/crypto/secp256k1/keys.proto",
    "cosmos/tx/v1beta1/service.proto",
    "cosmos/tx/v1beta1/tx.proto",
    "cosmwasm/wasm/v1/query.proto",
    "cosmwasm/wasm/v1/tx.proto",
    "tendermint/abci/types.proto",
    "tendermint/types/types.proto",
];

/// Our own services.
const OWN: &[&str] = &[
    "btcmesh/covenant/v1/committee.proto",
    "btcmesh/covenant/v1/signer.proto",
    "btcmesh/finality/v1/signer.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for directory in ["babylon", "btcmesh", "cosmos", "cosmwasm", "tendermint"] {
        println!("cargo::rerun-if-changed={directory}");
    }
    let root = Path::new(".");
    tonic_prost_build::configure()
        .build_server(false)
        .include_file("chain.rs")
        // Type names are needed to pack messages into `google.protobuf.Any`.
        .compile_with_names(CHAIN, root)?;
    tonic_prost_build::configure()
        .include_file("own.rs")
        .codec_path("crate::strict::StrictCodec")
        .compile_with_names(OWN, root)?;
    Ok(())
}

/// [`tonic_prost_build::Builder::compile_fds_with_config`] of files, with `prost::Name` implemented.
trait CompileWithNames {
    fn compile_with_names(self, files: &[&str], root: &Path) -> Result<(), Box<dyn Error>>;
}

impl CompileWithNames for tonic_prost_build::Builder {
    fn compile_with_names(self, files: &[&str], root: &Path) -> Result<(), Box<dyn Error>> {
        let mut config = tonic_prost_build::Config::new();
        config.enable_type_names();
        self.compile_fds_with_config(protox::compile(files, [root])?, config)?;
        Ok(())
    }
}
