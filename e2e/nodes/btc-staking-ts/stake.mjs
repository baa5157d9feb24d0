// Reads what is wanted of a stake from stdin, has the official library build its four transactions, and prints them without
// witnesses, in hex.
import { readFileSync } from "node:fs";
import { Staking, initBTCCurve } from "@babylonlabs-io/btc-staking-ts";
import { networks } from "bitcoinjs-lib";

const wanted = JSON.parse(readFileSync(0, "utf8"));
initBTCCurve();
const staking = new Staking(
  networks.regtest,
  { address: wanted.address, publicKeyNoCoordHex: wanted.staker },
  wanted.params,
  [wanted.provider],
  wanted.timelock,
);
const { transaction } = staking.createStakingTransaction(wanted.amount, wanted.coins, wanted.fee_rate);
const { transaction: unbonding } = staking.createUnbondingTransaction(transaction);
const unsigned = ({ psbt }) => psbt.data.globalMap.unsignedTx.toBuffer().toString("hex");
console.log(
  JSON.stringify({
    staking: transaction.toHex(),
    unbonding: unbonding.toHex(),
    slashing: unsigned(staking.createStakingOutputSlashingPsbt(transaction)),
    unbonding_slashing: unsigned(staking.createUnbondingOutputSlashingPsbt(unbonding)),
  }),
);
