//! A reserve: what accrues and moves is read into fields, its parameters are read from the bytes where they are asked for.

use lending_math::Pubkey;

use crate::fixed::fraction::{Fraction, Overflow};
use crate::fixed::u256::U256;
use crate::protocols::adapter::Clock;
use crate::protocols::kamino::bytes::{
    key_at, put, u128_at, u16_at, u256_at, u32_at, u64_at, u8_at,
};
use crate::protocols::kamino::version::Version;

pub(super) const DISCRIMINATOR: [u8; 8] = [0x2b, 0xf2, 0xcc, 0xca, 0x1a, 0xf7, 0x3b, 0x7f];
/// Length of the account.
pub const LENGTH: usize = 8_624;

/// A reserve's state; see the module for its parameters.
#[derive(Clone, Debug)]
pub struct Reserve<'a> {
    bytes: &'a [u8],
    /// Where it is.
    pub address: Pubkey,
    /// Slot of the last refresh.
    pub slot: u64,
    /// Whether something moved since.
    pub stale: bool,
    /// Bits of the price check, see [`price`](super::price).
    pub price_status: u8,
    /// Tokens in the vault, smallest units.
    pub available: u64,
    /// Debt of all borrowers.
    pub debt: Fraction,
    /// Price of one whole token in the quote currency.
    pub price: Fraction,
    /// Seconds since 1970.
    pub price_time: u64,
    /// When deposits went over their limit, 0 while they are not.
    pub deposits_crossed: u64,
    /// When borrows went over their limit, 0 while they are not.
    pub borrows_crossed: u64,
    /// Cumulative borrow rate, 60 fraction bits.
    pub index: U256,
    /// Fees of the protocol in the debt.
    pub protocol_fees: Fraction,
    /// Fees of referrers, taken.
    pub referrer_fees: Fraction,
    /// Fees of referrers, not yet told apart.
    pub pending_referrer_fees: Fraction,
    /// The referrers' share of variable interest.
    pub referral_rate: Fraction,
    /// Collateral tokens that exist.
    pub shares: u64,
    /// Debt taken outside elevation groups.
    pub outside_groups: u64,
    /// Debt taken against this collateral, by elevation group.
    pub in_groups: [u64; 32],
    cleared_from: Option<usize>,
}

impl<'a> Reserve<'a> {
    /// Returns the reserve; `None` for bytes that are none.
    #[must_use]
    pub fn decode(address: Pubkey, bytes: &'a [u8]) -> Option<Reserve<'a>> {
        if bytes.len() != LENGTH || !bytes.starts_with(&DISCRIMINATOR) {
            return None;
        }
        Some(Reserve {
            bytes,
            address,
            slot: u64_at(bytes, 16),
            stale: u8_at(bytes, 24) != 0,
            price_status: u8_at(bytes, 25),
            available: u64_at(bytes, 224),
            debt: Fraction(u128_at(bytes, 232)),
            price: Fraction(u128_at(bytes, 248)),
            price_time: u64_at(bytes, 264),
            deposits_crossed: u64_at(bytes, 280),
            borrows_crossed: u64_at(bytes, 288),
            index: u256_at(bytes, 296),
            protocol_fees: Fraction(u128_at(bytes, 344)),
            referrer_fees: Fraction(u128_at(bytes, 360)),
            pending_referrer_fees: Fraction(u128_at(bytes, 376)),
            referral_rate: Fraction(u128_at(bytes, 392)),
            shares: u64_at(bytes, 2592),
            outside_groups: u64_at(bytes, 6704),
            in_groups: std::array::from_fn(|group| u64_at(bytes, 6712 + 8 * group)),
            cleared_from: None,
        })
    }

    /// Notes when deposits went over their limit, or that they are within again: Unix time, before 1.8 a slot.
    pub fn mark_deposits(&mut self, clock: Clock, version: Version) -> Result<(), Overflow> {
        let over = self.total_supply()? > Fraction::whole(self.deposit_limit());
        self.deposits_crossed = mark(self.deposits_crossed, over, clock, version);
        Ok(())
    }

    /// Notes when the debt went over its limit, or that it is within again.
    pub fn mark_borrows(&mut self, clock: Clock, version: Version) {
        let over = self.debt > Fraction::whole(self.borrow_limit());
        self.borrows_crossed = mark(self.borrows_crossed, over, clock, version);
    }

    /// Notes that the program refreshed it, which clears the bytes that its layout reserves: three more before 1.8.
    pub fn mark_refreshed(&mut self, version: Version) {
        self.cleared_from = Some(if version.pull_oracles() { 4863 } else { 4860 });
    }

    /// Returns the account's bytes with everything that moved.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut data = self.bytes.to_vec();
        put(&mut data, 16, &self.slot.to_le_bytes());
        put(&mut data, 24, &[u8::from(self.stale), self.price_status]);
        put(&mut data, 224, &self.available.to_le_bytes());
        put(&mut data, 232, &self.debt.0.to_le_bytes());
        put(&mut data, 248, &self.price.0.to_le_bytes());
        put(&mut data, 264, &self.price_time.to_le_bytes());
        put(&mut data, 280, &self.deposits_crossed.to_le_bytes());
        put(&mut data, 288, &self.borrows_crossed.to_le_bytes());
        put(&mut data, 296, &self.index.to_le_bytes());
        put(&mut data, 344, &self.protocol_fees.0.to_le_bytes());
        put(&mut data, 360, &self.referrer_fees.0.to_le_bytes());
        put(&mut data, 376, &self.pending_referrer_fees.0.to_le_bytes());
        put(&mut data, 392, &self.referral_rate.0.to_le_bytes());
        put(&mut data, 2592, &self.shares.to_le_bytes());
        put(&mut data, 6704, &self.outside_groups.to_le_bytes());
        for (group, amount) in self.in_groups.iter().enumerate() {
            put(&mut data, 6712 + 8 * group, &amount.to_le_bytes());
        }
        if let Some(reserved) = self.cleared_from.and_then(|from| data.get_mut(from..4869)) {
            reserved.fill(0);
        }
        data
    }

    /// Returns what belongs to the depositors.
    pub fn total_supply(&self) -> Result<Fraction, Overflow> {
        Fraction::whole(self.available)
            .plus(self.debt)?
            .minus(self.protocol_fees)?
            .minus(self.referrer_fees)?
            .minus(self.pending_referrer_fees)
    }

    /// Returns one of the 11 points of the rate curve: (utilization, rate), 1/10,000.
    #[must_use]
    pub fn curve_point(&self, place: usize) -> (u64, u64) {
        let at = 4920 + 8 * place;
        (
            u64::from(u32_at(self.bytes, at)),
            u64::from(u32_at(self.bytes, at + 4)),
        )
    }

    /// Returns whether it belongs to an elevation group.
    #[must_use]
    pub fn in_group(&self, group: u8) -> bool {
        group != 0
            && self
                .bytes
                .get(5480..5500)
                .is_some_and(|groups| groups.contains(&group))
    }

    /// Returns whether a price is held against its average.
    #[must_use]
    pub fn checks_average(&self) -> bool {
        self.max_twap_divergence_bps() > 0
    }

    /// Returns the chain of Scope entries for the price, or for its average.
    #[must_use]
    pub fn scope_chain(&self, average: bool) -> [u16; 4] {
        let start = if average { 5152 } else { 5144 };
        std::array::from_fn(|place| u16_at(self.bytes, start + 2 * place))
    }
}

fn mark(since: u64, over: bool, clock: Clock, version: Version) -> u64 {
    match since {
        _ if !over => 0,
        0 if version.pull_oracles() => u64::try_from(clock.unix_timestamp).unwrap_or(0),
        0 => clock.slot,
        since => since,
    }
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident: $kind:ident at $offset:expr;)*) => {
        impl Reserve<'_> {
            $($(#[$doc])* #[must_use] pub fn $name(&self) -> parameters!(@type $kind) { parameters!(@read $kind, self.bytes, $offset) })*
        }
    };
    (@type key) => { Pubkey };
    (@type u8) => { u8 };
    (@type u16) => { u64 };
    (@type u64) => { u64 };
    (@read key, $bytes:expr, $offset:expr) => { key_at($bytes, $offset) };
    (@read u8, $bytes:expr, $offset:expr) => { u8_at($bytes, $offset) };
    (@read u16, $bytes:expr, $offset:expr) => { u64::from(u16_at($bytes, $offset)) };
    (@read u64, $bytes:expr, $offset:expr) => { u64_at($bytes, $offset) };
}

parameters! {
    /// Its market.
    market: key at 32;
    /// Farm of the collateral, zeros for none.
    collateral_farm: key at 64;
    /// Farm of the debt, zeros for none.
    debt_farm: key at 96;
    /// Mint of the token.
    mint: key at 128;
    /// Vault of the token.
    supply_vault: key at 160;
    /// Where the protocol's part of a bonus goes.
    fee_vault: key at 192;
    /// Decimal places of the token.
    decimals: u64 at 272;
    /// Token program of the token.
    token_program: key at 408;
    /// Mint of the collateral token.
    shares_mint: key at 2560;
    /// Vault of deposited collateral tokens.
    shares_vault: key at 2600;
    /// 0 active, 1 obsolete, 2 hidden.
    status: u8 at 4856;
    /// Fixed rate on top of the curve, 1/10,000.
    fixed_rate_bps: u16 at 4858;
    /// Bonus at which deleveraging starts.
    min_deleveraging_bonus_bps: u16 at 4860;
    /// Protocol's share of an order's bonus.
    order_fee_percent: u8 at 4869;
    /// Protocol's share of variable interest.
    take_rate_percent: u8 at 4870;
    /// Protocol's share of a bonus.
    liquidation_fee_percent: u8 at 4871;
    /// Loan to value at which borrowing ends.
    ltv_percent: u8 at 4872;
    /// Loan to value at which liquidation begins.
    threshold_percent: u8 at 4873;
    /// Least bonus.
    min_bonus_bps: u16 at 4874;
    /// Most bonus.
    max_bonus_bps: u16 at 4876;
    /// Bonus of a debt that its collateral does not cover.
    bad_debt_bonus_bps: u16 at 4878;
    /// Time to repay before deleveraging.
    margin_call_seconds: u64 at 4880;
    /// How fast the threshold falls while deleveraging, 1/10,000 a day.
    threshold_decrease_bps_per_day: u64 at 4888;
    /// Fee of a flash loan, 60 fraction bits; u64::MAX switches them off.
    flash_fee: u64 at 4904;
    /// How much a debt counts, percent.
    borrow_factor_percent: u64 at 5008;
    /// Most deposits.
    deposit_limit: u64 at 5016;
    /// Most debt.
    borrow_limit: u64 at 5024;
    /// Lowest plausible price.
    heuristic_lower: u64 at 5064;
    /// Highest plausible price.
    heuristic_upper: u64 at 5072;
    /// Decimal places of the plausible prices.
    heuristic_exponent: u64 at 5080;
    /// Most distance between price and average, 0 for no check.
    max_twap_divergence_bps: u64 at 5088;
    /// Age up to which a price may be used.
    max_age_seconds: u64 at 5096;
    /// Age up to which an average may be used.
    max_twap_age_seconds: u64 at 5104;
    /// Scope's table, zeros for none.
    scope_feed: key at 5112;
    /// Switchboard's feed, zeros for none.
    switchboard_feed: key at 5160;
    /// Switchboard's feed of the average, zeros for none.
    switchboard_twap: key at 5192;
    /// Pyth's account, zeros for none.
    pyth_feed: key at 5224;
    /// Whether the price may not be used.
    price_blocked: u8 at 5256;
    /// Whether deleveraging is on.
    deleveraging: u8 at 5502;
    /// How fast the bonus grows while deleveraging, 1/10,000 a day.
    bonus_increase_bps_per_day: u64 at 5768;
    /// When every debt is due, 0 for never.
    maturity: u64 at 5776;
    /// How long a debt may last, 0 for ever.
    term_seconds: u64 at 5784;
    /// Collateral tokens waiting to be withdrawn.
    queued_shares: u64 at 6968;
}
