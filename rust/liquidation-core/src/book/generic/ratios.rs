//! Prices against the anchor: what every slot is worth now per unit of what it was worth when the order was laid.
//!
//! The anchor gives each slot `R = mantissa · weight` (the power of ten cancels), the present gives `P`; `r = P/R`.
//! Liquidatable means `C < D` in integers, where each side is its real sum rounded by less than a unit a leg; with
//! at most 32 legs that gives `ΣaP_c < ΣaP_d + 32`, so `C_R · min r_c < D_R · max r_d + 32` and, with `max r_d`
//! taken for at least 2⁻²⁰, `C_R / (D_R + 64·2²⁰) < max r_d / min r_c`: a position whose key, that quotient rounded
//! down, is above [`Ratios::threshold`] is safe. The other way round, a liquidatable position has recovered only if
//! `C_R · max r_c ≥ D_R · min r_d`: see [`Ratios::recovery_threshold`]. A common move of all prices cancels.
//!
//! Slots that need care: one that nobody holds is left out. Collateral with `R = 0` counted for nothing at the anchor, so
//! its ratio is left out and its table entry is 0 (more collateral than the screen sees is the safe side). Debt with
//! `R = 0` and `P > 0` has an infinite ratio and a table entry so large that the band of its blocks covers everything:
//! every holder is checked until the next anchor. A ratio of collateral counts for 8 at most in the table.

use super::lane::PARTS;
use super::round::{down, up, ROOM};
use super::rule::is_debt;
use super::store::Record;
use crate::sabotage::{planted, Fault};

/// Slots that fit the registers of the fast kernel.
pub const PAGE: usize = 128;
/// Units that roundings may hide in a position: twice its legs.
pub const HIDDEN_UNITS: f64 = 64.0;
/// What is added to the debt in a key: the hidden units at the smallest ratio that thresholds know.
pub const HIDDEN_IN_KEY: f64 = HIDDEN_UNITS * 1_048_576.0;
const SMALLEST_RATIO: f64 = 1.0 / 1_048_576.0;
const LARGEST_COLLATERAL_RATIO: f32 = 8.0;
const UNANCHORED: f32 = 1e30;
/// Largest table entry for which all blocks use one band.
const USUAL: f32 = 1.25;

/// What a smallest unit of a slot weighs, each with a relative error below 2⁻⁴⁸.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worth {
    /// In a unit of the slot's own: only its ratio to the anchor counts. 0 where there is no price.
    pub weighted: f64,
    /// In 10⁻¹⁸ quote.
    pub unit: f64,
}

/// A set of the 128 classes that slots fall into.
pub type Classes = u128;

/// A kernel's table of one page, in whole cache lines.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Page(pub [f32; PAGE]);

/// A block's band: how far above zero a sum may be computed although the true one is negative.
///
/// Proof for `n ≤ 33` legs (one may be the unit of dust). Let `v` be a lane's shares as part of the whole, each rounded
/// against the borrower to one of [`PARTS`], so that `Σv ≤ 1 + 2⁻¹⁸`; a share has at most 24 bits, which a float holds
/// exactly. Let `t` be the table (rounded likewise), so the sum `S` of the products, taken exactly, is below `10⁻⁹` for
/// every liquidatable position: 0 from the argument above, and `64/2³⁶ < 10⁻⁹` where no unit leg carries the hidden
/// units. Collateral comes first. Let `m = max |t|` over the block, `α` the sum of the collateral products and `β` of the
/// debts': `α ≤ m·Σv_c`, `β ≤ m·Σv_d`, `α ≤ β + 10⁻⁹`, hence `α ≤ (m·(1 + 2⁻¹⁸) + 10⁻⁹)/2`. Each fused step errs by at
/// most 2⁻²⁴ of the partial sum that it makes. Partial sums rise to `α` and fall from there; the first one computed below 0 stays
/// there, and the lane is a candidate, so only partial sums in `[0, α·(1 + 33·2⁻²⁴)]` matter: in all at most `n·2⁻²⁴·α ≤
/// n·2⁻²⁵·m·(1 + 2⁻¹⁷)`. A separate multiplication adds `2⁻²⁴·(α + β')` where `β'`, the debts until then, is at most `α`:
/// `(n + 2)·2⁻²⁵·m`. For `n = 33` that is `1.044·10⁻⁶·m`, and products below 2⁻¹²⁶, which a processor may take for 0,
/// add `33·2⁻¹²⁶ < 10⁻⁹`. The band is `1.1·10⁻⁶·m + 2·10⁻⁹`, in parts like the sums: all of this scales.
#[must_use]
pub fn band(largest: f32) -> f32 {
    if planted(Fault::BandZero) {
        return 0.0;
    }
    ((1.1e-6 * largest + 2e-9) * PARTS as f32).next_up()
}

/// The bands of all blocks: one for most, a wider one for those with a slot that rose a lot.
#[derive(Clone, Debug)]
pub struct Bands {
    usual: f32,
    excess: Classes,
    sizes: [f32; PAGE],
}

impl Bands {
    fn new(sizes: &[f32; PAGE]) -> Bands {
        let mut lanes = [0f32; 16];
        for chunk in sizes.chunks_exact(16) {
            lanes
                .iter_mut()
                .zip(chunk)
                .for_each(|(lane, size)| *lane = lane.max(*size));
        }
        let largest = lanes.into_iter().fold(0.0, f32::max);
        let mut excess = 0;
        if largest > USUAL {
            let risen = (0..PAGE).filter(|class| sizes[*class] > USUAL);
            excess = risen.fold(0, |classes, class| classes | 1 << class);
        }
        Bands {
            usual: band(largest.min(USUAL)),
            excess,
            sizes: *sizes,
        }
    }

    /// Returns the band of all blocks, if they share one.
    #[inline]
    #[must_use]
    pub fn usual(&self) -> Option<f32> {
        (self.excess == 0).then_some(self.usual)
    }

    /// Returns the band of a block with slots of these classes.
    #[inline]
    #[must_use]
    pub fn of(&self, classes: Classes) -> f32 {
        let mut risen = classes & self.excess;
        if risen == 0 {
            return self.usual;
        }
        let mut largest = USUAL;
        while risen != 0 {
            largest = largest.max(self.sizes[risen.trailing_zeros() as usize]);
            risen &= risen - 1;
        }
        band(largest)
    }
}

/// Which slots the page has, by its own numbers.
#[derive(Clone, Debug)]
pub struct Paging {
    local: Vec<u8>,
    /// Whether every slot is on the page.
    pub is_whole: bool,
}

const ELSEWHERE: u8 = u8::MAX;

impl Paging {
    /// Returns the page of the 128 slots that most positions hold.
    #[must_use]
    pub fn of_most_held(holders: &[u32]) -> Paging {
        let mut slots: Vec<u16> = (0..holders.len() as u16).collect();
        if slots.len() > PAGE {
            slots.sort_by_key(|slot| std::cmp::Reverse(holders[usize::from(*slot)]));
            slots.truncate(PAGE);
        }
        let mut local = vec![ELSEWHERE; holders.len()];
        for (number, slot) in slots.iter().enumerate() {
            local[usize::from(*slot)] = number as u8;
        }
        let is_whole = slots.len() == local.len();
        Paging { local, is_whole }
    }

    /// Returns a slot's number on the page, if it is there.
    #[inline]
    #[must_use]
    pub fn local(&self, slot: u16) -> Option<u8> {
        self.local
            .get(usize::from(slot))
            .copied()
            .filter(|local| *local != ELSEWHERE)
    }

    /// Returns the number of a slot that is on the page.
    #[inline]
    #[must_use]
    pub fn number(&self, slot: u16) -> u16 {
        self.local[usize::from(slot)].into()
    }
}

/// The ratios of all slots, and the tables and thresholds that follow from them.
#[derive(Clone, Debug)]
pub struct Ratios {
    anchor: Vec<f64>,
    least: [Vec<f64>; 2],
    most: [Vec<f64>; 2],
    page: Page,
    table: Vec<f32>,
    page_sizes: [f32; PAGE],
    sizes: [f32; PAGE],
    /// The table with the sides changed over: debts up from 0, collateral down.
    parked: Vec<f32>,
    parked_sizes: [f32; PAGE],
    held: Vec<bool>,
}

/// Without a ratio: no minimum looks at it, no maximum either.
const NO_LEAST: f64 = f64::INFINITY;
const NO_MOST: f64 = 0.0;

impl Ratios {
    /// Returns the ratios to an anchor at that anchor's own prices, nobody holding anything.
    #[must_use]
    pub fn at_anchor(worths: &[Worth]) -> Ratios {
        let anchor: Vec<f64> = worths.iter().map(|worth| worth.weighted).collect();
        let assets = anchor.len() / 2;
        let mut ratios = Ratios {
            table: vec![0.0; anchor.len() + 2],
            held: vec![false; anchor.len()],
            anchor,
            least: [vec![NO_LEAST; assets], vec![NO_LEAST; assets]],
            most: [vec![NO_MOST; assets], vec![NO_MOST; assets]],
            page: Page([0.0; PAGE]),
            page_sizes: [0.0; PAGE],
            sizes: [0.0; PAGE],
            parked: vec![0.0; assets * 2],
            parked_sizes: [0.0; PAGE],
        };
        for (slot, entry) in (usize::from(ratios.unit_slot())..).zip([-1.0, 1.0]) {
            ratios.table[slot] = entry;
            ratios.resize_class(slot % PAGE);
        }
        ratios
    }

    /// Returns the slot of the constant debt leg that carries the hidden units of dust.
    #[must_use]
    pub fn unit_slot(&self) -> u16 {
        self.anchor.len() as u16
    }

    /// Returns the slot of a dust position's constant leg: that of the hidden units, or of as much collateral.
    ///
    /// Debts without a price at the anchor hide nothing: they are worth nothing until one of them has a price, and then
    /// the whole block is looked at. Without collateral for a constant leg, positions worth nothing on either side would be
    /// candidates at every tick.
    #[must_use]
    pub fn constant_slot(&self, record: Record<'_>) -> u16 {
        let owes = |(slot, _): (u16, u64)| is_debt(slot) && self.anchor[usize::from(slot)] > 0.0;
        self.unit_slot() + u16::from(!record.legs().any(owes))
    }

    /// Takes a slot's present price and whether anybody holds it.
    pub fn set(&mut self, slot: u16, weighted: f64, held: bool, paging: &Paging) {
        let (place, asset, side) = (
            usize::from(slot),
            usize::from(slot / 2),
            usize::from(slot & 1),
        );
        self.held[place] = held;
        let (entry, least, most) = entry(self.anchor[place], weighted, is_debt(slot));
        self.least[side][asset] = if held { least } else { NO_LEAST };
        self.most[side][asset] = if held { most } else { NO_MOST };
        self.table[place] = entry;
        self.parked[place] = self::entry(self.anchor[place], weighted, !is_debt(slot)).0;
        self.resize_class(place % PAGE);
        if let Some(local) = paging.local(slot) {
            self.page.0[usize::from(local)] = entry;
            self.page_sizes[usize::from(local)] = if held { entry.abs() } else { 0.0 };
        }
    }

    fn resize_class(&mut self, class: usize) {
        let largest = |table: &[f32]| {
            let slots = (class..table.len()).step_by(PAGE);
            let held = slots.filter(|slot| self.held.get(*slot).copied().unwrap_or(true));
            held.map(|slot| table[slot].abs()).fold(0.0, f32::max)
        };
        let (size, parked) = (largest(&self.table), largest(&self.parked));
        (self.sizes[class], self.parked_sizes[class]) = (size, parked);
    }

    /// Returns the key up to which positions may be liquidatable.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        threshold(lowest(&self.least[0]), highest(&self.most[1]))
    }

    /// Returns the mirrored key from which on liquidatable positions may have recovered.
    #[must_use]
    pub fn recovery_threshold(&self) -> f32 {
        let (debt, collateral) = (lowest(&self.least[1]), highest(&self.most[0]));
        if debt == 0.0 || collateral == f64::INFINITY {
            return 0.0;
        }
        down(debt / collateral * (1.0 - ROOM)).max(0.0)
    }

    /// Returns whether a debt that counted for nothing at the anchor counts now.
    #[must_use]
    pub fn has_unanchored_debt(&self) -> bool {
        highest(&self.most[1]) == f64::INFINITY
    }

    /// Returns the slots whose ratio is furthest out, one more each time, with the threshold that leaving them out gives.
    #[must_use]
    pub fn peeled(&self, most: usize) -> Vec<(u16, f32)> {
        let rank = |ratios: &[f64], side: u16| -> Vec<(f64, u16)> {
            let held = (0u16..)
                .zip(ratios)
                .map(|(asset, ratio)| (*ratio, 2 * asset + side));
            held.filter(|(_, slot)| self.held[usize::from(*slot)])
                .collect()
        };
        let mut falls = rank(&self.least[0], 0);
        let mut rises = rank(&self.most[1], 1);
        falls.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        rises.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let middle =
            |ranked: &[(f64, u16)]| ranked.get(ranked.len() / 2).map_or(1.0, |ranked| ranked.0);
        let (usual_fall, usual_rise) = (middle(&falls), middle(&rises));
        let mut steps = Vec::with_capacity(most);
        while steps.len() < most {
            let fall = falls.last().map_or(0.0, |fall| usual_fall / fall.0);
            let rise = rises.last().map_or(0.0, |rise| rise.0 / usual_rise);
            let out = if rise >= fall {
                rises.pop()
            } else {
                falls.pop()
            };
            let Some((_, slot)) = out else { break };
            let fall = falls.last().map_or(NO_LEAST, |fall| fall.0);
            let rise = rises.last().map_or(NO_MOST, |rise| rise.0);
            steps.push((slot, threshold(fall, rise)));
        }
        steps
    }

    /// Returns what a smallest unit of every slot that has holders is worth today, of what it was worth at the anchor.
    #[must_use]
    pub fn todays(&self, units: &[f64]) -> Vec<f64> {
        let ratio = |slot: usize| match self.held[slot] {
            true => self.most[slot % 2][slot / 2],
            false => 1.0,
        };
        let units = units.iter().enumerate();
        units.map(|(slot, unit)| unit * ratio(slot)).collect()
    }

    /// Returns the page's table and its blocks' bands.
    #[must_use]
    pub fn of_page(&self) -> (&[f32], Bands) {
        (&self.page.0, Bands::new(&self.page_sizes))
    }

    /// Returns the table of all slots for parked positions and its blocks' bands.
    #[must_use]
    pub fn of_parked(&self) -> (&[f32], Bands) {
        (&self.parked, Bands::new(&self.parked_sizes))
    }

    /// Returns the table of all slots and its blocks' bands.
    #[must_use]
    pub fn of_all(&self) -> (&[f32], Bands) {
        (&self.table, Bands::new(&self.sizes))
    }
}

/// Returns a slot's table entry and its ratio, rounded down and up.
fn entry(anchor: f64, weighted: f64, debt: bool) -> (f32, f64, f64) {
    if anchor == 0.0 {
        return match (debt, weighted == 0.0) {
            (_, true) => (0.0, NO_LEAST, NO_MOST),
            (false, false) => (0.0, NO_LEAST, f64::INFINITY),
            (true, false) if planted(Fault::OrderedCompare) => {
                (f32::NEG_INFINITY, NO_LEAST, f64::INFINITY)
            }
            (true, false) => (-UNANCHORED, NO_LEAST, f64::INFINITY),
        };
    }
    let ratio = weighted / anchor;
    let (least, most) = (ratio * (1.0 - ROOM), ratio * (1.0 + ROOM));
    let entry = if debt {
        (-up(most)).max(-UNANCHORED) // the band of either covers everything
    } else {
        down(least).min(LARGEST_COLLATERAL_RATIO)
    };
    (entry, least, most)
}

fn threshold(fall: f64, rise: f64) -> f32 {
    if rise == f64::INFINITY {
        return f32::INFINITY;
    }
    up(rise.max(SMALLEST_RATIO) / fall * (1.0 + ROOM))
}

fn lowest(ratios: &[f64]) -> f64 {
    folded(
        ratios,
        f64::INFINITY,
        |one, other| if other < one { other } else { one },
    )
}

fn highest(ratios: &[f64]) -> f64 {
    folded(
        ratios,
        0.0,
        |one, other| if other > one { other } else { one },
    )
}

/// Folds eight lanes at a time, so that the steps need not wait for each other.
fn folded(ratios: &[f64], start: f64, step: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [start; 8];
    let chunks = ratios.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, ratio) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *ratio);
        }
    }
    lanes
        .iter()
        .chain(rest)
        .fold(start, |one, other| step(one, *other))
}
