//! What a receivership writes down: prices at its start in the banks, health at its end in the account, the deal in the record.

use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::account::{MarginAccount, Side};
use crate::protocols::marginfi::bank::{Bank, Requirement};
use crate::protocols::marginfi::bytes::Fields;
use crate::protocols::marginfi::feed::{self, Feed};
use crate::protocols::marginfi::health::{Banks, Totals};
use crate::protocols::marginfi::price::Priced;
use crate::protocols::marginfi::refusal::{Outcome, Refusal};
use crate::protocols::marginfi::version::Version;
use crate::protocols::marginfi::world::World;

/// First bytes of a record.
pub const RECORD: [u8; 8] = [0x5f, 0x74, 0x17, 0x84, 0x59, 0xd2, 0xf5, 0xa2];
/// Where a bank keeps the last price and the average, each with its confidence.
const KEPT: [usize; 2] = [1_472, 1_504];
/// Where a bank's flag is that keeps its cache as it is.
const LOCK: usize = 1_448;
const NOTHING: Priced = Priced {
    price: I80F48::ZERO,
    confidence: I80F48::ZERO,
};

/// Notes both prices of each balance's bank, 0 where a balance does not count, and locks them.
pub fn note_prices(account: &MarginAccount, banks: &mut Banks, world: &World) -> Outcome<()> {
    for balance in account.balances() {
        let bank = banks.0.iter_mut().find(|bank| bank.key == balance.bank);
        let bank = bank.ok_or(Refusal::NoBalance)?;
        let kept = match balance.side()? {
            None => [NOTHING; 2],
            Some(Side::Assets) if bank.is_isolated() => [NOTHING; 2],
            Some(_) => live(bank, world)?,
        };
        for (at, priced) in KEPT.into_iter().zip(kept) {
            bank.fields.put_number(at, priced.price);
            bank.fields.put_number(at + 16, priced.confidence);
        }
        let flags = bank.fields.byte(LOCK) | 1;
        bank.fields.put(LOCK, &[flags]);
    }
    Ok(())
}

fn live(bank: &Bank, world: &World) -> Outcome<[Priced; 2]> {
    let feed = feed::load(bank, world)?.feed;
    let most = bank.oracle_max_confidence();
    let of = |requirement| feed.priced(requirement, most, Version::V0_1_9);
    Ok([of(Requirement::Maintenance)?, of(Requirement::Equity)?])
}

/// Returns what the start noted.
pub fn noted(bank: &Bank) -> Feed {
    let [spot, average] = KEPT.map(|at| Priced {
        price: bank.fields.number(at),
        confidence: bank.fields.number(at + 16),
    });
    Feed::Noted { spot, average }
}

/// Lets the caches of the banks of an account's balances go.
pub fn unlock_prices(account: &MarginAccount, banks: &mut Banks) {
    for balance in account.balances() {
        let held = banks.0.iter_mut().filter(|bank| bank.key == balance.bank);
        for bank in held {
            let flags = bank.fields.byte(LOCK) & !1;
            bank.fields.put(LOCK, &[flags]);
        }
    }
}

/// Writes maintenance and equity values into the account's cache, whose other fields become 0.
pub fn write_health(fields: &mut Fields, (maintenance, equity): (Totals, Totals)) -> Outcome<()> {
    const LENGTH: usize = 304;
    let is_healthy = maintenance.health()? > I80F48::ZERO;
    fields.put(1_840, &[0; LENGTH]);
    fields.put_number(1_872, maintenance.assets);
    fields.put_number(1_888, maintenance.liabilities);
    fields.put_number(1_904, equity.assets);
    fields.put_number(1_920, equity.liabilities);
    fields.put(1_944, &u32::from(is_healthy).to_le_bytes());
    Ok(())
}

/// Moves the entries up by one and writes this one last; the values before the deal stay in the record's cache.
pub fn write_record(
    fields: &mut Fields,
    (maintenance, equity): (Totals, Totals),
    (seized, repaid): (I80F48, I80F48),
    now: i64,
) {
    const ENTRIES: usize = 136;
    const ENTRY: usize = 48;
    let entries: [[u8; ENTRY]; 4] = [0, 1, 2, 3].map(|n| fields.array(ENTRIES + ENTRY * n));
    for (place, entry) in [3, 0, 1, 2].into_iter().zip(entries) {
        fields.put(ENTRIES + ENTRY * place, &entry);
    }
    let last = ENTRIES + ENTRY * 3;
    fields.put(last, &float(seized).to_le_bytes());
    fields.put(last + 8, &float(repaid).to_le_bytes());
    fields.put(last + 24, &now.to_le_bytes());
    fields.put(104, &[0; 32]); // the receiver, who is none again
    let values = [
        maintenance.assets,
        maintenance.liabilities,
        equity.assets,
        equity.liabilities,
    ];
    for (n, value) in values.into_iter().enumerate() {
        fields.put_number(328 + 16 * n, value);
    }
}

/// Returns the number as the program logs it; nothing is decided by it.
fn float(number: I80F48) -> f64 {
    number.bits() as f64 / (1u64 << 48) as f64
}
