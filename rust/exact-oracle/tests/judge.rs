//! The judge of many ticks says what the oracle says, which computes everybody anew in big integers.

use exact_oracle::dice::Dice;
use exact_oracle::judge::Judge;
use exact_oracle::{Leg, Oracle};

struct Both {
    oracle: Oracle,
    judge: Judge,
    dice: Dice,
}

impl Both {
    fn of(decimals: &[u8], exponents: &[i8], seed: u64) -> Both {
        let (oracle, judge) = (
            Oracle::new(decimals, exponents),
            Judge::new(decimals, exponents),
        );
        Both {
            oracle,
            judge,
            dice: Dice(seed),
        }
    }

    fn legs(&mut self) -> Vec<Leg> {
        let (slots, bits) = (2 * self.oracle.prices.len(), self.dice.below(60));
        let size = 1 + self.dice.below(8);
        (0..size)
            .map(|_| (self.dice.below(slots) as u16, self.dice.next() >> bits))
            .collect()
    }

    fn set(&mut self, place: usize) {
        let legs = self.legs();
        let (was, now) = self.judge.set(place, &legs);
        let (crossed, recovered) = self.oracle.set(&[(place as u64, legs)]);
        assert_eq!(
            (crossed.len(), recovered.len()),
            (usize::from(now), usize::from(was && !now))
        );
    }

    fn reprice(&mut self) {
        let assets = self.oracle.prices.len();
        for _ in 0..1 + self.dice.below(assets) {
            let (asset, bits) = (self.dice.below(assets), 1 + self.dice.below(63));
            self.oracle.prices[asset] =
                (self.dice.next() >> bits) as i64 * self.dice.one(&[0, 1, 1, 1]);
            let side = self.dice.below(2);
            self.oracle.weights[side][asset] = self.dice.one(&[0, 8_000, 10_000, u32::MAX]);
        }
        let [collateral, debt] = self.oracle.weights.clone();
        let found = self
            .judge
            .reprice(&self.oracle.prices.clone(), &collateral, &debt);
        let places = |ids: Vec<u64>| ids.into_iter().map(|id| id as usize).collect::<Vec<_>>();
        let (crossed, recovered) = self.oracle.reprice();
        assert_eq!(found, (places(crossed), places(recovered)));
        assert_eq!(
            self.judge.liquidatable().collect::<Vec<_>>(),
            places(self.oracle.liquidatable())
        );
        self.check_counts();
    }

    fn check_counts(&self) {
        let (counts, mut near, mut equal) = (self.judge.counts(), 0, 0);
        for legs in self.oracle.positions.values() {
            let (collateral, debt) = self.oracle.sums(legs);
            let gap = if collateral < debt {
                &debt - &collateral
            } else {
                &collateral - &debt
            };
            let owes = debt > 0.into();
            near += u64::from(owes && gap.clone() * (1 << 20) <= debt);
            equal += u64::from(owes && gap == 0.into());
        }
        assert_eq!((counts.near, counts.equal), (near, equal));
        assert_eq!(counts.present, self.oracle.positions.len() as u64);
        assert_eq!(counts.liquidatable, self.oracle.liquidatable().len() as u64);
    }
}

#[test]
fn it_agrees_through_prices_weights_updates_removals_and_rearming() {
    let usual: (&[u8], &[i8]) = (&[6, 9, 18, 8, 6], &[-8, -8, -8, -5, -12]);
    let ends: (&[u8], &[i8]) = (&[0, 255, 0, 6, 40], &[127, -128, -128, -8, -2]);
    for (seed, (decimals, exponents)) in (1..).zip([usual, ends, usual]) {
        let mut both = Both::of(decimals, exponents, seed);
        for step in 0..1_500 {
            let place = both.dice.below(60);
            match both.dice.below(8) {
                0..=3 => both.set(place),
                4 if both.judge.is_present(place) => {
                    let was = both.judge.remove(place);
                    assert_eq!(
                        both.oracle.remove(&[place as u64]).1.len(),
                        usize::from(was),
                        "{step}"
                    );
                }
                5 if both.judge.is_present(place) => {
                    both.judge.rearm(place);
                    both.oracle.rearm(place as u64);
                }
                _ => both.reprice(),
            }
        }
    }
}

#[test]
fn equality_and_a_unit_beside_it_are_told_apart() {
    let mut judge = Judge::new(&[18], &[-8]);
    judge.reprice(&[100_000_000], &[10_000], &[10_000]);
    for (collateral, equal, liquidatable) in
        [(5_000_000, 1, 0), (5_000_001, 0, 0), (4_999_999, 0, 1)]
    {
        judge.set(0, &[(0, collateral), (1, 5_000_000)]);
        let counts = judge.counts();
        assert_eq!(
            (counts.equal, counts.liquidatable, counts.near),
            (equal, liquidatable, 1)
        );
    }
}
