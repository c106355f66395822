//! A market of the reference program as account bytes, and the book that takes them.

use std::hint::black_box;
use std::time::Instant;

use lending_math::state::{
    Config, Market, Oracle, Position, Reserve, Side, MARKET_LEN, ORACLE_LEN, POSITION_LEN,
    RESERVE_LEN,
};
use lending_math::{Error, Pubkey, WAD};
use liquidation_core::book::{Account, Book};

/// Reserves of the market.
const RESERVES: u32 = 16;
/// Programs, markets and everybody else are told apart by the first byte of their address.
const PROGRAM: Pubkey = [9; 32];
const MARKET: Pubkey = [8; 32];

fn address(kind: u8, number: u32) -> Pubkey {
    let mut address = [kind; 32];
    address[1..5].copy_from_slice(&number.to_le_bytes());
    address
}

/// One account.
#[derive(Clone, Debug)]
pub struct State {
    /// Where it lies.
    pub address: Pubkey,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// The accounts of a market, in the order in which a book needs them, and the book.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Market, reserves, oracles, then positions of five legs each.
    pub states: Vec<State>,
    /// Other states of the same positions.
    changed: Vec<State>,
    book: Book,
    slot: u64,
}

impl Reference {
    /// Returns a market of so many positions and the book that has taken them all.
    pub fn new(positions: u32) -> Result<Reference, Error> {
        let mut states = vec![market()?];
        for number in 0..RESERVES {
            states.push(reserve(number)?);
            states.push(oracle(number)?);
        }
        let all = |extra| (0..positions).map(move |number| position(number, extra));
        states.extend(all(0).collect::<Result<Vec<_>, _>>()?);
        let (changed, book) = (
            all(1).collect::<Result<_, _>>()?,
            Book::new(PROGRAM, MARKET),
        );
        let mut reference = Reference {
            states,
            changed,
            book,
            slot: 1,
        };
        reference.book.tick(1, 1);
        let first = reference.states.clone();
        reference.take(&first);
        Ok(reference)
    }

    /// Takes another state of every position, newer than the one before, and returns nanoseconds per account.
    pub fn apply_all(&mut self) -> f64 {
        self.slot += 1;
        let states = std::mem::take(&mut self.changed);
        let start = Instant::now();
        self.take(&states);
        let taken = start.elapsed().as_nanos() as f64 / states.len() as f64;
        let first = self.states.len() - states.len();
        self.changed = self.states.splice(first.., states).collect();
        taken
    }

    fn take(&mut self, states: &[State]) {
        for state in states {
            let account = Account {
                address: &state.address,
                owner: &PROGRAM,
                slot: self.slot,
                data: &state.data,
            };
            let _ = black_box(self.book.apply(&account)); // whether it was read, the count tells
        }
    }

    /// Moves the first reserve's price to millionths of a USD and returns the nanoseconds of taking it.
    pub fn price(&mut self, millionths: u64) -> Result<f64, Error> {
        self.slot += 1;
        let mut data = vec![0; ORACLE_LEN];
        let oracle = Oracle {
            exponent: -6,
            price: millionths,
            confidence: 0,
            slot: self.slot,
            ..Oracle::decode(&oracle(0)?.data)?
        };
        oracle.encode(&mut data)?;
        let state = State {
            address: address(2, 0),
            data,
        };
        let start = Instant::now();
        self.take(std::slice::from_ref(&state));
        Ok(start.elapsed().as_nanos() as f64)
    }

    /// Judges everybody anew and returns nanoseconds per position.
    #[must_use]
    pub fn judge_all(&self) -> f64 {
        let start = Instant::now();
        black_box(self.book.sweep());
        start.elapsed().as_nanos() as f64 / self.book.len() as f64
    }

    /// Fills an empty book from all accounts in one buffer and returns accounts per second.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let buffer: Vec<u8> = self
            .states
            .iter()
            .flat_map(|state| &state.data)
            .copied()
            .collect();
        let (mut book, mut rest) = (Book::new(PROGRAM, MARKET), &buffer[..]);
        let start = Instant::now();
        let mut accounts = Vec::with_capacity(self.states.len());
        for state in &self.states {
            let (data, after) = rest.split_at(state.data.len());
            rest = after;
            accounts.push(Account {
                address: &state.address,
                owner: &PROGRAM,
                slot: 1,
                data,
            });
        }
        let _ = black_box(book.tick_accounts(&accounts, 1, 1)); // whether they were read, the count tells
        let taken = start.elapsed().as_secs_f64();
        self.states.len() as f64 / taken * f64::from(u8::from(book.len() == self.book.len()))
    }

    /// Returns how many accounts the book understood.
    #[must_use]
    pub fn understood(&self) -> usize {
        self.book.addresses().len()
    }
}

fn market() -> Result<State, Error> {
    let market = Market {
        bump: 1,
        paused: false,
        owner: [1; 32],
        insurance_authority: [1; 32],
        id: 1,
        reserve_count: RESERVES.into(),
        creator: [1; 32],
    };
    let mut data = vec![0; MARKET_LEN];
    market.encode(&mut data)?;
    Ok(State {
        address: MARKET,
        data,
    })
}

fn reserve(number: u32) -> Result<State, Error> {
    let reserve = Reserve {
        bump: 1,
        decimals: 6,
        market: MARKET,
        mint: address(4, number),
        vault: address(5, number),
        oracle: address(2, number),
        config: Config {
            ltv_bps: 7_000,
            liquidation_threshold_bps: 8_000,
            borrow_factor_bps: 11_000,
            min_bonus_bps: 200,
            max_bonus_bps: 1_000,
            close_factor_bps: 5_000,
            protocol_fee_bps: 1_000,
            max_confidence_bps: 200,
            interest_rate_bps: 1_000,
            max_oracle_age_slots: 150,
            dust_limit_micro_usd: 1_000_000,
        },
        total_deposits: 0,
        total_debt_shares: 0,
        borrow_index: WAD,
        accrued_slot: 0,
        bad_debt_total: 0,
        bad_debt_covered: 0,
        liquidations: 0,
    };
    let mut data = vec![0; RESERVE_LEN];
    reserve.encode(&mut data)?;
    Ok(State {
        address: address(1, number),
        data,
    })
}

/// An oracle that says one USD and a bit, in cents.
fn oracle(number: u32) -> Result<State, Error> {
    let oracle = Oracle {
        bump: 1,
        exponent: -2,
        authority: [1; 32],
        mint: address(4, number),
        price: u64::from(100 + number),
        confidence: 1,
        slot: 1,
        updates: 1,
    };
    let mut data = vec![0; ORACLE_LEN];
    oracle.encode(&mut data)?;
    Ok(State {
        address: address(2, number),
        data,
    })
}

/// Three deposits and two debts, at a health of 1.1 to 1.6.
fn position(number: u32, extra: u64) -> Result<State, Error> {
    let mut position = Position::new(1, MARKET, [6; 32], u64::from(number));
    (position.version, position.last_update_slot) = (1 + extra, 1);
    for leg in 0..5u32 {
        let (side, amount) = match leg < 3 {
            true => (
                Side::Collateral,
                300_000_000 + u64::from(number % 1_000) * 100_000,
            ),
            false => (Side::Debt, 250_000_000),
        };
        let reserve = address(1, (number + leg * 3) % RESERVES);
        position.increase(&reserve, side, amount + extra)?;
    }
    let mut data = vec![0; POSITION_LEN];
    position.encode(&mut data)?;
    Ok(State {
        address: address(3, number),
        data,
    })
}

/// Returns a market of so many positions and its book, or null where it is refused.
#[no_mangle]
pub extern "C" fn reference_new(positions: u32) -> *mut Reference {
    let reference = Reference::new(positions).ok();
    let whole = reference.filter(|reference| reference.understood() == reference.states.len());
    whole.map_or(std::ptr::null_mut(), |reference| {
        Box::into_raw(Box::new(reference))
    })
}

/// Takes another state of every position and returns nanoseconds per account.
#[no_mangle]
pub extern "C" fn reference_apply(reference: &mut Reference) -> f64 {
    reference.apply_all()
}

/// Moves the first reserve's price and returns the nanoseconds of taking it, none below 0.
#[no_mangle]
pub extern "C" fn reference_price(reference: &mut Reference, millionths: u64) -> f64 {
    reference.price(millionths).unwrap_or(-1.0)
}

/// Judges everybody anew and returns nanoseconds per position.
#[no_mangle]
pub extern "C" fn reference_judge(reference: &Reference) -> f64 {
    reference.judge_all()
}

/// Fills an empty book from all accounts in one buffer and returns accounts per second.
#[no_mangle]
pub extern "C" fn reference_fill(reference: &Reference) -> f64 {
    reference.fill()
}

/// Writes an account's address and bytes and returns how many bytes there are, 0 past the last account.
#[no_mangle]
pub unsafe extern "C" fn reference_account(
    reference: &Reference,
    number: u32,
    address: *mut u8,
    data: *mut u8,
    room: usize,
) -> usize {
    let state = reference.states.get(number as usize);
    let Some(state) = state.filter(|state| state.data.len() <= room) else {
        return 0;
    };
    // SAFETY: 32 bytes there, `room` bytes here
    unsafe {
        std::ptr::copy_nonoverlapping(state.address.as_ptr(), address, state.address.len());
        std::ptr::copy_nonoverlapping(state.data.as_ptr(), data, state.data.len());
    }
    state.data.len()
}

/// Frees a market.
#[no_mangle]
pub unsafe extern "C" fn reference_free(reference: *mut Reference) {
    // SAFETY: from reference_new, once
    drop(unsafe { Box::from_raw(reference) });
}
