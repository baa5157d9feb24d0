#!/usr/bin/env bash
# check.sh: everything that must hold for the contracts. Needs what the workspace needs (Rust, Go, gcc, on Debian); the
# compiler for wasm is unpacked once into the user's cache folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toolchain=${BTC_MESH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/btc-mesh}/wasm-toolchain
cargo fmt --all --check
cargo clippy --locked --all-targets -- -D warnings
cargo test --locked
scripts/wasm-toolchain.sh "$toolchain"
scripts/build-contract.sh "$toolchain" "$PWD/Cargo.toml" "$PWD/artifacts"
(cd vm-check && go run . ../artifacts/*.wasm)
