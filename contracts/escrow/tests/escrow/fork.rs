//! One fork of a chain: its contracts, its state as its headers commit to it, and what its `btc-mesh` holds for final.

use cosmwasm_std::testing::MockApi;
use cosmwasm_std::{Addr, Api, Binary, BlockInfo, Coin, Empty, Timestamp, coins};
use cw_multi_test::error::AnyResult;
use cw_multi_test::{App, AppResponse, Contract, ContractWrapper, Executor};
use escrow::msg::{Deposit, DepositResponse, ExecuteMsg, FinalityProof, InstantiateMsg, QueryMsg};
use mesh_core::tree;

use crate::chain::{self, CHAIN_ID, HEIGHT, State};
use crate::setting::{self, NOW};

pub(crate) const DENOM: &str = "stake";

/// Two forks that did the same are the same, to the byte.
pub(crate) struct Fork {
    app: App,
    mesh: Addr,
    escrow: Addr,
}

/// A checkpoint that is final, as `btc-mesh` is told.
#[derive(Clone, Copy)]
pub(crate) struct Checkpoint {
    pub(crate) k: u64,
    pub(crate) height: u64,
    pub(crate) era: u32,
    pub(crate) decreed: bool,
}

/// The checkpoint at [`HEIGHT`], in the pinned era.
pub(crate) const FIRST: Checkpoint = Checkpoint {
    k: 1,
    height: HEIGHT,
    era: 0,
    decreed: false,
};

pub(crate) fn account(name: &str) -> Addr {
    MockApi::default().addr_make(name)
}

impl Fork {
    pub(crate) fn new() -> Self {
        let mut app = App::new(|router, _, storage| {
            for name in ["alice", "mallory"] {
                let coins = vec![Coin::new(1_000_u32, DENOM), Coin::new(1_000_u32, "other")];
                router
                    .bank
                    .init_balance(storage, &account(name), coins)
                    .unwrap();
            }
        });
        app.set_block(BlockInfo {
            height: HEIGHT - 100,
            time: Timestamp::from_seconds(NOW),
            chain_id: CHAIN_ID.to_owned(),
        });
        let light = {
            use btc_light::contract::{execute, instantiate, query};
            let code = ContractWrapper::new(execute, instantiate, query);
            begin(&mut app, Box::new(code), &setting::light())
        };
        let mesh = {
            use btc_mesh::contract::{execute, instantiate, query};
            let code = ContractWrapper::new(execute, instantiate, query);
            let msg = setting::mesh(light.into(), account("gov").into());
            begin(&mut app, Box::new(code), &msg)
        };
        let escrow = {
            use escrow::contract::{execute, instantiate, query};
            let code = ContractWrapper::new(execute, instantiate, query);
            let msg = InstantiateMsg {
                mesh: mesh.to_string(),
                era: 0,
                owner: account("owner").into(),
            };
            begin(&mut app, Box::new(code), &msg)
        };
        Self { app, mesh, escrow }
    }

    pub(crate) fn execute(
        &mut self,
        sender: &str,
        msg: &ExecuteMsg,
        funds: &[Coin],
    ) -> AnyResult<AppResponse> {
        self.app
            .execute_contract(account(sender), self.escrow.clone(), msg, funds)
    }

    pub(crate) fn deposit(&mut self, sender: &str, receiver: &str, amount: u128) -> u64 {
        let receiver = account(receiver).into();
        let funds = coins(amount, DENOM);
        let answer = self
            .execute(sender, &ExecuteMsg::Deposit { receiver }, &funds)
            .unwrap();
        let mut attributes = answer.events.iter().flat_map(|event| &event.attributes);
        let id = attributes.rfind(|attribute| attribute.key == "id");
        id.unwrap().value.parse().unwrap()
    }

    /// Anybody brings a proof.
    pub(crate) fn release(&mut self, id: u64, proof: FinalityProof) -> AnyResult<AppResponse> {
        self.execute("anybody", &ExecuteMsg::Release { id, proof }, &[])
    }

    pub(crate) fn ask(&self, id: u64) -> DepositResponse {
        let question = QueryMsg::Deposit { id };
        self.app
            .wrap()
            .query_wasm_smart(&self.escrow, &question)
            .unwrap()
    }

    pub(crate) fn record(&self, id: u64) -> Deposit {
        self.ask(id).deposit
    }

    pub(crate) fn balance(&self, name: &str) -> u128 {
        let balance = self.app.wrap().query_balance(account(name), DENOM);
        balance.unwrap().amount.u128()
    }

    /// All that the escrow stores, in a state of its chain.
    pub(crate) fn state(&self) -> State {
        let address = self.escrow_bytes();
        self.app
            .dump_wasm_raw(&self.escrow)
            .into_iter()
            .fold(State::new(), |state, (key, value)| {
                state.with("wasm", &chain::stored(&address, &key), &value)
            })
    }

    /// The votes made this header final: here they are only written down, as if they had been counted.
    ///
    /// Height ‖ hash ‖ era ‖ epoch ‖ decreed ‖ table root ‖ Bitcoin's height ‖ at risk ‖ voted ‖ total.
    pub(crate) fn finalise(&mut self, checkpoint: Checkpoint, header: &[Binary]) {
        let Checkpoint {
            k,
            height,
            era,
            decreed,
        } = checkpoint;
        let record = [
            height.to_be_bytes().as_slice(),
            &tree(header),
            &era.to_be_bytes(),
            &0_u64.to_be_bytes(),
            &[decreed.into()],
            &[7; 32],
            &10_u32.to_be_bytes(),
            &[[0; 7].as_slice(), &[9]].concat().repeat(3),
        ]
        .concat();
        let key = [b"\x00\x01f".as_slice(), &k.to_be_bytes()].concat();
        self.app.contract_storage_mut(&self.mesh).set(&key, &record);
    }

    /// The proof that `state` holds a deposit, under this header.
    pub(crate) fn proof(&self, id: u64, k: u64, state: &State, header: &[Binary]) -> FinalityProof {
        let key = chain::stored(&self.escrow_bytes(), &self.ask(id).key);
        FinalityProof {
            k,
            header: header.to_vec(),
            store_proof: state.store_proof("wasm", &key).encode(),
            root_proof: state.root_proof("wasm").encode(),
        }
    }

    fn escrow_bytes(&self) -> [u8; 32] {
        let canonical = self
            .app
            .api()
            .addr_canonicalize(self.escrow.as_str())
            .unwrap();
        canonical.as_slice().try_into().unwrap()
    }
}

/// The header after a state, at [`HEIGHT`].
pub(crate) fn header_after(state: &State) -> Vec<Binary> {
    chain::header(CHAIN_ID, HEIGHT, &state.app_hash())
}

fn begin(app: &mut App, code: Box<dyn Contract<Empty>>, msg: &impl serde::Serialize) -> Addr {
    let code = app.store_code(code);
    app.instantiate_contract(code, account("creator"), msg, &[], "contract", None)
        .unwrap()
}
