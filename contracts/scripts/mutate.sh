#!/usr/bin/env bash
# mutate.sh [PATCH…]: takes a rule out of the contracts, in a copy, and checks that the test that names it fails.
#
# Each file of mutations/ is a patch against the repository's root with two lines in front of it: `Test:` is what is run in
# contracts/ (arguments of `cargo test`), `Expect:` a text that its failure must print. Without arguments all are tried. A
# patch that does not apply, a change that does not compile and a test that passes all the same are errors.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${BTC_MESH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/btc-mesh}/mutations
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# Always the same folder, so that what did not change need not be compiled again.
copy=$cache/tree
rm -rf "$copy"
mkdir "$copy"
export CARGO_TARGET_DIR=$cache/target
patches=("$@")
((${#patches[@]})) || patches=("$root"/contracts/mutations/*.patch)
(cd "$root" && tar cf - --exclude=target --exclude=artifacts Cargo.toml contracts crates/{eots,staking}) |
    tar xmf - -C "$copy"
missed=0
for patch in "${patches[@]}"; do
    patch=$(realpath "$patch")
    test=$(sed -n 's/^Test: //p' "$patch")
    expected=$(sed -n 's/^Expect: //p' "$patch")
    git -C "$copy" apply "$patch"
    # shellcheck disable=SC2086 # Several arguments on purpose.
    if (cd "$copy/contracts" && cargo test --locked $test) >"$copy/output" 2>&1; then
        printf 'MISSED  %s: cargo test %s passes without the rule\n' "$(basename "$patch")" "$test"
        missed=1
    elif grep -qF -- "$expected" "$copy/output"; then
        printf 'caught  %s: %s\n' "$(basename "$patch")" "$(grep -F -m1 -- "$expected" "$copy/output")"
    else
        printf 'BROKEN  %s: it fails, but not with `%s`:\n' "$(basename "$patch")" "$expected"
        tail -n 30 "$copy/output"
        missed=1
    fi
    # Taken back rather than copied anew: only what a patch touches is compiled again.
    git -C "$copy" apply --reverse "$patch"
done
exit "$missed"
