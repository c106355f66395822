//! What the program does with exactly these accounts: refresh every reserve, refresh the position, liquidate.

use std::collections::{BTreeMap, BTreeSet};

use lending_math::Pubkey;

use crate::address::to_base58;
use crate::protocols::adapter::{Account, Accounts, Clock, Prediction, Ratio, Request, Unanswered};
use crate::protocols::kamino::addresses::{referrer_state, PROGRAM};
use crate::protocols::kamino::interest;
use crate::protocols::kamino::liquidate::{liquidate, Liquidation, Order};
use crate::protocols::kamino::market::{self, Market};
use crate::protocols::kamino::obligation::{self, Obligation};
use crate::protocols::kamino::price;
use crate::protocols::kamino::referral::{self, Referrals, TokenState};
use crate::protocols::kamino::refresh::{refresh, Held};
use crate::protocols::kamino::reserve::{self, Reserve};
use crate::protocols::kamino::stop::{Stop, EMERGENCY};
use crate::protocols::kamino::version::Version;
use crate::CoreError;

/// Anchor's answer to an instruction that the program does not have.
const NO_SUCH_INSTRUCTION: i64 = 101;

/// Returns what the program will do.
pub fn predict(
    accounts: &Accounts,
    clock: Clock,
    request: &Request,
) -> Result<Prediction, Unanswered> {
    let version = Version::parse(request.version.as_deref())?;
    let order = Order {
        debt: request.debt_reserve,
        collateral: request.collateral_reserve,
        amount: request.amount,
        min_received: request.min_received,
    };
    let mut held = load(
        accounts,
        clock,
        &request.position,
        &[order.collateral, order.debt],
        version,
    )?;
    if !version.knows(request.instruction.as_deref())? {
        return Ok(Prediction::failed(NO_SUCH_INSTRUCTION));
    }
    let done =
        freshen(&mut held, accounts, clock).and_then(|()| liquidate(&mut held, &order, clock));
    match done {
        Ok(done) => Ok(succeeded(&held, &request.position, &done, accounts)),
        Err(Stop::Unknown(what)) => Err(unknown(what)),
        Err(stop) => Ok(Prediction::failed(stop.code())),
    }
}

/// Refuses to guess: no binary and no published rule says what the program does.
fn unknown(what: &str) -> Unanswered {
    Unanswered::Wrong(CoreError::Argument(format!(
        "found {what}, whose arithmetic is not known: expected a liquidation by price, deleveraging or maturity"
    )))
}

/// Reads a position with everything it touches; names at once every account that is missing.
pub fn load<'a>(
    accounts: &Accounts<'a>,
    clock: Clock,
    address: &Pubkey,
    asked: &[Pubkey],
    version: Version,
) -> Result<Held<'a>, Unanswered> {
    let missing = |key: &Pubkey| Unanswered::Missing(BTreeSet::from([*key]));
    let data = accounts.get(address).ok_or_else(|| missing(address))?;
    let position = owned(data).and_then(Obligation::decode);
    let position =
        position.ok_or_else(|| malformed(address, "obligation", data, obligation::LENGTH))?;
    let keys = in_order(&position, asked);
    let mut absent: BTreeSet<Pubkey> = keys
        .iter()
        .filter(|key| !accounts.contains_key(*key))
        .copied()
        .collect();
    let market_key = position.market();
    let Some(data) = accounts.get(&market_key) else {
        absent.insert(market_key);
        return Err(Unanswered::Missing(absent));
    };
    let market = owned(data).and_then(Market::decode);
    let market =
        market.ok_or_else(|| malformed(&market_key, "lending market", data, market::LENGTH))?;
    let mut reserves = Vec::with_capacity(keys.len());
    for key in &keys {
        let Some(data) = accounts.get(key) else {
            continue;
        };
        let reserve = owned(data).and_then(|bytes| Reserve::decode(*key, bytes));
        let reserve = reserve.ok_or_else(|| malformed(key, "reserve", data, reserve::LENGTH))?;
        if price::reads_oracle(&reserve, &market, clock) {
            absent.extend(
                price::feeds(&reserve)
                    .into_iter()
                    .filter(|feed| !accounts.contains_key(feed)),
            );
        }
        reserves.push(reserve);
    }
    let referrals = referrals(accounts, &market, &position, &mut absent)?;
    if !absent.is_empty() {
        return Err(Unanswered::Missing(absent));
    }
    Ok(Held {
        market,
        position,
        reserves,
        referrals,
        version,
    })
}

/// Brings every reserve and the position up to date, in the order of the transaction.
pub fn freshen(held: &mut Held, accounts: &Accounts, clock: Clock) -> Result<(), Stop> {
    if held.market.emergency() {
        return Err(EMERGENCY);
    }
    let (market, version) = (held.market, held.version);
    for reserve in &mut held.reserves {
        refresh_reserve(reserve, &market, accounts, clock, version)?;
    }
    refresh(held, clock)
}

/// Brings one reserve up to date.
pub fn refresh_reserve(
    reserve: &mut Reserve,
    market: &Market,
    accounts: &Accounts,
    clock: Clock,
    version: Version,
) -> Result<(), Stop> {
    interest::accrue(reserve, clock.slot, market.referral_fee_bps())?;
    price::refresh(reserve, market, accounts, clock, version)?;
    reserve.mark_deposits(clock, version)?;
    reserve.mark_borrows(clock, version);
    reserve.slot = clock.slot;
    reserve.stale = false;
    reserve.mark_refreshed(version);
    Ok(())
}

/// The position's other reserves first, then those of the legs: the first form asks for these directly before the position.
fn in_order(position: &Obligation, last: &[Pubkey]) -> Vec<Pubkey> {
    let mut keys = position.reserves();
    keys.retain(|key| !last.contains(key));
    for key in last {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    keys
}

fn referrals<'a>(
    accounts: &Accounts<'a>,
    market: &Market,
    position: &Obligation,
    absent: &mut BTreeSet<Pubkey>,
) -> Result<Referrals<'a>, Unanswered> {
    let mut found = Vec::new();
    let Some(referrer) = position.referrer() else {
        return Ok(Referrals::default());
    };
    for borrow in position.borrows.iter().filter(|it| it.active()) {
        let key = referrer_state(&referrer, &borrow.reserve).ok_or_else(|| {
            CoreError::Argument("found no address for the referrer's fees".to_owned())
        })?;
        let Some(data) = accounts.get(&key) else {
            absent.insert(key);
            continue;
        };
        let state = owned(data).and_then(|bytes| TokenState::decode(key, borrow.reserve, bytes));
        found.push(
            state.ok_or_else(|| malformed(&key, "referrer token state", data, referral::LENGTH))?,
        );
    }
    let paid = market.referral_fee_bps() > 0;
    Ok(Referrals::new(if paid { found } else { Vec::new() }))
}

fn owned<'a>(account: &Account<'a>) -> Option<&'a [u8]> {
    (account.owner == PROGRAM).then_some(account.data)
}

fn malformed(address: &Pubkey, kind: &'static str, found: &Account, expected: usize) -> Unanswered {
    Unanswered::Wrong(CoreError::Malformed {
        address: to_base58(address),
        kind,
        found: found.data.len(),
        expected,
    })
}

fn succeeded(
    held: &Held,
    position: &Pubkey,
    done: &Liquidation,
    accounts: &Accounts,
) -> Prediction {
    let mut after: BTreeMap<Pubkey, Vec<u8>> =
        BTreeMap::from([(*position, held.position.encode())]);
    after.extend(held.reserves.iter().map(|it| (it.address, it.encode())));
    after.extend(
        held.referrals
            .states
            .iter()
            .map(|it| (it.address, it.encode())),
    );
    after.retain(|key, data| accounts.get(key).is_none_or(|before| before.data != data));
    Prediction {
        repaid: done.amounts.repaid,
        debt_relieved: None,
        seized: done.redeemed.tokens - done.redeemed.fee,
        seized_shares: done.amounts.shares - done.redeemed.shares,
        protocol_fee: done.redeemed.fee,
        bonus: Ratio {
            numerator: done.bonus.0,
            denominator: 1 << 60,
        },
        error: None,
        accounts_after: after,
    }
}
