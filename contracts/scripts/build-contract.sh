#!/usr/bin/env bash
# build-contract.sh TOOLCHAIN_DIR MANIFEST OUT_DIR: builds every contract of the workspace and lowers it for wasmvm.
# The bytes depend on the sources, the lock file and the compilers, not on where the checkout, the caches or OUT_DIR are.
set -euo pipefail
tc=$1 manifest=$2 out=$3
contracts=$(cd "$(dirname "$manifest")" && pwd)
root=$(dirname "$contracts")
target=wasm32-unknown-unknown
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$contracts/target/wasm}
mkdir -p "$CARGO_TARGET_DIR" "$out"
exec 9>"$CARGO_TARGET_DIR/build-contract.lock"
flock 9

# Cargo numbers a crate by its place below the workspace, or by its absolute path if it lies elsewhere, as those that the contracts
# share with the programs do; and the number is in every symbol. So the build is one of a copy with all of them below.
source=$CARGO_TARGET_DIR/source
rm -rf "$source"
mkdir -p "$source/programs/crates"
cp -a "$contracts"/Cargo.{toml,lock} "$source"
for package in "$contracts"/*/Cargo.toml; do cp -a "$(dirname "$package")" "$source"; done
cp -a "$root/Cargo.toml" "$source/programs"
for crate in $(sed -n 's|.*path = "\.\./crates/\([^"]*\)".*|\1|p' "$source/Cargo.toml"); do
  cp -a "$root/crates/$crate" "$source/programs/crates"
done
sed -i -e 's|"\.\./crates/|"programs/crates/|' -e 's|^\[workspace\]$|&\nexclude = ["programs"]|' "$source/Cargo.toml"

# Nothing of how the caller builds his own programs.
unset RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_TARGET "${!CARGO_PROFILE_@}"
export RUSTC=$tc/bin/rustc
# secp256k1-sys marks a constructor of libsecp256k1's contexts for export, which no chain calls and no contract needs: with it
# came a table of 64 kB.
linker=$CARGO_TARGET_DIR/rust-lld # By its name the compiler knows how to speak with it.
cat >"$linker" <<LINKER
#!/usr/bin/env bash
args=()
while ((\$#)); do
  if [[ \$1 == --export && \$2 == rustsecp256k1_* ]]; then shift 2; else args+=("\$1"); shift; fi
done
exec $(printf %q "$tc/bin/rust-lld") "\${args[@]}"
LINKER
chmod +x "$linker"
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker
export CC_wasm32_unknown_unknown=$tc/bin/clang AR_wasm32_unknown_unknown=$tc/bin/llvm-ar
cargo() { command "${CARGO:-cargo}" "$@" --locked --target "$target" --manifest-path "$source/Cargo.toml"; }
cargo fetch
# Paths in panic messages would make the bytes depend on who builds where; of several matches the last one counts.
home=${CARGO_HOME:-$HOME/.cargo}
flags=("--remap-path-prefix=$source=/btc-mesh" "--remap-path-prefix=$home=/cargo")
for registry in "$home"/registry/src/*; do flags+=("--remap-path-prefix=$registry=/cargo/registry"); done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf %s "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

for package in "$source"/*/Cargo.toml; do
  if ! grep -q '"cdylib"' "$package"; then continue; fi
  name=$(basename "$(dirname "$package")")
  # One by one: built together, contracts that use one another as libraries would take each other's entry points away.
  cargo build --release --lib --package "$name"
  wasm=${name//-/_}.wasm
  # wasm-opt writes call_indirect's table index as one byte; without this, wasmvm < 3 answers "reference-types not enabled".
  # The code that reads each message from JSON is much alike; and last, what is called most gets the numbers that are shortest.
  "$tc/bin/wasm-opt" -Oz --merge-similar-functions -Oz --flatten --rereloop -Oz --merge-similar-functions -Oz --reorder-functions "$CARGO_TARGET_DIR/$target/release/$wasm" -o "$out/$wasm"
done
(cd "$out" && sha256sum ./*.wasm >checksums.txt)
