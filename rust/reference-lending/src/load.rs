//! Who may stand in an instruction: each function checks one account and returns what it says.

use lending_math::state::{InsuranceFund, Market, Oracle, Position, Reserve};
use lending_math::{interest, Error, Pubkey};

use crate::input::Account;
use crate::syscalls::Seed;
use crate::token;

/// Demands the account's signature.
pub fn signer(account: &Account<'_>) -> Result<(), Error> {
    if account.is_signer() {
        Ok(())
    } else {
        Err(Error::MissingSigner)
    }
}

/// Demands the signature of exactly this key.
pub fn signed_by(account: &Account<'_>, key: &Pubkey) -> Result<(), Error> {
    if account.key() != key {
        return Err(Error::InvalidOwner);
    }
    signer(account)
}

/// Demands that the instruction may change the account.
pub fn writable(account: &Account<'_>) -> Result<(), Error> {
    if account.is_writable() {
        Ok(())
    } else {
        Err(Error::InvalidAccount)
    }
}

/// Demands this address; the refusal otherwise is `error`.
pub fn at(account: &Account<'_>, key: &Pubkey, error: Error) -> Result<(), Error> {
    if account.key() == key {
        Ok(())
    } else {
        Err(error)
    }
}

fn owned(account: &Account<'_>, program: &Pubkey) -> Result<(), Error> {
    if account.owner() == *program {
        Ok(())
    } else {
        Err(Error::InvalidOwner)
    }
}

/// Reads a market.
#[inline(never)]
pub fn market(program: &Pubkey, account: &Account<'_>) -> Result<Market, Error> {
    owned(account, program)?;
    account.read(Market::decode)
}

/// Reads a market that `owner` owns and signs for.
pub fn market_of(
    program: &Pubkey,
    account: &Account<'_>,
    owner: &Account<'_>,
) -> Result<Market, Error> {
    let market = market(program, account)?;
    signed_by(owner, &market.owner)?;
    Ok(market)
}

/// Reads a reserve of a market.
#[inline(never)]
pub fn reserve(program: &Pubkey, market: &Pubkey, account: &Account<'_>) -> Result<Reserve, Error> {
    let reserve = any_reserve(program, account)?;
    if reserve.market == *market {
        Ok(reserve)
    } else {
        Err(Error::InvalidAccount)
    }
}

/// Reads a reserve of any market.
#[inline(never)]
pub fn any_reserve(program: &Pubkey, account: &Account<'_>) -> Result<Reserve, Error> {
    owned(account, program)?;
    account.read(Reserve::decode)
}

/// Reads a reserve that will be changed, and its vault that will be paid into or out of.
pub fn reserve_and_vault(
    program: &Pubkey,
    market: &Pubkey,
    account: &Account<'_>,
    vault: &Account<'_>,
) -> Result<Reserve, Error> {
    writable(account)?;
    let reserve = reserve(program, market, account)?;
    at(vault, &reserve.vault, Error::InvalidAddress)?;
    writable(vault)?;
    Ok(reserve)
}

/// Reads a reserve's oracle.
#[inline(never)]
pub fn oracle(program: &Pubkey, reserve: &Reserve, account: &Account<'_>) -> Result<Oracle, Error> {
    at(account, &reserve.oracle, Error::InvalidAccount)?;
    any_oracle(program, &reserve.mint, account)
}

/// Reads an oracle of a mint.
pub fn any_oracle(program: &Pubkey, mint: &Pubkey, account: &Account<'_>) -> Result<Oracle, Error> {
    owned(account, program)?;
    let oracle = account.read(Oracle::decode)?;
    if oracle.mint == *mint {
        Ok(oracle)
    } else {
        Err(Error::InvalidMint)
    }
}

/// Reads an oracle that `authority` signs for.
pub fn oracle_of(
    program: &Pubkey,
    account: &Account<'_>,
    authority: &Account<'_>,
) -> Result<Oracle, Error> {
    owned(account, program)?;
    let oracle = account.read(Oracle::decode)?;
    signed_by(authority, &oracle.authority)?;
    Ok(oracle)
}

/// Reads a position of a market that will be changed.
#[inline(never)]
pub fn position(
    program: &Pubkey,
    market: &Pubkey,
    account: &Account<'_>,
) -> Result<Position, Error> {
    let position = any_position(program, account)?;
    if position.market == *market {
        Ok(position)
    } else {
        Err(Error::InvalidAccount)
    }
}

/// Reads a position of any market that will be changed.
#[inline(never)]
pub fn any_position(program: &Pubkey, account: &Account<'_>) -> Result<Position, Error> {
    writable(account)?;
    owned(account, program)?;
    account.read(Position::decode)
}

/// Reads an insurance fund, whatever it covers.
#[inline(never)]
pub fn any_fund(program: &Pubkey, account: &Account<'_>) -> Result<InsuranceFund, Error> {
    owned(account, program)?;
    account.read(InsuranceFund::decode)
}

/// Reads a mint's insurance fund that covers this market.
#[inline(never)]
pub fn fund(
    program: &Pubkey,
    market: &Pubkey,
    mint: &Pubkey,
    account: &Account<'_>,
) -> Result<InsuranceFund, Error> {
    let fund = any_fund(program, account)?;
    if fund.mint != *mint {
        return Err(Error::InvalidMint);
    }
    if fund.market != *market {
        return Err(Error::InvalidAccount);
    }
    Ok(fund)
}

/// Checks a fund's vault, which will be paid into or out of.
pub fn fund_vault(fund: &InsuranceFund, account: &Account<'_>) -> Result<(), Error> {
    at(account, &fund.vault, Error::InvalidAddress)?;
    writable(account)
}

/// Checks somebody's token account of a mint, which is not the vault it will be paid from or into.
pub fn token_account(
    account: &Account<'_>,
    mint: &Pubkey,
    vault: &Account<'_>,
) -> Result<(), Error> {
    writable(account)?;
    if account.key() == vault.key() {
        return Err(Error::InvalidAccount);
    }
    token::check(account, mint)
}

/// Brings a reserve's index up to `now`.
pub fn accrue(reserve: &mut Reserve, now: u64) -> Result<(), Error> {
    reserve.borrow_index = interest::index_at(reserve, now)?;
    reserve.accrued_slot = reserve.accrued_slot.max(now);
    Ok(())
}

/// What a market signs with: the bytes of its address's seeds that have to live somewhere.
pub struct MarketSigner {
    creator: Pubkey,
    id: [u8; 8],
    bump: [u8; 1],
}

impl MarketSigner {
    /// Returns the signer of a market.
    #[must_use]
    pub fn new(market: &Market) -> MarketSigner {
        MarketSigner {
            creator: market.creator,
            id: market.id.to_le_bytes(),
            bump: [market.bump],
        }
    }

    /// Returns the seeds `["market", creator, id, bump]`.
    #[must_use]
    pub fn seeds(&self) -> [Seed; 4] {
        [
            Seed::new(b"market"),
            Seed::new(&self.creator),
            Seed::new(&self.id),
            Seed::new(&self.bump),
        ]
    }
}
