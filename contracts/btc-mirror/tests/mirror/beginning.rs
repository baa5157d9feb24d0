//! How a mirror begins, and what it refuses to begin with.

use btc_mirror::ContractError;
use btc_mirror::msg::{ConfigResponse, InstantiateMsg, QueryMsg};
use cosmwasm_std::testing::MockApi;
use mesh_core::table::TableError;

use crate::mirror::{Mirror, beginning};
use crate::subject::{CHAIN, Subject};

#[test]
fn a_mirror_says_whom_it_follows_from_where_and_by_which_numbers() {
    let subject = Subject::new(&[10, 10]);
    let msg = beginning(subject.named(), subject.table(0));
    let mirror = Mirror::begin(&subject.rig.bitcoin, msg).unwrap();
    let config: ConfigResponse = mirror.ask(QueryMsg::Config {});
    assert_eq!(config.subject, subject.named());
    let contract = &config.subject.contract;
    assert_eq!(config.domain_name, format!("btc-mesh/1/{CHAIN}/{contract}"));
    assert!(config.test_only);
    assert_eq!((config.max_age, config.window), (50, 4));
    let status = mirror.status();
    assert_eq!((status.era, status.epoch, status.pinned_epoch), (0, 0, 0));
    assert_eq!((status.next, status.last), (0, 3));
    assert_eq!(status.next_height, Some(subject.table(0).first_height));
    assert_eq!((status.slashed, status.total), (0, 2_000_000));
    assert_eq!(status.tip, subject.rig.bitcoin.height());
    assert_eq!((status.halted, status.awaited_root), (None, None));
    assert_eq!(mirror.table(0), subject.table(0));
    assert!(
        mirror
            .try_ask::<btc_mirror::msg::Table>(QueryMsg::Table { epoch: 1 })
            .is_err()
    );
    let error = mirror.finalized(0).unwrap_err();
    assert!(error.to_string().contains("checkpoint 0"), "{error}");
}

#[test]
fn a_beginning_that_breaks_a_rule_is_refused_with_its_name() {
    let subject = Subject::new(&[10, 10]);
    let refused = |change: &dyn Fn(&mut InstantiateMsg)| {
        let mut msg = beginning(subject.named(), subject.table(0));
        change(&mut msg);
        Mirror::begin(&subject.rig.bitcoin, msg).err().unwrap()
    };
    for window in [0, 65] {
        let error = refused(&|msg| msg.window = window);
        assert!(
            matches!(error, ContractError::Range { name: "window", value, .. } if value == window)
        );
    }
    let error = refused(&|msg| msg.max_age = 0);
    assert!(matches!(
        error,
        ContractError::Range {
            name: "max_age",
            ..
        }
    ));
    // One slip in what names the subject, and it is another one.
    let slips: [&dyn Fn(&mut InstantiateMsg); 5] = [
        &|msg| msg.subject.domain.0[0] ^= 1,
        &|msg| msg.subject.chain_id.push('x'),
        &|msg| msg.subject.contract.push('x'),
        &|msg| msg.subject.height += 1,
        &|msg| msg.subject.time += 1,
    ];
    for slip in slips {
        assert!(matches!(refused(slip), ContractError::SubjectDomain { .. }));
    }
    let error = refused(&|msg| msg.subject.contract = "X".to_owned());
    assert!(matches!(error, ContractError::Domain(_)));
    let error = refused(&|msg| msg.table.domain.0[0] ^= 1);
    assert!(matches!(error, ContractError::OtherDomain { .. }));
    let error = refused(&|msg| msg.table.root.0[0] ^= 1);
    assert!(matches!(error, ContractError::Root { .. }));
    let error = refused(&|msg| msg.table.total += 1);
    assert!(matches!(error, ContractError::Root { .. }));
    let error = refused(&|msg| msg.table.entries.clear());
    assert!(matches!(error, ContractError::Table(TableError::Count(0))));
    let error = refused(&|msg| msg.table.entries.reverse());
    assert!(matches!(error, ContractError::Table(TableError::Order(_))));
    let error = refused(&|msg| msg.table.entries[0].weight = 0);
    assert!(matches!(error, ContractError::Table(TableError::Weight(_))));
    let error = refused(&|msg| msg.table.entries[0].commit.num = 0);
    assert!(matches!(error, ContractError::Commit(_)));
    let error = refused(&|msg| msg.table.entries[0].commit.num = 3);
    assert!(matches!(
        error,
        ContractError::Table(TableError::Uncovered(_))
    ));
    let error = refused(&|msg| msg.table.interval = 0);
    assert!(matches!(error, ContractError::Table(TableError::Term(0))));
    let error = refused(&|msg| msg.table.count = u32::MAX);
    assert!(matches!(
        error,
        ContractError::Table(TableError::Uncovered(_))
    ));
    // Whoever is no light client, and who is no account.
    let stranger = MockApi::default().addr_make("stranger");
    let error = refused(&|msg| msg.light = stranger.to_string());
    assert!(matches!(error, ContractError::Light(_)), "{error:?}");
    for account in ["", "nobody"] {
        let error = refused(&|msg| msg.gov = account.to_owned());
        assert!(matches!(error, ContractError::Std(_)));
    }
}
