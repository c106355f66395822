//! Referrers: their part of the interest, told apart when a position that they referred is refreshed.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::protocols::kamino::bytes::{put, u128_at};
use crate::protocols::kamino::interest::compound;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, REFERRAL_SLOTS, REFERRER_MINT};

const DISCRIMINATOR: [u8; 8] = [0x27, 0x0f, 0xd0, 0x4d, 0x20, 0xc3, 0x69, 0x38];
/// Length of the account.
pub const LENGTH: usize = 360;

/// A referrer's fees in one reserve.
#[derive(Clone, Debug)]
pub struct TokenState<'a> {
    bytes: &'a [u8],
    /// Where it is.
    pub address: Pubkey,
    /// The reserve it belongs to.
    pub reserve: Pubkey,
    /// Not yet taken.
    pub unclaimed: Fraction,
    /// Ever.
    pub cumulative: Fraction,
}

impl<'a> TokenState<'a> {
    /// Returns the state; `None` for bytes that are none.
    #[must_use]
    pub fn decode(address: Pubkey, reserve: Pubkey, bytes: &'a [u8]) -> Option<TokenState<'a>> {
        if bytes.len() != LENGTH || !bytes.starts_with(&DISCRIMINATOR) {
            return None;
        }
        Some(TokenState {
            bytes,
            address,
            reserve,
            unclaimed: Fraction(u128_at(bytes, 72)),
            cumulative: Fraction(u128_at(bytes, 88)),
        })
    }

    /// Returns the account's bytes with everything that moved.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut data = self.bytes.to_vec();
        put(&mut data, 72, &self.unclaimed.0.to_le_bytes());
        put(&mut data, 88, &self.cumulative.0.to_le_bytes());
        data
    }
}

/// The states that a refresh is given, one for each debt, taken in their order.
#[derive(Clone, Debug, Default)]
pub struct Referrals<'a> {
    /// In the order of the debts.
    pub states: Vec<TokenState<'a>>,
    taken: usize,
}

impl<'a> Referrals<'a> {
    /// Returns these states, none taken yet.
    #[must_use]
    pub fn new(states: Vec<TokenState<'a>>) -> Referrals<'a> {
        Referrals { states, taken: 0 }
    }

    /// Takes the next state, which has to be this reserve's; `None` without a referrer, or in a market that pays none.
    ///
    /// The program takes one only for a reserve with a referral rate, so one without puts the following ones off by one.
    fn next(&mut self, reserve: &Pubkey) -> Result<Option<&mut TokenState<'a>>, Stop> {
        if self.states.is_empty() {
            return Ok(None);
        }
        let state = self
            .states
            .get_mut(self.taken)
            .filter(|it| it.reserve == *reserve);
        self.taken += 1;
        state.map(Some).ok_or(REFERRER_MINT)
    }
}

/// Books the referrer's share of the variable interest of one debt over `slots`, at most what is pending in the reserve;
/// without a referrer it is the protocol's.
///
/// A debt that rose by less than the fixed rate is an error, whoever referred it.
pub fn accrue(
    reserve: &mut Reserve,
    states: &mut Referrals,
    before: Fraction,
    after: Fraction,
    slots: u64,
) -> Result<(), Stop> {
    let rise = after.minus(before)?;
    if reserve.referral_rate == Fraction::ZERO {
        return Ok(());
    }
    let growth = compound(Fraction::bps(reserve.fixed_rate_bps()), slots)?;
    let fixed = before.by(growth)?.minus(before)?;
    if rise < fixed {
        return Err(REFERRAL_SLOTS);
    }
    let fee = rise
        .minus(fixed)?
        .by(reserve.referral_rate)?
        .min(reserve.pending_referrer_fees);
    reserve.pending_referrer_fees = reserve.pending_referrer_fees.minus(fee)?;
    match states.next(&reserve.address)? {
        Some(state) => {
            reserve.referrer_fees = reserve.referrer_fees.plus(fee)?;
            state.unclaimed = state.unclaimed.plus(fee)?;
            state.cumulative = state.cumulative.plus(fee)?;
        }
        None => reserve.protocol_fees = reserve.protocol_fees.plus(fee)?,
    }
    Ok(())
}
