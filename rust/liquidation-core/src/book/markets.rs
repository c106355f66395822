//! Many markets: each account goes to the books that it concerns, time goes to all of them.
//!
//! A reserve or a position belongs to one market, an oracle to every market of its program. An account that is gone, or
//! that lies in another market now, is taken out of the book that had it; one that no book had is told to all, so that an
//! older state does not bring it back.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use lending_math::Pubkey;

use super::addresses::ByAddress;
use super::news::{decoded, Home, News};
use super::sealed::Seal;
use super::{Account, Book, Change};
use crate::address::to_base58;
use crate::CoreError;

const SEAL: Seal = Seal {
    magic: b"LIQMANY",
    version: 1,
};

/// A book that others may ask and feed too; every call holds it alone.
pub type SharedBook = Arc<Mutex<Book>>;

/// The books of many markets, by the order in which they were opened.
#[derive(Debug, Default)]
pub struct Markets {
    books: Vec<SharedBook>,
    markets: Vec<(Pubkey, Pubkey)>,
    /// Where reserves and positions were last seen.
    homes: ByAddress<usize>,
}

/// What each book is to take, in the order of the accounts.
type Batches<'a> = Vec<Vec<(Account<'a>, News)>>;

impl Markets {
    /// Opens the book of a program's market and returns its number; it is an error if it is open already.
    pub fn open(&mut self, program: Pubkey, market: Pubkey) -> Result<usize, CoreError> {
        self.add(Book::new(program, market))
    }

    /// Takes a book in and returns its number.
    pub fn add(&mut self, book: Book) -> Result<usize, CoreError> {
        let key = (*book.program(), *book.market());
        if self.markets.contains(&key) {
            let market = to_base58(&key.1);
            let message = format!("found market {market}, expected one that is not open yet");
            return Err(CoreError::Argument(message));
        }
        self.markets.push(key);
        self.books.push(Arc::new(Mutex::new(book)));
        Ok(self.books.len() - 1)
    }

    /// Returns program and market of every book.
    #[must_use]
    pub fn keys(&self) -> &[(Pubkey, Pubkey)] {
        &self.markets
    }

    /// Returns a book.
    #[must_use]
    pub fn book(&self, number: usize) -> Option<&SharedBook> {
        self.books.get(number)
    }

    /// Takes one account's state and returns what that changed in each book that it concerns.
    ///
    /// As [`Book::apply`]: bytes that the program did not write are `Malformed`, and nothing changes.
    pub fn apply(&mut self, account: &Account<'_>) -> Result<Vec<(usize, Change)>, CoreError> {
        let batches = self.sorted(std::slice::from_ref(account))?;
        let concerned = (0..).zip(batches).filter(|(_, batch)| !batch.is_empty());
        concerned
            .map(|(number, batch)| Ok((number, self.locked(number)?.take_all(batch, None))))
            .collect()
    }

    /// Moves every clock and judges whoever time alone may have changed.
    pub fn tick(&mut self, slot: u64, unix_time: u64) -> Result<Vec<(usize, Change)>, CoreError> {
        self.tick_accounts(&[], slot, unix_time)
    }

    /// Moves every clock and takes several accounts' states in one go: each position concerned is judged once.
    ///
    /// If one account is `Malformed` nothing changes in any book.
    pub fn tick_accounts(
        &mut self,
        accounts: &[Account<'_>],
        slot: u64,
        unix_time: u64,
    ) -> Result<Vec<(usize, Change)>, CoreError> {
        let batches = self.sorted(accounts)?;
        let all = (0..).zip(batches);
        all.map(|(number, batch)| {
            let clock = Some((slot, unix_time));
            Ok((number, self.locked(number)?.take_all(batch, clock)))
        })
        .collect()
    }

    /// Returns every position that needs an act, by book and address.
    pub fn liquidatable(&self) -> Result<Vec<(usize, Pubkey)>, CoreError> {
        let mut all = Vec::new();
        for number in 0..self.books.len() {
            let needing = self.locked(number)?.liquidatable();
            all.extend(needing.into_iter().map(|position| (number, position)));
        }
        Ok(all)
    }

    /// Lets the next tick emit a position again if it still needs an act, in whatever book it is.
    pub fn rearm(&self, address: &Pubkey) -> Result<(), CoreError> {
        (0..self.books.len()).try_for_each(|number| {
            self.locked(number)?.rearm(address);
            Ok(())
        })
    }

    /// Returns all books as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CoreError> {
        let mut bytes = SEAL.begin(4096);
        bytes.extend_from_slice(&(self.books.len() as u64).to_le_bytes());
        for number in 0..self.books.len() {
            let book = self.locked(number)?.to_bytes();
            bytes.extend_from_slice(&(book.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&book);
        }
        Ok(SEAL.end(bytes))
    }

    /// Returns the books of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Markets, CoreError> {
        let (mut fields, mut markets) = (SEAL.open(bytes)?, Markets::default());
        for number in 0..fields.u64()? as usize {
            let length = usize::try_from(fields.u64()?).unwrap_or(usize::MAX);
            let book = Book::from_bytes(fields.take(length)?)?;
            let homes = book.homes().map(|address| (*address, number));
            markets.homes.extend(homes);
            markets.add(book)?;
        }
        fields.end()?;
        Ok(markets)
    }

    fn locked(&self, number: usize) -> Result<MutexGuard<'_, Book>, CoreError> {
        self.books[number].lock().map_err(|_| CoreError::Broken)
    }

    /// Reads all accounts, then says which book is to take which.
    fn sorted<'a>(&mut self, accounts: &[Account<'a>]) -> Result<Batches<'a>, CoreError> {
        let programs: HashSet<Pubkey> = self.markets.iter().map(|(program, _)| *program).collect();
        let read = accounts
            .iter()
            .map(|account| decoded(account, |owner| programs.contains(owner)));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        let mut batches: Batches<'a> = vec![Vec::new(); self.books.len()];
        for (account, (home, news)) in accounts.iter().zip(read) {
            if home == Home::Ignored {
                continue;
            }
            let left = self.homes.remove(account.address);
            let targets = self.targets(account, home, left);
            for number in &targets {
                batches[*number].push((*account, news.clone()));
            }
            if let Some(left) = left.filter(|left| !targets.contains(left)) {
                batches[left].push((*account, News::Gone));
            }
            if let (Home::Market(_), Some(number)) = (home, targets.first()) {
                self.homes.insert(*account.address, *number);
            }
        }
        Ok(batches)
    }

    fn targets(&self, account: &Account<'_>, home: Home, left: Option<usize>) -> Vec<usize> {
        let concerned = |(program, market): &(Pubkey, Pubkey)| match home {
            Home::Market(of) => program == account.owner && *market == of,
            Home::Program => program == account.owner,
            Home::Nowhere => left.is_none(),
            Home::Ignored => false,
        };
        let books = self.markets.iter().enumerate();
        let concerned = books.filter(|(_, key)| concerned(key));
        concerned.map(|(number, _)| number).collect()
    }
}
