//! The accounts that `liquidate` names, read and refused in the program's own order.

use std::collections::BTreeSet;

use lending_math::state::{InsuranceFund, Market, Oracle, Position, Reserve};
use lending_math::{Error, Pubkey};

use crate::address::{find_program_address, from_base58};
use crate::protocols::adapter::{Account, Accounts, Unanswered};
use crate::CoreError;

const SOL_MINT: &str = "So11111111111111111111111111111111111111112";

/// Why an execution does not come to its end.
pub enum Stop {
    /// The program refuses.
    Refused(Error),
    /// A program that it calls fails with this code.
    Failed(i64),
    /// The question cannot be answered.
    Unanswered(Unanswered),
}

impl From<Error> for Stop {
    fn from(refusal: Error) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<Unanswered> for Stop {
    fn from(unanswered: Unanswered) -> Stop {
        Stop::Unanswered(unanswered)
    }
}

impl From<Stop> for Unanswered {
    fn from(stop: Stop) -> Unanswered {
        match stop {
            Stop::Unanswered(unanswered) => unanswered,
            Stop::Refused(refusal) => CoreError::Refused(refusal).into(),
            Stop::Failed(code) => {
                CoreError::Argument(format!("found accounts that fail with {code}")).into()
            }
        }
    }
}

/// Reads accounts of one program, and remembers which were not given.
pub struct Reader<'a> {
    accounts: &'a Accounts<'a>,
    program: Pubkey,
}

impl<'a> Reader<'a> {
    /// Returns the reader of the program that owns the position.
    pub fn new(accounts: &'a Accounts<'a>, position: &Pubkey) -> Result<Reader<'a>, Unanswered> {
        let program = given(accounts, position)?.owner;
        Ok(Reader { accounts, program })
    }

    /// Returns the account, or that it is missing.
    pub fn given(&self, address: &Pubkey) -> Result<&'a Account<'a>, Unanswered> {
        given(self.accounts, address)
    }

    /// Returns the account's bytes if it was given.
    pub fn optional(&self, address: &Pubkey) -> Option<&'a Account<'a>> {
        self.accounts.get(address)
    }

    /// Demands that all of these were given, so that one answer names all that are missing.
    pub fn demand(&self, addresses: impl Iterator<Item = Pubkey>) -> Result<(), Unanswered> {
        let missing: BTreeSet<_> = addresses
            .filter(|address| !self.accounts.contains_key(address))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Unanswered::Missing(missing))
        }
    }

    /// Reads a market.
    pub fn market(&self, address: &Pubkey) -> Result<Market, Stop> {
        self.read(address, Market::decode)
    }

    /// Reads a position.
    pub fn position(&self, address: &Pubkey) -> Result<Position, Stop> {
        self.read(address, Position::decode)
    }

    /// Reads a reserve of a market.
    pub fn reserve_of(&self, market: &Pubkey, address: &Pubkey) -> Result<Reserve, Stop> {
        let reserve = self.reserve(address)?;
        if reserve.market == *market {
            Ok(reserve)
        } else {
            Err(Error::InvalidAccount.into())
        }
    }

    /// Reads a reserve of any market.
    pub fn reserve(&self, address: &Pubkey) -> Result<Reserve, Stop> {
        self.read(address, Reserve::decode)
    }

    /// Reads a reserve's oracle; another mint's is `InvalidMint`.
    pub fn oracle(&self, reserve: &Reserve) -> Result<Oracle, Stop> {
        let oracle = self.read(&reserve.oracle, Oracle::decode)?;
        if oracle.mint == reserve.mint {
            Ok(oracle)
        } else {
            Err(Error::InvalidMint.into())
        }
    }

    /// Reads a mint's insurance fund that covers `market`.
    pub fn fund(&self, mint: &Pubkey, market: &Pubkey) -> Result<InsuranceFund, Stop> {
        let fund = self.read(&self.fund_address(mint), InsuranceFund::decode)?;
        match fund {
            fund if fund.mint != *mint => Err(Error::InvalidMint.into()),
            fund if fund.market != *market => Err(Error::InvalidAccount.into()),
            fund => Ok(fund),
        }
    }

    /// Returns the address of a mint's insurance fund: `["insurance_fund"]` for SOL, `["insurance_fund", mint]` otherwise.
    pub fn fund_address(&self, mint: &Pubkey) -> Pubkey {
        let seeds: &[&[u8]] = if from_base58(SOL_MINT) == Ok(*mint) {
            &[b"insurance_fund"]
        } else {
            &[b"insurance_fund", mint]
        };
        find_program_address(seeds, &self.program).0
    }

    fn read<T>(
        &self,
        address: &Pubkey,
        decode: impl Fn(&[u8]) -> Result<T, Error>,
    ) -> Result<T, Stop> {
        let account = self.given(address)?;
        if account.owner == self.program {
            Ok(decode(account.data)?)
        } else {
            Err(Error::InvalidOwner.into())
        }
    }
}

fn given<'a>(accounts: &'a Accounts<'a>, address: &Pubkey) -> Result<&'a Account<'a>, Unanswered> {
    accounts
        .get(address)
        .ok_or_else(|| Unanswered::Missing(BTreeSet::from([*address])))
}
