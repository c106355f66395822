//! What collateral tokens are worth: the exchange rate between a reserve's shares and its token, by version.

use crate::fixed::fraction::{Fraction, Overflow};
use crate::fixed::u256::U256;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::version::Version;

/// A reserve's exchange rate at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    shares: u64,
    supply: Fraction,
    version: Version,
}

impl Exchange {
    /// Returns the rate; 1 : 1 where there are no shares or no supply.
    pub fn of(reserve: &Reserve, version: Version) -> Result<Exchange, Overflow> {
        let supply = reserve.total_supply()?;
        let even = reserve.shares == 0 || supply == Fraction::ZERO;
        Ok(Exchange {
            shares: if even { 1 } else { reserve.shares },
            supply: if even { Fraction::ONE } else { supply },
            version,
        })
    }

    /// Returns tokens for shares: shares · supply / shares in existence, rounded down; before 1.11 through a rate that is rounded down itself.
    pub fn tokens(&self, shares: u64) -> Result<Fraction, Overflow> {
        if self.version.exact_exchange() {
            return self
                .supply
                .ratio(U256::from(u128::from(shares)), self.total());
        }
        Fraction::whole(shares).per(self.rate()?)
    }

    /// Returns shares for tokens, a fraction rounded down.
    pub fn shares(&self, tokens: u64) -> Result<Fraction, Overflow> {
        if self.version.exact_exchange() {
            let all = Fraction::whole(self.shares);
            return all.ratio(
                U256::from(Fraction::whole(tokens).0),
                U256::from(self.supply.0),
            );
        }
        self.rate()?.times(u128::from(tokens))
    }

    fn rate(&self) -> Result<Fraction, Overflow> {
        Fraction::whole(self.shares).per(self.supply)
    }

    fn total(&self) -> U256 {
        U256::from(u128::from(self.shares))
    }
}

/// Returns the value of an amount of tokens: amount · price / 10^decimals, rounded down once from 1.16 on, twice before.
pub fn value(reserve: &Reserve, amount: Fraction, version: Version) -> Result<Fraction, Overflow> {
    let places = u32::try_from(reserve.decimals()).map_err(|_| Overflow)?;
    let unit = 10u128.checked_pow(places).ok_or(Overflow)?;
    if version.value_in_one_step() {
        let one = U256::product(unit, Fraction::ONE.0);
        return amount.ratio(U256::from(reserve.price.0), one);
    }
    amount.by(reserve.price)?.over(unit)
}
