#!/usr/bin/env bash
# state-vector.sh WASMD ESCROW_WASM: starts a throw-away chain, makes deposits in an escrow, and prints what a node answers
# to whoever proves one of them: the vector of btc-mesh/tests/state_proof/node.rs. Needs jq and curl.
set -euo pipefail
wasmd=$1 code=$2
chain=partner-1
home=$(mktemp -d)
trap 'kill "$node" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$home"' EXIT
rpc=http://127.0.0.1:28657

"$wasmd" testnet init-files --v 1 --output-dir "$home" --chain-id $chain --keyring-backend test \
  --minimum-gas-prices 0stake >/dev/null 2>&1
home0=$home/node0/wasmd
sed -i 's/^timeout_commit = .*/timeout_commit = "500ms"/' "$home0/config/config.toml"
"$wasmd" start --home "$home0" --rpc.laddr "tcp://${rpc#http://}" --p2p.laddr tcp://127.0.0.1:28656 \
  --rpc.pprof_laddr "" --grpc.enable=false --api.enable=false >"$home/log" 2>&1 &
node=$!

ask() { curl -sf "$rpc" -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}" | jq -e .result; }
height() { ask status '{}' | jq -r .sync_info.latest_block_height; }
until [ "$(height 2>/dev/null || echo 0)" -ge 2 ]; do
  kill -0 $node || { cat "$home/log" >&2; exit 1; }
  sleep 0.3
done
send() { # ARG…: a transaction of module wasm, once it is in a block
  local hash answer
  hash=$("$wasmd" tx wasm "$@" --from node0 --keyring-backend test --home "$home0" --node "tcp://${rpc#http://}" \
    --chain-id $chain --gas 8000000 --yes --output json | jq -r .txhash)
  for _ in $(seq 100); do
    if answer=$("$wasmd" query tx "$hash" --node "tcp://${rpc#http://}" --output json 2>/dev/null); then
      if [ "$(jq .code <<<"$answer")" != 0 ]; then jq -r .raw_log <<<"$answer" >&2; exit 1; fi
      return
    fi
    sleep 0.2
  done
  echo "transaction $hash is in no block" >&2
  exit 1
}
owner=$("$wasmd" keys show node0 --address --keyring-backend test --home "$home0")
send store "$code"
# Nobody asks btc-mesh here, so any address will do.
send instantiate 1 "{\"mesh\":\"$owner\",\"era\":0,\"owner\":\"$owner\"}" --label escrow --no-admin
contract=$("$wasmd" query wasm list-contract-by-code 1 --node "tcp://${rpc#http://}" --output json | jq -r '.contracts[0]')
for amount in 11 22 33 44 55 66; do
  send execute "$contract" "{\"deposit\":{\"receiver\":\"$owner\"}}" --amount "${amount}stake"
done

address=$("$wasmd" debug addr "$contract" 2>&1 | sed -n 's/^Address (hex): //p')
record() { printf '03%s00086465706f73697473%016x' "$address" "$1"; }
state=$(height)
until [ "$(height)" -ge $((state + 2)) ]; do sleep 0.3; done
query() { # STORE KEY HEIGHT
  ask abci_query "{\"path\":\"/store/$1/key\",\"data\":\"$2\",\"height\":\"$3\",\"prove\":true}" |
    jq '.response | {key, value, height, proofs: [.proofOps.ops[] | {type, data}]}'
}
jq -n --arg wasmd "$("$wasmd" version 2>&1)" --arg contract "$contract" --arg address "${address,,}" \
  --argjson commit "$(ask commit "{\"height\":\"$((state + 1))\"}")" \
  --argjson record "$(query wasm "$(record 3)" "$state")" \
  --argjson later "$(query wasm "$(record 3)" $((state + 1)))" \
  --argjson absent "$(query wasm "$(record 6)" "$state")" \
  --argjson other_store "$(query bank "00$(printf stake | od -An -tx1 | tr -d ' \n')" "$state")" \
  '{wasmd: $wasmd, contract: $contract, address: $address,
    hash: $commit.signed_header.commit.block_id.hash, header: $commit.signed_header.header,
    record: $record, later: $later, absent: $absent, other_store: $other_store}'
