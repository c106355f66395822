//! A position: eight places for deposits, five for borrows, and values that the last refresh left.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::fixed::u256::U256;
use crate::protocols::kamino::bytes::{key_at, put, u128_at, u16_at, u256_at, u64_at, u8_at};

pub(super) const DISCRIMINATOR: [u8; 8] = [0xa8, 0xce, 0x8d, 0x6a, 0x58, 0x4c, 0xac, 0xa7];
/// Length of the account.
pub const LENGTH: usize = 3_344;
const NO_KEY: Pubkey = [0; 32];
pub(super) const DEPOSITS: usize = 96;
pub(super) const DEPOSIT: usize = 136;
pub(super) const BORROWS: usize = 1208;
pub(super) const BORROW: usize = 200;

/// Collateral in one reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deposit {
    /// The reserve; zeros for an empty place.
    pub reserve: Pubkey,
    /// Collateral tokens.
    pub shares: u64,
    /// Their value, as refreshed.
    pub value: Fraction,
    /// Debt taken against it in the elevation group.
    pub group_debt: u64,
}

/// Debt in one reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Borrow {
    /// The reserve; zeros for an empty place.
    pub reserve: Pubkey,
    /// The reserve's index at which `amount` was counted.
    pub index: U256,
    /// When it was taken.
    pub time: u64,
    /// Debt with interest.
    pub amount: Fraction,
    /// Its value.
    pub value: Fraction,
    /// Its value times the borrow factor.
    pub weighted: Fraction,
    /// What counts for the limit outside elevation groups.
    pub outside_groups: u64,
}

/// A position's state.
#[derive(Clone, Debug)]
pub struct Obligation<'a> {
    bytes: &'a [u8],
    /// Slot of the last refresh.
    pub slot: u64,
    /// Whether something moved since.
    pub stale: bool,
    /// What holds of all its reserves' prices.
    pub price_status: u8,
    /// By their place.
    pub deposits: [Deposit; 8],
    /// By their place.
    pub borrows: [Borrow; 5],
    /// Lowest threshold among the deposits that count, percent.
    pub lowest_threshold: u64,
    /// Value of the deposits.
    pub deposited: Fraction,
    /// Weighted value of the debts.
    pub weighted_debt: Fraction,
    /// Value of the debts.
    pub debt: Fraction,
    /// Debt up to which more may be borrowed.
    pub allowed: Fraction,
    /// Debt from which it may be liquidated.
    pub unhealthy: Fraction,
    /// Asset tiers, 0xff for an empty place.
    pub deposit_tiers: [u8; 8],
    /// Asset tiers, 0xff for an empty place.
    pub borrow_tiers: [u8; 5],
    /// Deposits in obsolete reserves.
    pub obsolete_deposits: u8,
    /// Debts in obsolete reserves.
    pub obsolete_borrows: u8,
    /// Whether it owes anything.
    pub has_debt: bool,
    /// Lowest maximal loan to value among the deposits.
    pub lowest_max_ltv: u8,
    /// Highest borrow factor among the debts that count, percent.
    pub highest_factor: u64,
}

/// A standing order of the owner's: when, what, at what bonus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What its condition compares with.
    pub threshold: Fraction,
    /// How much it offers.
    pub opportunity: Fraction,
    /// Bonus when the condition is just met.
    pub min_bonus_bps: u64,
    /// Most bonus.
    pub max_bonus_bps: u64,
    /// Which condition; 0 for no order.
    pub condition: u8,
    /// Which kind of offer.
    pub kind: u8,
}

impl<'a> Obligation<'a> {
    /// Returns the position; `None` for bytes that are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Obligation<'a>> {
        if bytes.len() != LENGTH || !bytes.starts_with(&DISCRIMINATOR) {
            return None;
        }
        Some(Obligation {
            bytes,
            slot: u64_at(bytes, 16),
            stale: u8_at(bytes, 24) != 0,
            price_status: u8_at(bytes, 25),
            deposits: std::array::from_fn(|place| deposit(bytes, DEPOSITS + DEPOSIT * place)),
            borrows: std::array::from_fn(|place| borrow(bytes, BORROWS + BORROW * place)),
            lowest_threshold: u64_at(bytes, 1184),
            deposited: Fraction(u128_at(bytes, 1192)),
            weighted_debt: Fraction(u128_at(bytes, 2208)),
            debt: Fraction(u128_at(bytes, 2224)),
            allowed: Fraction(u128_at(bytes, 2240)),
            unhealthy: Fraction(u128_at(bytes, 2256)),
            deposit_tiers: std::array::from_fn(|place| u8_at(bytes, 2272 + place)),
            borrow_tiers: std::array::from_fn(|place| u8_at(bytes, 2280 + place)),
            obsolete_deposits: u8_at(bytes, 2286),
            obsolete_borrows: u8_at(bytes, 2323),
            has_debt: u8_at(bytes, 2287) != 0,
            lowest_max_ltv: u8_at(bytes, 2322),
            highest_factor: u64_at(bytes, 2328),
        })
    }

    /// Returns the account's bytes with everything that moved.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut data = self.bytes.to_vec();
        put(&mut data, 16, &self.slot.to_le_bytes());
        put(&mut data, 24, &[u8::from(self.stale), self.price_status]);
        for (place, it) in self.deposits.iter().enumerate() {
            put_deposit(&mut data, DEPOSITS + DEPOSIT * place, it);
        }
        for (place, it) in self.borrows.iter().enumerate() {
            put_borrow(&mut data, BORROWS + BORROW * place, it);
        }
        put(&mut data, 1184, &self.lowest_threshold.to_le_bytes());
        put(&mut data, 1192, &self.deposited.0.to_le_bytes());
        put(&mut data, 2208, &self.weighted_debt.0.to_le_bytes());
        put(&mut data, 2224, &self.debt.0.to_le_bytes());
        put(&mut data, 2240, &self.allowed.0.to_le_bytes());
        put(&mut data, 2256, &self.unhealthy.0.to_le_bytes());
        put(&mut data, 2272, &self.deposit_tiers);
        put(&mut data, 2280, &self.borrow_tiers);
        put(
            &mut data,
            2286,
            &[self.obsolete_deposits, u8::from(self.has_debt)],
        );
        put(
            &mut data,
            2322,
            &[self.lowest_max_ltv, self.obsolete_borrows],
        );
        put(&mut data, 2328, &self.highest_factor.to_le_bytes());
        data
    }

    /// Empties a place of a debt.
    pub fn clear_borrow(&mut self, place: usize) {
        if let (Some(leg), Some(tier)) = (
            self.borrows.get_mut(place),
            self.borrow_tiers.get_mut(place),
        ) {
            (*leg, *tier) = (Borrow::default(), u8::MAX);
        }
        self.has_debt = self.borrows.iter().any(Borrow::active);
    }

    /// Empties a place of a deposit.
    pub fn clear_deposit(&mut self, place: usize) {
        if let (Some(leg), Some(tier)) = (
            self.deposits.get_mut(place),
            self.deposit_tiers.get_mut(place),
        ) {
            (*leg, *tier) = (Deposit::default(), u8::MAX);
        }
    }

    /// Returns its market.
    #[must_use]
    pub fn market(&self) -> Pubkey {
        key_at(self.bytes, 32)
    }

    /// Returns its owner.
    #[must_use]
    pub fn owner(&self) -> Pubkey {
        key_at(self.bytes, 64)
    }

    /// Returns its elevation group, 0 for none.
    #[must_use]
    pub fn group(&self) -> u8 {
        u8_at(self.bytes, 2285)
    }

    /// Returns who referred its owner, if anybody.
    #[must_use]
    pub fn referrer(&self) -> Option<Pubkey> {
        Some(key_at(self.bytes, 2288)).filter(|key| *key != NO_KEY)
    }

    /// Returns the loan to value that a margin call demands, percent.
    #[must_use]
    pub fn target_ltv_percent(&self) -> u64 {
        u64::from(u8_at(self.bytes, 2321))
    }

    /// Returns when its margin call began, 0 without one.
    #[must_use]
    pub fn margin_call_time(&self) -> u64 {
        u64_at(self.bytes, 2336)
    }

    /// Returns its standing orders.
    #[must_use]
    pub fn orders(&self) -> [Order; 2] {
        std::array::from_fn(|place| {
            let at = 2344 + 128 * place;
            Order {
                threshold: Fraction(u128_at(self.bytes, at)),
                opportunity: Fraction(u128_at(self.bytes, at + 16)),
                min_bonus_bps: u64::from(u16_at(self.bytes, at + 32)),
                max_bonus_bps: u64::from(u16_at(self.bytes, at + 34)),
                condition: u8_at(self.bytes, at + 36),
                kind: u8_at(self.bytes, at + 37),
            }
        })
    }

    /// Returns every reserve it names, deposits first, each once.
    #[must_use]
    pub fn reserves(&self) -> Vec<Pubkey> {
        let deposits = self.deposits.iter().map(|it| it.reserve);
        let mut found: Vec<Pubkey> = Vec::with_capacity(13);
        for key in deposits.chain(self.borrows.iter().map(|it| it.reserve)) {
            if key != NO_KEY && !found.contains(&key) {
                found.push(key);
            }
        }
        found
    }
}

impl Deposit {
    /// Returns whether a deposit stands in this place.
    #[must_use]
    pub fn active(&self) -> bool {
        self.reserve != NO_KEY
    }
}

impl Borrow {
    /// Returns whether a debt stands in this place.
    #[must_use]
    pub fn active(&self) -> bool {
        self.reserve != NO_KEY
    }
}

fn deposit(bytes: &[u8], at: usize) -> Deposit {
    Deposit {
        reserve: key_at(bytes, at),
        shares: u64_at(bytes, at + 32),
        value: Fraction(u128_at(bytes, at + 40)),
        group_debt: u64_at(bytes, at + 56),
    }
}

fn put_deposit(data: &mut [u8], at: usize, it: &Deposit) {
    if !it.active() && key_at(data, at) != NO_KEY {
        put(data, at, &[0; DEPOSIT]);
    }
    put(data, at, &it.reserve);
    put(data, at + 32, &it.shares.to_le_bytes());
    put(data, at + 40, &it.value.0.to_le_bytes());
    put(data, at + 56, &it.group_debt.to_le_bytes());
}

fn borrow(bytes: &[u8], at: usize) -> Borrow {
    Borrow {
        reserve: key_at(bytes, at),
        index: u256_at(bytes, at + 32),
        time: u64_at(bytes, at + 80),
        amount: Fraction(u128_at(bytes, at + 88)),
        value: Fraction(u128_at(bytes, at + 104)),
        weighted: Fraction(u128_at(bytes, at + 120)),
        outside_groups: u64_at(bytes, at + 136),
    }
}

fn put_borrow(data: &mut [u8], at: usize, it: &Borrow) {
    if !it.active() && key_at(data, at) != NO_KEY {
        put(data, at, &[0; BORROW]);
    }
    put(data, at, &it.reserve);
    put(data, at + 32, &it.index.to_le_bytes());
    put(data, at + 80, &it.time.to_le_bytes());
    put(data, at + 88, &it.amount.0.to_le_bytes());
    put(data, at + 104, &it.value.0.to_le_bytes());
    put(data, at + 120, &it.weighted.0.to_le_bytes());
    put(data, at + 136, &it.outside_groups.to_le_bytes());
}
