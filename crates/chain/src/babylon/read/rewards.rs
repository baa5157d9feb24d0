//! Amounts of the chain's own coins.

use std::collections::BTreeMap;

use proto::babylon::incentive::QueryRewardGaugesResponse;
use proto::cosmos::base::v1beta1::Coin;
use proto::field::FieldError;

/// A coin's amount.
pub(in crate::babylon) fn amount(name: &str, text: &str) -> Result<u128, FieldError> {
    text.parse()
        .map_err(|_| FieldError::new(name, format!("`{text}` is not an amount")))
}

/// What was earned and not withdrawn, summed over all kinds of stakeholder.
pub(in crate::babylon) fn rewards(
    answer: QueryRewardGaugesResponse,
) -> Result<Vec<(u128, String)>, FieldError> {
    let mut due = BTreeMap::<String, u128>::new();
    for (kind, gauge) in answer.reward_gauges {
        let path = format!("reward_gauges[{kind}]");
        let mut earned = sum(&gauge.coins).map_err(|error| error.inside(&path))?;
        for (denomination, withdrawn) in
            sum(&gauge.withdrawn_coins).map_err(|error| error.inside(&path))?
        {
            let earned = earned.entry(denomination).or_default();
            *earned = earned.saturating_sub(withdrawn);
        }
        for (denomination, amount) in earned {
            let due = due.entry(denomination).or_default();
            *due = due.saturating_add(amount);
        }
    }
    Ok(due
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .map(|(denomination, amount)| (amount, denomination))
        .collect())
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
    use proto::babylon::incentive::RewardGaugesResponse;

    use super::*;

    fn coin(amount: &str) -> Coin {
        Coin {
            denom: "ubbn".to_owned(),
            amount: amount.to_owned(),
        }
    }

    #[test]
    fn withdrawn_coins_are_taken_off_and_kinds_are_added_up() {
        let gauge = |earned, withdrawn: &[&str]| RewardGaugesResponse {
            coins: vec![coin(earned)],
            withdrawn_coins: withdrawn.iter().copied().map(coin).collect(),
        };
        let answer = QueryRewardGaugesResponse {
            reward_gauges: [
                ("finality_provider".to_owned(), gauge("100", &["30"])),
                ("btc_staker".to_owned(), gauge("7", &["7"])),
                ("costaker".to_owned(), gauge("5", &[])),
            ]
            .into(),
        };
        assert_eq!(rewards(answer).unwrap(), vec![(75, "ubbn".to_owned())]);
    }

    #[test]
    fn an_amount_that_is_no_number_is_named() {
        let gauge = RewardGaugesResponse {
            coins: vec![coin("-1")],
            ..RewardGaugesResponse::default()
        };
        let answer = QueryRewardGaugesResponse {
            reward_gauges: [("btc_staker".to_owned(), gauge)].into(),
        };
        assert_eq!(
            rewards(answer).unwrap_err().to_string(),
            "field `reward_gauges[btc_staker].coins.amount`: `-1` is not an amount"
        );
    }
}
