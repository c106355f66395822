//! A generic market in Rust alone, like that of `benches/data.py` in the figures that matter: for criterion.

use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::market::Asset;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::CoreError;

/// Assets of the market.
pub const ASSETS: usize = 64;

/// Columns as a book takes them, five legs on average.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Ids.
    pub ids: Vec<u64>,
    /// Where a position's legs begin, and one more.
    pub offsets: Vec<u32>,
    /// Slots by leg.
    pub slots: Vec<u16>,
    /// Amounts by leg.
    pub amounts: Vec<u64>,
}

/// Numbers that look random and are the same every time.
#[derive(Clone, Copy, Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn share(&mut self) -> f64 {
        self.next() as f64 / (1u64 << 53) as f64
    }
}

/// Prices at which every asset is one USD a token of six digits.
#[must_use]
pub fn prices() -> Vec<i64> {
    vec![100_000_000; ASSETS]
}

/// Returns columns of so many positions, at a health of 1.0002 and an exponential of mean 0.5 more.
#[must_use]
pub fn columns(count: usize) -> Columns {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut columns = Columns {
        offsets: vec![0],
        ..Columns::default()
    };
    for id in 0..count as u64 {
        let (deposits, debts) = (1 + dice.next() % 5, 1 + dice.next() % 3);
        let owed = 50_000_000 + dice.next() % 1_000_000_000;
        let health = 1.0002 - 0.5 * (1.0 - dice.share()).ln();
        for leg in 0..deposits + debts {
            let (debt, parts) = (
                leg >= deposits,
                if leg < deposits { deposits } else { debts },
            );
            let worth = if debt {
                owed
            } else {
                (owed as f64 * health) as u64
            };
            let asset = (dice.next() % ASSETS as u64) as u16;
            columns.slots.push(2 * asset + u16::from(debt));
            columns.amounts.push(worth / parts);
        }
        columns.ids.push(id);
        columns.offsets.push(columns.slots.len() as u32);
    }
    columns
}

/// Returns a book of these columns, freshly anchored.
pub fn book(columns: &Columns, kernel: Kernel) -> Result<GenericBook, CoreError> {
    let asset = |number: usize| Asset {
        name: number.to_string(),
        decimals: 6,
        exponent: -8,
    };
    let mut book = GenericBook::new((0..ASSETS).map(asset).collect(), kernel)?;
    book.tick(&prices(), 1, 1)?;
    book.set_positions(
        &columns.ids,
        &columns.offsets,
        &columns.slots,
        &columns.amounts,
    )?;
    book.reanchor();
    Ok(book)
}
