//! A reserve: one mint of a market, its parameters and its totals.

use super::{begin, open};
use crate::bytes::{get, get_key, get_u16, get_u32, get_u64, get_u8, put};
use crate::{Error, Pubkey, WAD};

/// Discriminator: `sha256("account:Reserve")[..8]`.
pub const RESERVE: [u8; 8] = [43, 242, 204, 202, 26, 247, 59, 127];
/// Length of the account.
pub const RESERVE_LEN: usize = 256;
/// Where the configuration lies in the account.
pub const CONFIG_OFFSET: usize = 144;
/// Length of the configuration, in the account as in instructions.
pub const CONFIG_LEN: usize = 40;

/// A reserve's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Loan-to-value for borrowing.
    pub ltv_bps: u16,
    /// Share of collateral that counts against debt.
    pub liquidation_threshold_bps: u16,
    /// Multiple of debt that must be covered.
    pub borrow_factor_bps: u32,
    /// Least liquidation bonus.
    pub min_bonus_bps: u16,
    /// Highest liquidation bonus.
    pub max_bonus_bps: u16,
    /// Most of a debt leg that one partial liquidation repays.
    pub close_factor_bps: u16,
    /// Share of the bonus that the insurance fund takes.
    pub protocol_fee_bps: u16,
    /// Widest confidence interval, of the price.
    pub max_confidence_bps: u16,
    /// Interest a year, simple between two accruals.
    pub interest_rate_bps: u32,
    /// Oldest price that is believed.
    pub max_oracle_age_slots: u64,
    /// A debt of less value is closed whole.
    pub dust_limit_micro_usd: u64,
}

impl Config {
    /// Reads the 40 bytes of a configuration; the two bytes between fields must be zero.
    pub fn decode(bytes: &[u8]) -> Result<Config, Error> {
        if bytes.len() != CONFIG_LEN || get_u16(bytes, 18)? != 0 {
            return Err(Error::InvalidConfig);
        }
        Ok(Config {
            ltv_bps: get_u16(bytes, 0)?,
            liquidation_threshold_bps: get_u16(bytes, 2)?,
            borrow_factor_bps: get_u32(bytes, 4)?,
            min_bonus_bps: get_u16(bytes, 8)?,
            max_bonus_bps: get_u16(bytes, 10)?,
            close_factor_bps: get_u16(bytes, 12)?,
            protocol_fee_bps: get_u16(bytes, 14)?,
            max_confidence_bps: get_u16(bytes, 16)?,
            interest_rate_bps: get_u32(bytes, 20)?,
            max_oracle_age_slots: get_u64(bytes, 24)?,
            dust_limit_micro_usd: get_u64(bytes, 32)?,
        })
    }

    /// Writes the 40 bytes.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.len() != CONFIG_LEN {
            return Err(Error::InvalidConfig);
        }
        put(bytes, 0, &self.ltv_bps.to_le_bytes())?;
        put(bytes, 2, &self.liquidation_threshold_bps.to_le_bytes())?;
        put(bytes, 4, &self.borrow_factor_bps.to_le_bytes())?;
        put(bytes, 8, &self.min_bonus_bps.to_le_bytes())?;
        put(bytes, 10, &self.max_bonus_bps.to_le_bytes())?;
        put(bytes, 12, &self.close_factor_bps.to_le_bytes())?;
        put(bytes, 14, &self.protocol_fee_bps.to_le_bytes())?;
        put(bytes, 16, &self.max_confidence_bps.to_le_bytes())?;
        put(bytes, 18, &[0, 0])?;
        put(bytes, 20, &self.interest_rate_bps.to_le_bytes())?;
        put(bytes, 24, &self.max_oracle_age_slots.to_le_bytes())?;
        put(bytes, 32, &self.dust_limit_micro_usd.to_le_bytes())
    }
}

/// A reserve of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Bump of the address `["reserve", market, mint]`.
    pub bump: u8,
    /// Of the mint.
    pub decimals: u8,
    /// The market it belongs to.
    pub market: Pubkey,
    /// What is deposited and lent.
    pub mint: Pubkey,
    /// The token account that holds it, owned by the market.
    pub vault: Pubkey,
    /// Prices the mint.
    pub oracle: Pubkey,
    /// The parameters.
    pub config: Config,
    /// Sum of all collateral legs, in tokens.
    pub total_deposits: u64,
    /// Sum of all debt legs, in shares.
    pub total_debt_shares: u64,
    /// Tokens owed per share, times 10¹⁸; never below 10¹⁸.
    pub borrow_index: u128,
    /// Slot of the stored index.
    pub accrued_slot: u64,
    /// Tokens ever written off.
    pub bad_debt_total: u64,
    /// Of these, paid by the insurance fund.
    pub bad_debt_covered: u64,
    /// Liquidations that repaid this reserve.
    pub liquidations: u64,
}

impl Reserve {
    /// Reads an account's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Reserve, Error> {
        let bump = open(bytes, RESERVE_LEN, RESERVE)?;
        let borrow_index = u128::from_le_bytes(get(bytes, 200)?);
        if borrow_index < WAD {
            return Err(Error::InvalidAccount);
        }
        let config = get::<CONFIG_LEN>(bytes, CONFIG_OFFSET)?;
        Ok(Reserve {
            bump,
            decimals: get_u8(bytes, 10)?,
            market: get_key(bytes, 16)?,
            mint: get_key(bytes, 48)?,
            vault: get_key(bytes, 80)?,
            oracle: get_key(bytes, 112)?,
            config: Config::decode(&config).map_err(|_| Error::InvalidAccount)?,
            total_deposits: get_u64(bytes, 184)?,
            total_debt_shares: get_u64(bytes, 192)?,
            borrow_index,
            accrued_slot: get_u64(bytes, 216)?,
            bad_debt_total: get_u64(bytes, 224)?,
            bad_debt_covered: get_u64(bytes, 232)?,
            liquidations: get_u64(bytes, 240)?,
        })
    }

    /// Writes the account's bytes; they must be of its length.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        begin(bytes, RESERVE_LEN, RESERVE, self.bump)?;
        put(bytes, 10, &[self.decimals])?;
        put(bytes, 16, &self.market)?;
        put(bytes, 48, &self.mint)?;
        put(bytes, 80, &self.vault)?;
        put(bytes, 112, &self.oracle)?;
        let mut config = [0; CONFIG_LEN];
        self.config.encode(&mut config)?;
        put(bytes, CONFIG_OFFSET, &config)?;
        put(bytes, 184, &self.total_deposits.to_le_bytes())?;
        put(bytes, 192, &self.total_debt_shares.to_le_bytes())?;
        put(bytes, 200, &self.borrow_index.to_le_bytes())?;
        put(bytes, 216, &self.accrued_slot.to_le_bytes())?;
        put(bytes, 224, &self.bad_debt_total.to_le_bytes())?;
        put(bytes, 232, &self.bad_debt_covered.to_le_bytes())?;
        put(bytes, 240, &self.liquidations.to_le_bytes())
    }
}
