//! What differs between versions, and every reason to liquidate by its name: recorded states with a few bytes changed.
//!
//! Only 1.7 could be run; what is said here of later versions follows the published rules.

use liquidation_core::protocols::adapter::{named, Choice, Policy, Prediction, Unanswered};
use liquidation_core::protocols::kamino::obligation::Obligation;

use crate::vectors::{all, borrowed, Vector, LANDED};

const MARKET: usize = 4_664;
const RESERVE: usize = 8_624;
const OBLIGATION: usize = 3_344;

/// Writes bytes into every account of a length.
fn set(vector: &mut Vector, length: usize, at: usize, bytes: &[u8]) {
    let of_kind = vector
        .accounts
        .values_mut()
        .filter(|(_, data)| data.len() == length);
    for (_, data) in of_kind {
        data[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

fn ask(vector: &Vector, version: &str, instruction: &str) -> Result<Prediction, Unanswered> {
    let mut request = vector.request.clone();
    request.version = Some(version.to_owned());
    request.instruction = Some(instruction.to_owned());
    let accounts = borrowed(&vector.accounts);
    named("kamino")
        .unwrap()
        .predict(&accounts, vector.clock, &request)
}

fn error(vector: &Vector, version: &str) -> Option<i64> {
    ask(vector, version, "v1").unwrap().error
}

fn reason(vector: &Vector) -> (bool, String) {
    let accounts = borrowed(&vector.accounts);
    let position = &vector.request.position;
    let health = named("kamino")
        .unwrap()
        .health(&accounts, vector.clock, position)
        .unwrap();
    (health.liquidatable, health.reason)
}

/// Recorded liquidations that the newest version would do as well.
fn liquidated() -> impl Iterator<Item = Vector> {
    all().into_iter().filter(|vector| {
        vector.error == LANDED && reason(vector).0 && error(vector, "1.16").is_none()
    })
}

/// One of them in which nothing but the price is a reason.
fn healthy_but_for_the_price() -> Vector {
    let mut vector = liquidated().find(outside_groups).unwrap();
    set(&mut vector, MARKET, 3_307, &[1]);
    assert_eq!(reason(&vector), (false, "healthy".to_owned()));
    vector
}

fn outside_groups(vector: &Vector) -> bool {
    let data = &vector.accounts[&vector.request.position].1;
    let position = Obligation::decode(data).unwrap();
    position.group() == 0 && position.reserves().len() == 2
}

#[test]
fn the_second_form_came_with_1_10_and_does_the_same() {
    for vector in liquidated().take(50) {
        assert_eq!(ask(&vector, "1.9", "v2").unwrap().error, Some(101));
        for version in ["1.10", "1.12.8", "1.16.0"] {
            assert_eq!(ask(&vector, version, "v1"), ask(&vector, version, "v2"));
        }
        assert!(matches!(
            ask(&vector, "1.16", "v3"),
            Err(Unanswered::Wrong(_))
        ));
    }
}

#[test]
fn price_liquidations_can_be_switched_off_from_1_12_8_on() {
    let vector = healthy_but_for_the_price();
    for version in ["1.7", "1.10", "1.12.0", "1.12.7"] {
        assert_eq!(error(&vector, version), None, "{version}");
    }
    for version in ["1.12.8", "1.13", "1.16.0"] {
        assert_eq!(error(&vector, version), Some(6016), "{version}");
    }
}

#[test]
fn a_small_debt_is_to_be_offered_whole_from_1_11_on() {
    let mut found = 0;
    for mut vector in liquidated() {
        vector.request.amount = 1;
        let (old, new) = (error(&vector, "1.10"), error(&vector, "1.11"));
        if new == Some(6121) {
            assert_eq!(old, None);
            assert!(ask(&vector, "1.10", "v1").unwrap().repaid > 1);
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn exchange_and_redemption_are_rounded_anew_in_1_11_and_1_14() {
    let (mut exchange, mut redemption) = (0, 0);
    for mut vector in liquidated() {
        let numbers = |vector: &Vector, version| {
            let said = ask(vector, version, "v1").unwrap();
            (said.repaid, said.seized, said.seized_shares)
        };
        exchange += usize::from(numbers(&vector, "1.10") != numbers(&vector, "1.11"));
        // Little to redeem from: one more collateral token where its value, rounded down, is there.
        let collateral = vector.request.collateral_reserve;
        let (_, data) = vector.accounts.get_mut(&collateral).unwrap();
        data[224..232].copy_from_slice(&7u64.to_le_bytes());
        let (old, new) = (numbers(&vector, "1.13"), numbers(&vector, "1.14"));
        if old != new {
            assert!(new.2 < old.2, "{old:?} {new:?}");
            redemption += 1;
        }
    }
    assert!(exchange > 0 && redemption > 0, "{exchange} {redemption}");
}

#[test]
fn a_margin_call_that_is_over_is_individual_deleveraging() {
    let mut vector = healthy_but_for_the_price();
    let now = vector.clock.unix_timestamp as u64;
    set(&mut vector, MARKET, 123, &[1]);
    set(&mut vector, MARKET, 3_288, &3_600u64.to_le_bytes());
    set(&mut vector, OBLIGATION, 2_336, &(now - 3_601).to_le_bytes());
    set(&mut vector, OBLIGATION, 2_321, &[0]);
    assert_eq!(
        reason(&vector),
        (true, "individual deleveraging".to_owned())
    );
    set(&mut vector, OBLIGATION, 2_336, &(now - 10).to_le_bytes());
    assert_eq!(reason(&vector), (false, "healthy".to_owned()));
}

#[test]
fn a_limit_crossed_for_long_is_market_deleveraging() {
    let mut vector = healthy_but_for_the_price();
    let now = vector.clock.unix_timestamp as u64;
    set(&mut vector, MARKET, 123, &[1]);
    set(&mut vector, RESERVE, 5_502, &[1]);
    set(&mut vector, RESERVE, 5_016, &0u64.to_le_bytes()); // deposits are above their limit
    set(
        &mut vector,
        RESERVE,
        280,
        &(now - 20 * 86_400).to_le_bytes(),
    );
    set(&mut vector, RESERVE, 4_888, &1_000u64.to_le_bytes());
    assert_eq!(reason(&vector), (true, "market deleveraging".to_owned()));
    let month = 30 * 86_400u64;
    set(&mut vector, RESERVE, 4_880, &month.to_le_bytes()); // the margin call lasts longer
    assert_eq!(reason(&vector), (false, "healthy".to_owned()));
}

#[test]
fn maturity_and_term_are_reasons_from_1_13_on() {
    let mut vector = healthy_but_for_the_price();
    let now = vector.clock.unix_timestamp as u64;
    set(&mut vector, MARKET, 3_308, &[1, 1]);
    set(&mut vector, RESERVE, 5_776, &(now - 5).to_le_bytes());
    assert_eq!(reason(&vector), (true, "debt matured".to_owned()));
    assert_eq!(error(&vector, "1.12.8"), Some(6016));
    set(&mut vector, RESERVE, 5_776, &(now + 5).to_le_bytes());
    assert_eq!(reason(&vector), (false, "healthy".to_owned()));
    set(&mut vector, RESERVE, 5_784, &100u64.to_le_bytes());
    for place in 0..5 {
        let at = 1_208 + 200 * place + 80;
        set(&mut vector, OBLIGATION, at, &(now - 101).to_le_bytes());
    }
    assert_eq!(reason(&vector), (true, "debt term over".to_owned()));
    set(&mut vector, MARKET, 3_392, &1_000u64.to_le_bytes());
    assert!(matches!(
        ask(&vector, "1.16", "v1"),
        Err(Unanswered::Wrong(_))
    ));
}

#[test]
fn an_order_is_named_and_refused_instead_of_guessed() {
    let mut vector = healthy_but_for_the_price();
    set(&mut vector, MARKET, 3_304, &[1]);
    set(&mut vector, OBLIGATION, 2_344 + 36, &[5]);
    assert_eq!(reason(&vector), (true, "order: always".to_owned()));
    assert!(matches!(
        ask(&vector, "1.16", "v1"),
        Err(Unanswered::Wrong(_))
    ));
    assert_eq!(error(&vector, "1.11"), None); // nobody could switch the price off then
    let policy = Policy {
        position: Some(vector.request.position),
        liquidator: None,
        balances: std::collections::BTreeMap::new(),
        min_profit: i128::MIN,
        costs: 0,
        instruction: None,
        version: None,
    };
    let accounts = borrowed(&vector.accounts);
    let choice = named("kamino")
        .unwrap()
        .best_plan(&accounts, vector.clock, &policy)
        .unwrap();
    assert_eq!(choice, Choice::Refusal("an order".to_owned()));
    set(&mut vector, OBLIGATION, 2_344 + 36, &[3]);
    assert_eq!(
        reason(&vector),
        (false, "order: price ratio above".to_owned())
    );
}
