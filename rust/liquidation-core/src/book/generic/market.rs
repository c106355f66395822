//! The assets of a generic market, their prices and weights, and the factors that follow from them.

use super::rule::{power, Factor, Factors};
use crate::CoreError;

/// Assets that 16-bit slots can name: two slots each, and two more that the order keeps for itself.
pub const MOST_ASSETS: usize = 32_767;
/// The weight that an asset has on both sides until it is given one.
pub const FULL_WEIGHT_BPS: u32 = 10_000;

/// An asset as the market describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its name, unique in the market.
    pub name: String,
    /// Digits of its smallest unit.
    pub decimals: u8,
    /// Power of ten that its price's mantissa is multiplied by, usually negative.
    pub exponent: i8,
}

/// Prices and weights; without a price (mantissa 0) an asset is worth nothing on either side.
#[derive(Clone, Debug)]
pub struct Market {
    assets: Vec<Asset>,
    mantissas: Vec<u64>,
    weights: [Vec<u32>; 2],
    factors: Factors,
}

impl Market {
    /// Returns a market without prices, every weight 10,000 basis points.
    pub fn new(assets: Vec<Asset>) -> Result<Market, CoreError> {
        if assets.is_empty() || assets.len() > MOST_ASSETS {
            let message = format!("found {} assets, expected 1 to {MOST_ASSETS}", assets.len());
            return Err(CoreError::Argument(message));
        }
        if let Some(asset) = assets
            .iter()
            .find(|asset| asset.name.len() > usize::from(u8::MAX))
        {
            let message = format!(
                "found an asset's name of {} bytes, expected at most 255",
                asset.name.len()
            );
            return Err(CoreError::Argument(message));
        }
        let mut names: Vec<_> = assets.iter().map(|asset| asset.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(CoreError::Argument(format!(
                "found asset '{}' twice, expected each once",
                pair[0]
            )));
        }
        let powers: Vec<_> = assets
            .iter()
            .map(|asset| power(asset.decimals, asset.exponent))
            .collect();
        let factors = Factors::new(&powers);
        let (mantissas, weights) = (vec![0; assets.len()], vec![FULL_WEIGHT_BPS; assets.len()]);
        Ok(Market {
            assets,
            mantissas,
            weights: [weights.clone(), weights],
            factors,
        })
    }

    /// Returns the assets in the order of their slots.
    #[must_use]
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// Returns what one smallest unit weighs, by slot.
    #[must_use]
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// Returns the last prices, 0 where there was none.
    #[must_use]
    pub fn mantissas(&self) -> &[u64] {
        &self.mantissas
    }

    /// Returns the weights of collateral and of debt, in basis points.
    #[must_use]
    pub fn weights(&self) -> &[Vec<u32>; 2] {
        &self.weights
    }

    /// Returns the factors of one asset at another price: collateral, debt.
    #[must_use]
    pub fn factors_at(&self, asset: usize, mantissa: u64) -> [Factor; 2] {
        [0, 1].map(|side| {
            self.factors
                .of((2 * asset + side) as u16)
                .at(mantissa, self.weights[side][asset])
        })
    }

    /// Takes new prices and adds the assets whose price changed to `changed`.
    pub fn price(&mut self, mantissas: &[i64], changed: &mut Vec<usize>) -> Result<(), CoreError> {
        self.has_one_per_asset("prices", mantissas.len())?;
        if mantissas.iter().fold(0, |signs, mantissa| signs | mantissa) < 0 {
            let (asset, found) = (0..)
                .zip(mantissas)
                .find(|(_, mantissa)| **mantissa < 0)
                .unwrap_or((0, &0));
            let name = &self.assets[asset].name;
            return Err(CoreError::Argument(format!(
                "found price {found} for asset '{name}', expected 0 (no price) or more"
            )));
        }
        for (asset, mantissa) in mantissas.iter().enumerate() {
            let mantissa = mantissa.unsigned_abs();
            if self.mantissas[asset] != mantissa {
                self.mantissas[asset] = mantissa;
                self.refresh(asset);
                changed.push(asset);
            }
        }
        Ok(())
    }

    /// Takes new weights and adds the assets whose weights changed to `changed`.
    pub fn weigh(
        &mut self,
        collateral: &[u32],
        debt: &[u32],
        changed: &mut Vec<usize>,
    ) -> Result<(), CoreError> {
        self.has_one_per_asset("collateral_bps", collateral.len())?;
        self.has_one_per_asset("debt_bps", debt.len())?;
        for asset in 0..self.assets.len() {
            let weights = [collateral[asset], debt[asset]];
            if weights != [0, 1].map(|side| self.weights[side][asset]) {
                (self.weights[0][asset], self.weights[1][asset]) = (weights[0], weights[1]);
                self.refresh(asset);
                changed.push(asset);
            }
        }
        Ok(())
    }

    fn refresh(&mut self, asset: usize) {
        let factors = self.factors_at(asset, self.mantissas[asset]);
        self.factors.set(asset, factors);
    }

    fn has_one_per_asset(&self, what: &str, found: usize) -> Result<(), CoreError> {
        let expected = self.assets.len();
        if found == expected {
            return Ok(());
        }
        Err(CoreError::Argument(format!(
            "found {found} {what}, expected {expected}: one per asset"
        )))
    }
}
