#!/usr/bin/env bash
# build-contract.sh TOOLCHAIN_DIR MANIFEST OUT_DIR: builds every cdylib of the contracts workspace and lowers it for wasmvm.
set -euo pipefail
tc=$1 manifest=$2 out=$3
export RUSTC=$tc/bin/rustc
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$tc/bin/rust-lld
export CC_wasm32_unknown_unknown=$tc/bin/clang AR_wasm32_unknown_unknown=$tc/bin/llvm-ar
# Paths in panic messages would make the bytes depend on who builds where.
root=$(cd "$(dirname "$manifest")/.." && pwd)
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="--remap-path-prefix=$root=/btc-mesh --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(dirname "$manifest")/target/wasm}
cargo build --locked --release --lib --target wasm32-unknown-unknown --manifest-path "$manifest"
mkdir -p "$out"
for wasm in "$CARGO_TARGET_DIR"/wasm32-unknown-unknown/release/*.wasm; do
  # wasm-opt writes call_indirect's table index as one byte; without this, wasmvm < 3 answers "reference-types not enabled"
  "$tc/bin/wasm-opt" -Os "$wasm" -o "$out/$(basename "$wasm")"
done
(cd "$out" && sha256sum ./*.wasm >checksums.txt)
