//! Shocked prices: what a mantissa becomes, and which shocks are refused.

use crate::book::generic::market::Market;
use crate::CoreError;

const TOO_HIGH: f64 = 9_223_372_036_854_775_808.0; // 2^63

/// Returns `floor(mantissa · (1 + shock))` as IEEE doubles compute it: the sum rounded, the product rounded, then floored.
///
/// That is `floor(mantissa * (1 + shock))` in plain Python or numpy, bit for bit. A shock of 0 leaves the mantissa as it is,
/// however large; at −1 the price is gone (0), as a missing one. `None` below −1, for NaN, and from 2⁶³ on.
///
/// ```
/// # use liquidation_core::scenario::shock::shocked;
/// assert_eq!(shocked(100_000_000, -0.3), Some(70_000_000));
/// assert_eq!(shocked(7, -0.5), Some(3));
/// assert_eq!(shocked(7, -1.0), Some(0));
/// assert_eq!(shocked(7, -1.1), None);
/// ```
#[must_use]
pub fn shocked(mantissa: u64, shock: f64) -> Option<u64> {
    if shock == 0.0 {
        return Some(mantissa);
    }
    let price = (mantissa as f64 * (1.0 + shock)).floor();
    (shock >= -1.0 && price < TOO_HIGH).then_some(price as u64)
}

/// Prices of many scenarios, one row of a market's assets each.
#[derive(Clone, Debug)]
pub struct Prices {
    mantissas: Vec<u64>,
    assets: usize,
}

impl Prices {
    /// Returns a market's prices under shocks, `assets` to a row; a shock that gives no price is named.
    pub fn shocked(market: &Market, shocks: &[f64]) -> Result<Prices, CoreError> {
        let today = market.mantissas();
        let assets = today.len();
        let mut mantissas = Vec::with_capacity(shocks.len());
        for (scenario, row) in shocks.chunks_exact(assets).enumerate() {
            for (asset, (mantissa, shock)) in today.iter().zip(row).enumerate() {
                let Some(price) = shocked(*mantissa, *shock) else {
                    let name = &market.assets()[asset].name;
                    return Err(CoreError::Argument(format!(
                        "found shock {shock} for asset '{name}' in scenario {scenario}, \
                         expected at least -1 and a price of {mantissa} * (1 + shock) below 2**63"
                    )));
                };
                mantissas.push(price);
            }
        }
        Ok(Prices { mantissas, assets })
    }

    /// Returns how many scenarios there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mantissas.len() / self.assets
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mantissas.is_empty()
    }

    /// Returns one scenario's prices by asset.
    #[must_use]
    pub fn of(&self, scenario: usize) -> &[u64] {
        &self.mantissas[scenario * self.assets..][..self.assets]
    }
}

#[cfg(test)]
mod tests {
    use super::shocked;

    #[test]
    fn the_edges_of_what_a_price_may_become() {
        let top = i64::MAX as u64;
        assert_eq!(shocked(top, 0.0), Some(top));
        assert_eq!(shocked(top, -0.0), Some(top));
        assert_eq!(shocked(top, 1e-9), None);
        assert_eq!(shocked(1 << 62, 1.0), None);
        assert_eq!(shocked((1 << 62) - 1024, 1.0), Some((1 << 63) - 2048));
        assert_eq!(shocked(0, 1e300), Some(0));
        for none in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0 - f64::EPSILON,
        ] {
            assert_eq!((shocked(0, none), shocked(5, none)), (None, None), "{none}");
        }
    }

    #[test]
    fn the_sum_and_the_product_are_rounded_before_the_floor() {
        // -0.1 is a little below a tenth: the exact product would be floored to 89,999,999
        assert_eq!(shocked(100_000_000, -0.1), Some(90_000_000));
        assert_eq!(shocked(3, -1.0 / 3.0), Some(2));
        assert_eq!(shocked(1, -1e-17), Some(1)); // 1 + shock is 1
    }
}
