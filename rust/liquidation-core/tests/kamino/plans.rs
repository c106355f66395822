//! The best plan is what the program does with it, and no amount and no other pair of legs earns more.

use std::collections::BTreeMap;

use liquidation_core::protocols::adapter::{named, Choice, Policy, Request};
use liquidation_core::protocols::kamino::pair::pairs;
use liquidation_core::protocols::kamino::predict::{freshen, load};
use liquidation_core::protocols::kamino::version::Version;

use crate::vectors::{all, borrowed, LANDED};

fn policy(position: [u8; 32], version: &str) -> Policy {
    Policy {
        position: Some(position),
        liquidator: None,
        balances: BTreeMap::new(),
        min_profit: i128::MIN,
        costs: 0,
        instruction: None,
        version: Some(version.to_owned()),
    }
}

#[test]
fn no_amount_of_any_pair_earns_more_than_the_best_plan() {
    let adapter = named("kamino").unwrap();
    let (mut plans, mut quotes, mut exact) = (0, 0, 0);
    for vector in all().iter().filter(|it| it.error == LANDED) {
        let accounts = borrowed(&vector.accounts);
        for name in ["1.7", "1.16"] {
            let asked = policy(vector.request.position, name);
            let chosen = adapter.best_plan(&accounts, vector.clock, &asked).unwrap();
            let version = Version::parse(Some(name)).unwrap();
            let mut held = load(
                &accounts,
                vector.clock,
                &vector.request.position,
                &[],
                version,
            )
            .unwrap();
            if freshen(&mut held, &accounts, vector.clock).is_err() {
                assert!(matches!(chosen, Choice::Refusal(_)));
                continue;
            }
            let best = match &chosen {
                Choice::Plan(plan) => Some(plan.profit),
                Choice::Refusal(_) => None,
            };
            plans += usize::from(best.is_some());
            for pair in pairs(&held, vector.clock) {
                if pair.reason().is_err() {
                    continue;
                }
                for shift in (0..64).step_by(5) {
                    let amount = u64::MAX >> shift;
                    let Ok(quote) = pair.quote(amount) else {
                        continue;
                    };
                    quotes += 1;
                    let profit = pair.profit(quote.repaid, quote.seized);
                    // Rounding: a unit of each token.
                    let slack = pair.profit(0, 2) - pair.profit(2, 0) + 2;
                    assert!(best.is_some_and(|best| best + slack >= profit), "{quote:?}");
                    exact += usize::from(best.is_some_and(|best| best >= profit));
                    let request = Request {
                        debt_reserve: pair.borrow.reserve,
                        collateral_reserve: pair.deposit.reserve,
                        amount,
                        min_received: 0,
                        version: Some(name.to_owned()),
                        ..vector.request.clone()
                    };
                    let said = adapter.predict(&accounts, vector.clock, &request).unwrap();
                    let told = (said.error, said.repaid, said.seized, said.seized_shares);
                    assert_eq!(told, (None, quote.repaid, quote.seized, quote.left));
                }
            }
            if let Choice::Plan(plan) = chosen {
                let said = adapter
                    .predict(&accounts, vector.clock, &plan.request)
                    .unwrap();
                assert_eq!((said.error, said), (None, plan.prediction));
            }
        }
    }
    assert!(plans > 400 && quotes > 2_000, "{plans} {quotes}");
    assert!(exact * 100 > quotes * 99, "{exact} of {quotes}");
}

#[test]
fn a_balance_caps_the_plan_and_a_high_demand_refuses_it() {
    let adapter = named("kamino").unwrap();
    let mut capped_plans = 0;
    for vector in all().iter().filter(|it| it.error == LANDED).take(100) {
        let accounts = borrowed(&vector.accounts);
        let asked = policy(vector.request.position, "1.16");
        let Choice::Plan(best) = adapter.best_plan(&accounts, vector.clock, &asked).unwrap() else {
            continue;
        };
        let mints: Vec<[u8; 32]> = vector
            .accounts
            .values()
            .filter(|(_, data)| data.len() == 8_624)
            .map(|(_, data)| data[128..160].try_into().unwrap())
            .collect();
        let most = best.prediction.repaid / 2;
        let capped = Policy {
            balances: mints.into_iter().map(|mint| (mint, most)).collect(),
            ..asked.clone()
        };
        if let Choice::Plan(plan) = adapter.best_plan(&accounts, vector.clock, &capped).unwrap() {
            assert!(plan.prediction.repaid <= most && plan.profit <= best.profit + 1_000_000);
            capped_plans += 1;
        }
        let greedy = Policy {
            min_profit: best.profit + 1,
            ..asked
        };
        let refused = adapter.best_plan(&accounts, vector.clock, &greedy).unwrap();
        assert_eq!(refused, Choice::Refusal("unprofitable".to_owned()));
    }
    assert!(capped_plans > 20, "{capped_plans}");
}

#[test]
fn every_state_is_explained_with_its_health() {
    let adapter = named("kamino").unwrap();
    for vector in all().iter().take(300) {
        let accounts = borrowed(&vector.accounts);
        let terms = adapter
            .explain(&accounts, vector.clock, &vector.request.position)
            .unwrap();
        assert!(terms.iter().all(|term| term.scale > 0));
        assert!(terms.iter().any(|term| term.section == "health"));
    }
}
