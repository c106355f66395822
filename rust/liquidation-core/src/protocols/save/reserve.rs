//! A reserve's account: one asset of a market, its price, debt index, collateral token and parameters.

use lending_math::Pubkey;

use super::fault::{Outcome, BROKEN, INSUFFICIENT_LIQUIDITY, MATH_OVERFLOW};
use super::layout::{Reader, Writer};
use crate::fixed::wad::{Decimal, Rate, Reciprocal};

/// Bytes of the account.
pub const RESERVE_LENGTH: usize = 619;
/// Most that the protocol may take of a liquidation, 10⁻³.
const MOST_PROTOCOL_FEE: u8 = 50;
/// Most that a price may be scaled up or down, basis points.
const MOST_OFFSET_BPS: i64 = 2_000;

/// Reciprocals of the powers of ten that fit 64 bits.
pub(super) const DIGITS: [Reciprocal; 20] = {
    let (mut table, mut digits) = ([Reciprocal::of(1); 20], 0);
    while digits < 20 {
        table[digits] = Reciprocal::of(10u64.pow(digits as u32));
        digits += 1;
    }
    table
};

/// A reserve as the program unpacks it: limits that older versions left at zero are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Slot of the last accrual.
    pub slot: u64,
    /// Whether something changed since.
    pub stale: bool,
    /// Its market.
    pub market: Pubkey,
    /// Mint of the liquidity.
    pub mint: Pubkey,
    /// Digits of its smallest unit.
    pub decimals: u8,
    /// Token account of the liquidity.
    pub supply: Pubkey,
    /// First oracle.
    pub main_oracle: Pubkey,
    /// Oracle that is asked when the first fails.
    pub second_oracle: Pubkey,
    /// Liquidity that is not lent out.
    pub available: u64,
    /// Liquidity that is lent out, with interest.
    pub borrowed: Decimal,
    /// Growth of a debt since the reserve began.
    pub index: Decimal,
    /// Price of one whole token, quote units.
    pub price: Decimal,
    /// Mint of the collateral token.
    pub share_mint: Pubkey,
    /// Collateral tokens in existence.
    pub shares: u64,
    /// Token account of deposited collateral tokens.
    pub share_supply: Pubkey,
    /// Rates and limits.
    pub config: Config,
    /// Fees that the protocol has not taken out yet.
    pub protocol_fees: Decimal,
    /// Smoothed price.
    pub smoothed_price: Decimal,
    /// Price of the extra oracle at the last refresh.
    pub extra_price: Option<Decimal>,
    /// Debt that is attributed to deposits here, quote units.
    pub attributed: Decimal,
}

/// A reserve's parameters; percentages unless the name says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Config {
    pub optimal_utilization: u8,
    pub loan_to_value: u8,
    pub bonus: u8,
    pub threshold: u8,
    pub min_rate: u8,
    pub optimal_rate: u8,
    pub max_rate: u8,
    pub flash_fee_wad: u64,
    pub host_fee: u8,
    pub fee_receiver: Pubkey,
    /// Share of a liquidation that the protocol takes, 10⁻³.
    pub protocol_fee_deca_bps: u8,
    pub take_rate: u8,
    pub added_weight_bps: u64,
    pub isolated: bool,
    pub max_utilization: u8,
    pub super_max_rate: u64,
    pub max_bonus: u8,
    pub max_threshold: u8,
    pub offset_bps: i64,
    pub extra_oracle: Option<Pubkey>,
    /// Quote units.
    pub attributed_open: u64,
    /// Quote units.
    pub attributed_close: u64,
}

impl Reserve {
    /// Returns the account's content, with the program's own checks.
    pub fn decode(data: &[u8]) -> Outcome<Reserve> {
        if data.len() != RESERVE_LENGTH {
            return Err(BROKEN);
        }
        let mut from = Reader(data);
        if from.u8()? != 1 {
            return Err(BROKEN);
        }
        let (slot, stale, market) = (from.u64()?, from.bool()?, from.bytes()?);
        let (mint, decimals, supply) = (from.bytes()?, from.u8()?, from.bytes()?);
        let (main_oracle, second_oracle) = (from.bytes()?, from.bytes()?);
        let (available, borrowed, index) = (from.u64()?, from.decimal()?, from.decimal()?);
        let price = from.decimal()?;
        let (share_mint, shares, share_supply) = (from.bytes()?, from.u64()?, from.bytes()?);
        let [optimal_utilization, loan_to_value, bonus, threshold, min_rate, optimal_rate, max_rate] =
            from.bytes()?;
        from.skip(8)?; // borrow fee
        let (flash_fee_wad, host_fee) = (from.u64()?, from.u8()?);
        from.skip(16)?; // deposit and borrow limits
        let (fee_receiver, [protocol_fee, take_rate]) = (from.bytes()?, from.bytes()?);
        let protocol_fees = from.decimal()?;
        from.skip(56)?; // rate limiter
        let (added_weight_bps, smoothed_price) = (from.u64()?, from.decimal()?);
        let isolated = from.bool()?;
        let (max_utilization, super_max_rate) = (from.u8()?, from.u64()?);
        let [max_bonus, max_threshold] = from.bytes()?;
        let offset_bps = i64::from_le_bytes(from.bytes()?);
        let extra_oracle: Pubkey = from.bytes()?;
        let (extra_known, extra_price) = (from.bool()?, from.decimal()?);
        let attributed = from.decimal()?;
        let limit = |value| if value == 0 { u64::MAX } else { value };
        let (attributed_open, attributed_close) = (limit(from.u64()?), limit(from.u64()?));
        Ok(Reserve {
            slot,
            stale,
            market,
            mint,
            decimals,
            supply,
            main_oracle,
            second_oracle,
            available,
            borrowed,
            index,
            price,
            share_mint,
            shares,
            share_supply,
            config: Config {
                optimal_utilization,
                loan_to_value,
                bonus,
                threshold,
                min_rate,
                optimal_rate,
                max_rate,
                flash_fee_wad,
                host_fee,
                fee_receiver,
                protocol_fee_deca_bps: protocol_fee.min(MOST_PROTOCOL_FEE),
                take_rate,
                added_weight_bps,
                isolated,
                max_utilization: max_utilization.max(optimal_utilization),
                super_max_rate: super_max_rate.max(u64::from(max_rate)),
                max_bonus: max_bonus.max(bonus),
                max_threshold: max_threshold.max(threshold),
                offset_bps,
                extra_oracle: (extra_oracle != [0; 32]).then_some(extra_oracle),
                attributed_open,
                attributed_close,
            },
            protocol_fees,
            smoothed_price,
            extra_price: extra_known.then_some(extra_price),
            attributed,
        })
    }

    /// Writes what the program writes back; what it does not know stays as it was.
    pub fn encode(&self, data: &mut [u8]) -> Outcome<()> {
        let mut to = Writer(data);
        to.skip(1)?;
        to.u64(self.slot)?;
        to.bool(self.stale)?;
        to.skip(161)?; // market, mint, decimals, supply, oracles
        to.u64(self.available)?;
        to.decimal(self.borrowed)?;
        to.decimal(self.index)?;
        to.decimal(self.price)?;
        to.skip(32)?;
        to.u64(self.shares)?;
        to.skip(104)?; // collateral supply, rates, fees, limits, fee receiver
        to.bytes(&[self.config.protocol_fee_deca_bps, self.config.take_rate])?;
        to.decimal(self.protocol_fees)?;
        to.skip(64)?; // rate limiter, borrow weight
        to.decimal(self.smoothed_price)?;
        to.skip(1)?;
        to.bytes(&[self.config.max_utilization])?;
        to.u64(self.config.super_max_rate)?;
        to.bytes(&[self.config.max_bonus, self.config.max_threshold])?;
        to.skip(40)?; // price offset, extra oracle
        to.bool(self.extra_price.is_some())?;
        to.decimal(self.extra_price.unwrap_or(Decimal::ZERO))?;
        to.decimal(self.attributed)?;
        to.u64(self.config.attributed_open)?;
        to.u64(self.config.attributed_close)
    }

    /// Returns whether it must be refreshed before it is used at `slot`.
    pub fn is_stale(&self, slot: u64) -> Outcome<bool> {
        Ok(self.stale || slot.checked_sub(self.slot).ok_or(MATH_OVERFLOW)? >= 1)
    }

    /// Returns the factor that scales the oracle's price.
    #[must_use]
    pub fn price_scale(&self) -> Decimal {
        let offset = self
            .config
            .offset_bps
            .clamp(-MOST_OFFSET_BPS, MOST_OFFSET_BPS);
        Decimal::bps((10_000 + offset).unsigned_abs())
    }

    /// Returns the factor that a debt counts with, 1 or more.
    #[must_use]
    pub fn borrow_weight(&self) -> Decimal {
        let added = Decimal::bps(self.config.added_weight_bps);
        Decimal::ONE.try_add(added).unwrap_or(added) // both are below 2¹²⁵: nothing overflows
    }

    /// Returns the lowest of spot, smoothed and extra price.
    #[must_use]
    pub fn lower_price(&self) -> Decimal {
        let price = self.price.min(self.smoothed_price);
        self.extra_price.map_or(price, |extra| price.min(extra))
    }

    /// Returns the highest of spot, smoothed and extra price.
    #[must_use]
    pub fn upper_price(&self) -> Decimal {
        let price = self.price.max(self.smoothed_price);
        self.extra_price.map_or(price, |extra| price.max(extra))
    }

    /// Returns ⌊⌊price·amount⌋/10^decimals⌋, quote units; amount in smallest units.
    #[inline]
    pub fn value_at(&self, price: Decimal, amount: Decimal) -> Outcome<Decimal> {
        let raw = price.try_mul(amount)?;
        match DIGITS.get(usize::from(self.decimals)) {
            Some(digits) => Ok(raw.div_digits(digits)?),
            None => {
                let unit = 10u128
                    .checked_pow(u32::from(self.decimals))
                    .ok_or(MATH_OVERFLOW)?;
                Ok(raw.try_div(Decimal::whole(unit))?)
            }
        }
    }

    /// Returns ⌊⌊spot·amount⌋/10^decimals⌋, quote units.
    #[inline]
    pub fn value(&self, amount: Decimal) -> Outcome<Decimal> {
        self.value_at(self.price, amount)
    }

    /// Returns all liquidity that belongs to depositors.
    pub fn total_supply(&self) -> Outcome<Decimal> {
        let all = Decimal::from(self.available).try_add(self.borrowed)?;
        Ok(all.try_sub(self.protocol_fees)?)
    }

    /// Returns the collateral tokens for one unit of liquidity; 1 while either is nothing.
    pub fn share_rate(&self) -> Outcome<Rate> {
        let total = self.total_supply()?;
        if self.shares == 0 || total.is_zero() {
            return Ok(Rate::ONE);
        }
        Ok(Rate::of(Decimal::from(self.shares).try_div(total)?)?)
    }

    /// Burns collateral tokens and returns ⌊tokens/rate⌋, which leaves the reserve.
    pub fn redeem(&mut self, shares: u64) -> Outcome<u64> {
        let rate = self.share_rate()?;
        let liquidity = Decimal::from(shares).try_div(rate.into())?.floor()?;
        self.shares = self.shares.checked_sub(shares).ok_or(MATH_OVERFLOW)?;
        self.available = self
            .available
            .checked_sub(liquidity)
            .ok_or(INSUFFICIENT_LIQUIDITY)?;
        Ok(liquidity)
    }
}
