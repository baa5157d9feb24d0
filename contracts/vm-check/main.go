// Runs btc-light in the virtual machine that chains load: begins at mined regtest headers, takes a day of them,
// follows a reorganisation, refuses garbage, and prints what each step costs.
//
//	go run . ARTIFACT...
//
// Every artifact is stored, which validates and compiles it. The one named btc_light.wasm is also executed.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	wasmvm "github.com/CosmWasm/wasmvm/v2"
	"github.com/CosmWasm/wasmvm/v2/types"
)

// Gas of the SDK's default schedule, and how much of the machine's own gas makes one of it (wasmd's defaults).
const (
	readFlat, readByte   = 1000, 3
	writeFlat, writeByte = 2000, 30
	deleteFlat           = 1000
	perSdkGas            = 140_000
	limit                = 1 << 60
	now                  = 1_400_000_000
	spacing              = 600
)

func main() {
	log.SetFlags(0)
	capabilities := []string{"iterator", "staking", "stargate", "cosmwasm_1_1", "cosmwasm_1_2", "cosmwasm_1_3", "cosmwasm_1_4", "cosmwasm_2_0", "cosmwasm_2_1", "cosmwasm_2_2"}
	folder, err := os.MkdirTemp("", "vm-check")
	must(err)
	defer os.RemoveAll(folder)
	vm, err := wasmvm.NewVM(folder, capabilities, 32, false, 100)
	must(err)
	defer vm.Cleanup()
	version, err := wasmvm.LibwasmvmVersion()
	must(err)
	fmt.Println("libwasmvm", version)
	for _, path := range os.Args[1:] {
		code, err := os.ReadFile(path)
		must(err)
		checksum, _, err := vm.StoreCode(code, limit)
		must(err)
		report, err := vm.AnalyzeCode(checksum)
		must(err)
		fmt.Printf("%s: %d bytes, entry points %v\n", filepath.Base(path), len(code), report.Entrypoints)
		if filepath.Base(path) == "btc_light.wasm" {
			btcLight(&contract{vm: vm, checksum: checksum, store: &store{entries: map[string][]byte{}}})
		}
	}
}

func btcLight(c *contract) {
	chain := chain{genesis()}
	chain.mine(15, 0)
	headers := make([][]byte, 11)
	for i := range headers {
		headers[i] = chain[5+i]
	}
	c.instantiate(map[string]any{
		"network": "regtest", "test_only": true, "height": 15, "headers": headers,
		"epoch_start_time": binary.LittleEndian.Uint32(chain[0][68:]),
		"chainwork":        fmt.Sprintf("%064x", 2*16), "max_reorg": 100,
	})
	chain.mine(144, 0)
	c.execute("a day of 144 headers", 144, batch(15, chain[16:]))
	chain.mine(1, 0)
	c.execute("one header", 1, batch(159, chain[160:]))
	c.execute("one header, known already", 1, batch(159, chain[160:]))

	fork := append(chain[:0:0], chain[:150]...)
	fork.mine(12, 1)
	c.execute("a reorganisation of 11 blocks by 12", 12, batch(149, fork[150:]))
	c.refuse("a branch with less work", batch(149, chain[150:]), "no more work")
	c.refuse("garbage", map[string]any{"headers": map[string]any{"parent_height": 161, "raw": make([]byte, 80)}}, "builds on")
	c.refuse("no message", map[string]any{"nothing": map[string]any{}}, "unknown variant")

	var tip struct {
		Height   uint32
		Hash     string
		TestOnly bool `json:"test_only"`
	}
	c.query("tip", map[string]any{"tip": map[string]any{}}, &tip)
	hash := hashOf(fork[161])
	for i, j := 0, 31; i < j; i, j = i+1, j-1 {
		hash[i], hash[j] = hash[j], hash[i]
	}
	if tip.Height != 161 || tip.Hash != fmt.Sprintf("%x", hash) || !tip.TestOnly {
		log.Fatalf("the tip is %+v, expected height 161, hash %x, test_only", tip, hash)
	}
	var health struct {
		ReorgSeq   uint64  `json:"reorg_seq"`
		ForkHeight *uint32 `json:"fork_height"`
	}
	c.query("health", map[string]any{"health": map[string]any{"reorgs_seen": 0}}, &health)
	if health.ReorgSeq != 1 || health.ForkHeight == nil || *health.ForkHeight != 149 {
		log.Fatalf("health is %+v, expected one reorganisation from 149", health)
	}
}

func batch(parent int, headers [][]byte) map[string]any {
	return map[string]any{"headers": map[string]any{"parent_height": parent, "raw": bytes.Join(headers, nil)}}
}

// chain is a regtest chain: headers by height.
type chain [][]byte

func genesis() []byte {
	header := make([]byte, 80)
	binary.LittleEndian.PutUint32(header, 1)
	binary.LittleEndian.PutUint32(header[68:], now-1000*spacing)
	binary.LittleEndian.PutUint32(header[72:], 0x207fffff)
	return solve(header)
}

func (c *chain) mine(blocks int, mark byte) {
	for range blocks {
		parent := (*c)[len(*c)-1]
		hash := hashOf(parent)
		header := make([]byte, 80)
		binary.LittleEndian.PutUint32(header, 4)
		copy(header[4:], hash[:])
		header[36] = mark
		binary.LittleEndian.PutUint32(header[68:], binary.LittleEndian.Uint32(parent[68:])+spacing)
		copy(header[72:76], parent[72:76])
		*c = append(*c, solve(header))
	}
}

// solve finds a nonce; regtest's target is half of all hashes.
func solve(header []byte) []byte {
	for nonce := uint32(0); ; nonce++ {
		binary.LittleEndian.PutUint32(header[76:], nonce)
		if hash := hashOf(header); hash[31] < 0x7f {
			return header
		}
	}
}

func hashOf(header []byte) [32]byte {
	first := sha256.Sum256(header)
	return sha256.Sum256(first[:])
}

// contract is one instance with its storage.
type contract struct {
	vm       *wasmvm.VM
	checksum wasmvm.Checksum
	store    *store
}

func (c *contract) env() types.Env {
	return types.Env{
		Block:    types.BlockInfo{Height: 1, Time: types.Uint64(now * 1_000_000_000), ChainID: "vm-check"},
		Contract: types.ContractInfo{Address: "contract"},
	}
}

func (c *contract) instantiate(message any) {
	result, gas, err := c.vm.Instantiate(c.checksum, c.env(), sender(), encode(message), c.store, api(), querier{}, c.store, limit, cost())
	must(err)
	if result.Err != "" {
		log.Fatalf("instantiate: %s", result.Err)
	}
	c.report("instantiate", 1, gas)
}

func (c *contract) execute(name string, count uint64, message any) {
	result, gas, err := c.vm.Execute(c.checksum, c.env(), sender(), encode(message), c.store, api(), querier{}, c.store, limit, cost())
	must(err)
	if result.Err != "" {
		log.Fatalf("%s: %s", name, result.Err)
	}
	c.report(name, count, gas)
}

func (c *contract) refuse(name string, message any, reason string) {
	result, _, err := c.vm.Execute(c.checksum, c.env(), sender(), encode(message), c.store, api(), querier{}, c.store, limit, cost())
	must(err)
	if !strings.Contains(result.Err, reason) {
		log.Fatalf("%s: refused with %q, expected %q", name, result.Err, reason)
	}
	c.store.gas = 0
	fmt.Printf("  %-38s refused: %s\n", name, result.Err)
}

func (c *contract) query(name string, message any, answer any) {
	result, gas, err := c.vm.Query(c.checksum, c.env(), encode(message), c.store, api(), querier{}, c.store, limit, cost())
	must(err)
	if result.Err != "" {
		log.Fatalf("%s: %s", name, result.Err)
	}
	must(json.Unmarshal(result.Ok, answer))
	c.report(name, 1, gas)
}

func (c *contract) report(name string, count, machine uint64) {
	machine /= perSdkGas
	fmt.Printf("  %-38s %7d gas of the machine, %7d of the store, %6d per item\n", name, machine, c.store.gas, (machine+c.store.gas)/count)
	c.store.gas = 0
}

// store charges as the SDK does. The contracts of this check do not iterate.
type store struct {
	entries map[string][]byte
	gas     uint64
}

func (s *store) GasConsumed() types.Gas { return s.gas * perSdkGas }

func (s *store) Get(key []byte) []byte {
	value := s.entries[string(key)]
	s.gas += readFlat + readByte*uint64(len(key)+len(value))
	return value
}

func (s *store) Set(key, value []byte) {
	s.gas += writeFlat + writeByte*uint64(len(key)+len(value))
	s.entries[string(key)] = bytes.Clone(value)
}

func (s *store) Delete(key []byte) {
	s.gas += deleteFlat
	delete(s.entries, string(key))
}

func (s *store) Iterator(_, _ []byte) types.Iterator { panic("this check has no iterator") }

func (s *store) ReverseIterator(_, _ []byte) types.Iterator { panic("this check has no iterator") }

type querier struct{}

func (querier) Query(types.QueryRequest, uint64) ([]byte, error) {
	return nil, fmt.Errorf("this check answers no queries")
}

func (querier) GasConsumed() uint64 { return 0 }

func api() types.GoAPI {
	return types.GoAPI{
		HumanizeAddress:     func(address []byte) (string, uint64, error) { return string(address), 0, nil },
		CanonicalizeAddress: func(address string) ([]byte, uint64, error) { return []byte(address), 0, nil },
		ValidateAddress:     func(string) (uint64, error) { return 0, nil },
	}
}

func sender() types.MessageInfo { return types.MessageInfo{Sender: "anybody"} }

func cost() types.UFraction { return types.UFraction{Numerator: 1, Denominator: 1} }

func encode(message any) []byte {
	encoded, err := json.Marshal(message)
	must(err)
	return encoded
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
