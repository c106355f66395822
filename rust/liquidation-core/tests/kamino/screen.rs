//! The screen lets through, and the fast verdict confirms, exactly what a whole refresh finds.

use std::collections::HashMap;

use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::fixed::fraction::Fraction;
use liquidation_core::protocols::adapter::Accounts;
use liquidation_core::protocols::kamino::confirm::{confirm, Rates, Rules, Verdict};
use liquidation_core::protocols::kamino::health::health;
use liquidation_core::protocols::kamino::legs::{always, Scales};
use liquidation_core::protocols::kamino::obligation::Obligation;
use liquidation_core::protocols::kamino::predict::load;
use liquidation_core::protocols::kamino::slim::Position;
use liquidation_core::protocols::kamino::version::Version;

use crate::vectors::{all, borrowed, Vector};

/// A recorded state with its reserves as a refresh leaves them.
struct Case<'a> {
    vector: &'a Vector,
    accounts: Accounts<'a>,
    places: HashMap<[u8; 32], u16>,
    rates: Vec<Rates>,
    decimals: Vec<u8>,
    rules: Rules,
}

impl<'a> Case<'a> {
    fn of(vector: &'a Vector) -> Option<Case<'a>> {
        let accounts = borrowed(&vector.accounts);
        let position = vector.request.position;
        let held = load(&accounts, vector.clock, &position, &[], Version::NEWEST).ok()?;
        let (mut places, mut rates) = (HashMap::new(), Vec::new());
        for reserve in &held.reserves {
            places.insert(reserve.address, rates.len() as u16);
            let fresh = Rates::refreshed(reserve.clone(), &held.market, &accounts, vector.clock);
            rates.push(fresh.ok()??);
        }
        let rules = Rules::of(&held.market);
        Some(Case {
            vector,
            accounts,
            places,
            rates,
            decimals: held.reserves.iter().map(|it| it.decimals() as u8).collect(),
            rules,
        })
    }

    /// Returns whether a book of this market looks at a position: opened at other prices, then ticked to these.
    fn looks_at(&self, position: &Position) -> bool {
        let now: Vec<_> = self.rates.iter().cloned().map(Some).collect();
        let scales = Scales::of(&now);
        let mut book = GenericBook::new(scales.assets(&self.decimals), Kernel::best()).unwrap();
        let Some(table) = scales.table(&now, &self.rules) else {
            return true; // no price: nothing to lay
        };
        book.set_weights(&table.collateral_bps, &table.debt_bps)
            .unwrap();
        let before: Vec<i64> = table.mantissas.iter().map(|it| it / 3 + 1).collect();
        book.tick(&before, 1, 1).unwrap();
        let Some(legs) = scales.legs(position, &now, &self.rules) else {
            return true;
        };
        let (slots, amounts): (Vec<_>, Vec<_>) = legs.into_iter().unzip();
        let offsets = [0, slots.len() as u32];
        book.set_positions(&[7], &offsets, &slots, &amounts)
            .unwrap();
        book.tick(&table.mantissas, 2, 2).unwrap();
        always(position, &now, &self.rules) || book.liquidatable() == [7]
    }

    fn bytes(&self) -> &[u8] {
        &self.vector.accounts[&self.vector.request.position].1
    }

    /// Returns the obligation with its first debt scaled so that the health is about `target`/10⁶, and `step` units of 2⁻⁶⁰ off.
    fn near(&self, sums: &Verdict, target: u128, step: i128) -> Option<Vec<u8>> {
        let mut obligation = Obligation::decode(self.bytes())?;
        let first = obligation.borrows.iter_mut().find(|it| it.active())?;
        let wanted = sums
            .unhealthy
            .per(sums.weighted)
            .ok()?
            .times(1_000_000)
            .ok()?;
        let amount = first.amount.by(wanted.over(target).ok()?).ok()?;
        first.amount = Fraction(u128::try_from(amount.0 as i128 + step).ok()?);
        Some(obligation.encode())
    }
}

/// What was seen, so that the test cannot pass by seeing nothing.
#[derive(Debug, Default)]
struct Seen {
    fast: usize,
    in_groups: usize,
    liquidatable: usize,
    equal_quotients: usize,
    let_through_in_vain: usize,
}

/// Returns the sums where there is a fast verdict, after holding screen and verdict against a whole refresh.
fn check(case: &Case, bytes: &[u8], seen: &mut Seen) -> Option<Verdict> {
    let mut accounts = case.accounts.clone();
    accounts
        .get_mut(&case.vector.request.position)
        .unwrap()
        .data = bytes;
    let slow = health(&accounts, case.vector.clock, &case.vector.request.position).unwrap();
    let position = Position::read(bytes, |key| case.places.get(key).copied()).unwrap();
    let screened = case.looks_at(&position);
    assert!(screened || !slow.liquidatable, "missed {slow:?}");
    seen.liquidatable += usize::from(slow.liquidatable);
    seen.let_through_in_vain += usize::from(screened && !slow.liquidatable);
    let verdict = confirm(&position, &case.rates, &case.rules)?;
    assert_eq!(
        verdict.liquidatable, slow.liquidatable,
        "{verdict:?} {slow:?}"
    );
    if verdict.deposited != Fraction::ZERO {
        let quotient = |value: Fraction| value.per(verdict.deposited).unwrap().0.to_le_bytes();
        let zero = slow.numerator == [0; 32] && slow.denominator == [0; 32];
        assert!(zero || slow.numerator[..16] == quotient(verdict.unhealthy));
        assert!(zero || slow.denominator[..16] == quotient(verdict.weighted));
        let below = verdict.weighted < verdict.unhealthy;
        seen.equal_quotients += usize::from(below && slow.numerator == slow.denominator && !zero);
    }
    seen.fast += 1;
    seen.in_groups += usize::from(position.group != 0);
    Some(verdict)
}

#[test]
fn the_screen_misses_nothing_and_the_fast_verdict_is_the_slow_one() {
    let (vectors, mut seen) = (all(), Seen::default());
    for case in vectors.iter().filter_map(Case::of) {
        let Some(sums) = check(&case, case.bytes(), &mut seen) else {
            continue;
        };
        for target in [
            500_000, 999_000, 999_999, 1_000_000, 1_000_001, 1_001_000, 2_000_000,
        ] {
            for step in [-1_000_000_000_000, -1_000_000, -1, 0, 1, 1_000_000] {
                if let Some(bytes) = case.near(&sums, target, step) {
                    check(&case, &bytes, &mut seen);
                }
            }
        }
    }
    println!("{seen:?}");
    assert!(seen.fast > 10_000 && seen.in_groups > 1_000, "{seen:?}");
    assert!(seen.liquidatable > 5_000, "{seen:?}");
    assert!(seen.let_through_in_vain < 2 * seen.liquidatable, "{seen:?}");
}
