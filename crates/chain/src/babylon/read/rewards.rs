//! Amounts of the chain's own coins.

use std::collections::BTreeMap;

use proto::babylon::incentive::{QueryRewardGaugesResponse, RewardGaugesResponse};
use proto::cosmos::base::v1beta1::Coin;
use proto::field::FieldError;

use crate::Reward;
use crate::cosmos::node::amount;

/// What was earned and not withdrawn, ordered by kind of stakeholder and denomination.
///
/// The answer spells kinds in capitals, the message that withdraws in small letters; we keep to the message.
pub(in crate::babylon) fn rewards(
    answer: QueryRewardGaugesResponse,
) -> Result<Vec<Reward>, FieldError> {
    let gauges: BTreeMap<_, _> = answer.reward_gauges.into_iter().collect();
    let mut rewards = Vec::new();
    for (kind, gauge) in gauges {
        let due = due(&gauge).map_err(|error| error.inside(format!("reward_gauges[{kind}]")))?;
        let kind = kind.to_lowercase();
        rewards.extend(due.into_iter().map(|(denomination, amount)| Reward {
            kind: kind.clone(),
            amount,
            denomination,
        }));
    }
    Ok(rewards)
}

fn due(gauge: &RewardGaugesResponse) -> Result<BTreeMap<String, u128>, FieldError> {
    let mut due = sum(&gauge.coins)?;
    for (denomination, withdrawn) in sum(&gauge.withdrawn_coins)? {
        let due = due.entry(denomination).or_default();
        *due = due.saturating_sub(withdrawn);
    }
    due.retain(|_, amount| *amount > 0);
    Ok(due)
}

fn sum(coins: &[Coin]) -> Result<BTreeMap<String, u128>, FieldError> {
    let mut total = BTreeMap::<String, u128>::new();
    for coin in coins {
        let amount = amount("coins.amount", &coin.amount)?;
        let sum = total.entry(coin.denom.clone()).or_default();
        *sum = sum.saturating_add(amount);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coin(amount: &str) -> Coin {
        Coin {
            denom: "ubbn".to_owned(),
            amount: amount.to_owned(),
        }
    }

    #[test]
    fn withdrawn_coins_are_taken_off_and_kinds_stay_apart() {
        let gauge = |earned, withdrawn: &[&str]| RewardGaugesResponse {
            coins: vec![coin(earned)],
            withdrawn_coins: withdrawn.iter().copied().map(coin).collect(),
        };
        let answer = QueryRewardGaugesResponse {
            reward_gauges: [
                ("FINALITY_PROVIDER".to_owned(), gauge("100", &["30"])),
                ("BTC_STAKER".to_owned(), gauge("7", &["7"])),
                ("COSTAKER".to_owned(), gauge("5", &[])),
            ]
            .into(),
        };
        let reward = |kind: &str, amount| Reward {
            kind: kind.to_owned(),
            amount,
            denomination: "ubbn".to_owned(),
        };
        assert_eq!(
            rewards(answer).unwrap(),
            [reward("costaker", 5), reward("finality_provider", 70)]
        );
    }

    #[test]
    fn an_amount_that_is_no_number_is_named() {
        let gauge = RewardGaugesResponse {
            coins: vec![coin("-1")],
            ..RewardGaugesResponse::default()
        };
        let answer = QueryRewardGaugesResponse {
            reward_gauges: [("BTC_STAKER".to_owned(), gauge)].into(),
        };
        assert_eq!(
            rewards(answer).unwrap_err().to_string(),
            "field `reward_gauges[BTC_STAKER].coins.amount`: `-1` is not an amount"
        );
    }

    proptest! {
        #[test]
        fn whatever_the_node_says_was_earned_nothing_below_one_is_due(
            gauges in prop::collection::hash_map(
                ".{0,8}",
                prop::collection::vec(("[ab]", "[0-9]{0,40}|.{0,3}", any::<bool>()), 0..6),
                0..4,
            ),
        ) {
            let gauge = |coins: Vec<(String, String, bool)>| {
                let mut gauge = RewardGaugesResponse::default();
                for (denom, amount, withdrawn) in coins {
                    let coins = if withdrawn { &mut gauge.withdrawn_coins } else { &mut gauge.coins };
                    coins.push(Coin { denom, amount });
                }
                gauge
            };
            let gauges = gauges.into_iter().map(|(kind, coins)| (kind, gauge(coins)));
            let answer = QueryRewardGaugesResponse { reward_gauges: gauges.collect() };
            match rewards(answer) {
                Ok(rewards) => prop_assert!(rewards.iter().all(|reward| reward.amount > 0)),
                Err(error) => prop_assert!(error.path().ends_with("coins.amount"), "{}", error),
            }
        }
    }
}
