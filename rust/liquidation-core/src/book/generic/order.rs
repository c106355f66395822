//! Positions in the order of their keys at one anchor: what a tick must look at is near the front.
//!
//! Two partitions: positions all of whose slots are on the page, with slots of 8 bits, and all others (and dust), with
//! slots of 16. Each has windows of 64 blocks as they were laid, and blocks for what came since, each a window of its
//! own. An update goes back into its lane if it fits there and does not fall below its window's minimum; every minimum is
//! compared with the threshold, whatever its place, because updates lower them. Keys and lanes are always computed at the
//! anchor, never at today's prices. When prices have moved apart so far that the near windows are many, the slots furthest out
//! are left out of the threshold, and the blocks that have one of them are looked at wherever they are.

use super::blocks::{Blocks, LANES};
use super::kernels::{Kernel, Scan, Slot};
use super::lane::{Lane, Outline, LANE_LEGS};
use super::parked::Parked;
use super::ratios::{Bands, Classes, Paging, Ratios, PAGE};
use super::rule::Factors;
use super::sorting::{sorted, Keyed};
use super::store::{Record, Rows};
use crate::sabotage::{planted, Fault};

/// Blocks of a window that was laid with the anchor.
const WINDOW: usize = 64;
/// Legs that fit the blocks for what comes later.
const SIZES: [usize; 8] = [2, 4, 6, 8, 12, 16, 24, LANE_LEGS];
/// Slots left out of the threshold at most.
const OUTLIERS: usize = 16;

const NOWHERE: u32 = u32::MAX;
const LANE_BITS: u32 = 30;

/// Where a row's lane is: in which partition, laid with the anchor or later, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

impl Place {
    const fn new(large: bool, later: bool, lane: u32) -> Place {
        Place(((large as u32) << 1 | later as u32) << LANE_BITS | lane)
    }

    const fn lane(self) -> u32 {
        self.0 & ((1 << LANE_BITS) - 1)
    }

    const fn is_large(self) -> bool {
        self.0 >> (LANE_BITS + 1) == 1
    }

    const fn is_later(self) -> bool {
        self.0 >> LANE_BITS & 1 == 1
    }
}

/// Positions whose slots have one width.
#[derive(Clone, Debug)]
struct Partition<S> {
    laid: Blocks<S>,
    later: Blocks<S>,
    vacant: [Vec<u32>; SIZES.len()],
}

impl<S: Slot> Partition<S> {
    fn new() -> Partition<S> {
        Partition {
            laid: Blocks::new(WINDOW),
            later: Blocks::new(1),
            vacant: Default::default(),
        }
    }

    fn blocks(&self, later: bool) -> &Blocks<S> {
        if later {
            &self.later
        } else {
            &self.laid
        }
    }

    fn blocks_mut(&mut self, later: bool) -> &mut Blocks<S> {
        if later {
            &mut self.later
        } else {
            &mut self.laid
        }
    }

    /// Lays rows of rising keys: windows in that order, within them blocks of positions alike in length.
    fn lay(
        &mut self,
        rows: &Rows,
        keyed: &[Keyed],
        lane: impl Fn(Record<'_>) -> Lane,
        slot: impl Fn(u16) -> S,
        places: &mut [u32],
        large: bool,
    ) {
        for window in keyed.chunks(WINDOW * LANES) {
            let mut window: Vec<_> = window
                .iter()
                .map(|entry| rows.preview(entry.row()))
                .collect();
            window.sort_by_key(|(legs, _)| *legs);
            for block in window.chunks(LANES) {
                let lanes: Vec<Lane> = block
                    .iter()
                    .map(|(_, row)| lane(rows.record(*row)))
                    .collect();
                let longest = lanes
                    .iter()
                    .map(|lane| lane.legs().len())
                    .max()
                    .unwrap_or(0);
                let first = self.laid.push(longest);
                for ((number, (_, row)), position) in (first..).zip(block).zip(&lanes) {
                    self.laid.write(number, *row, position, &slot);
                    places[*row as usize] = Place::new(large, false, number).0;
                }
            }
        }
        self.laid.shrink();
    }

    /// Writes a position into the lane it has, if it fits there without falling below its window's minimum.
    fn rewrite(
        &mut self,
        place: Place,
        row: u32,
        position: &Lane,
        slot: impl Fn(u16) -> S,
    ) -> bool {
        let blocks = self.blocks_mut(place.is_later());
        let fits = position.legs().len() <= blocks.rows(place.lane());
        let fits = fits && (place.is_later() || position.key >= blocks.minimum(place.lane()));
        if fits {
            blocks.write(place.lane(), row, position, slot);
        }
        fits
    }

    /// Writes a position into a lane for what came later.
    fn append(&mut self, row: u32, position: &Lane, slot: impl Fn(u16) -> S) -> u32 {
        let size = SIZES.partition_point(|size| *size < position.legs().len());
        let lane = self.vacant[size].pop().unwrap_or_else(|| {
            let first = self.later.push(SIZES[size]);
            self.vacant[size].extend((first + 1..first + LANES as u32).rev());
            first
        });
        self.later.write(lane, row, position, slot);
        lane
    }

    fn release(&mut self, place: Place) {
        self.blocks_mut(place.is_later()).silence(place.lane());
        if place.is_later() {
            let rows = self.later.rows(place.lane());
            self.vacant[SIZES.partition_point(|size| *size < rows)].push(place.lane());
        }
    }

    fn reached(&self, threshold: f32) -> usize {
        self.laid.reached(threshold) + self.later.reached(threshold)
    }

    fn len(&self) -> usize {
        self.laid.blocks.len() + self.later.blocks.len()
    }

    fn scan(
        &self,
        look: &Look,
        table: &[f32],
        bands: &Bands,
        outliers: Classes,
        rows: &mut Vec<u32>,
    ) {
        for blocks in [&self.laid, &self.later] {
            let near = Scan {
                blocks,
                table,
                bands,
                only: Classes::MAX,
            };
            blocks.runs(look.threshold, true, |range| {
                S::scan(look.kernel, &near, range, rows)
            });
            if outliers != 0 && !planted(Fault::OutlierRuleOff) {
                let far = Scan {
                    only: outliers,
                    ..near
                };
                blocks.runs(look.threshold, false, |range| {
                    S::scan(look.kernel, &far, range, rows)
                });
            }
        }
    }

    fn bytes(&self) -> (usize, usize) {
        let (laid, later) = (self.laid.bytes(), self.later.bytes());
        (
            laid.0 + later.0,
            laid.1
                + later.1
                + self
                    .vacant
                    .iter()
                    .map(|lanes| lanes.capacity() * 4)
                    .sum::<usize>(),
        )
    }
}

/// How a tick will look: which windows in full, and which slots' blocks beside them.
#[derive(Clone, Debug)]
struct Look {
    kernel: Kernel,
    threshold: f32,
    outliers: Vec<u16>,
    /// Blocks that it is likely to read.
    cost: usize,
}

/// The order of all positions at one anchor.
#[derive(Clone, Debug)]
pub struct Order {
    units: Vec<f64>,
    paging: Paging,
    ratios: Ratios,
    small: Partition<u8>,
    large: Partition<u16>,
    places: Vec<u32>,
    parked: Parked,
    read: usize,
}

impl Order {
    /// Lays all positions in the order of their keys at an anchor; `is_parked` says who is liquidatable there.
    #[must_use]
    pub fn laid(
        rows: &Rows,
        factors: &Factors,
        holders: &[u32],
        is_parked: impl Fn(u32) -> bool,
    ) -> Order {
        let ratios = Ratios::at_anchor(factors);
        let mut order = Order {
            units: factors
                .slots()
                .iter()
                .map(|factor| factor.to_f64())
                .collect(),
            paging: Paging::of_most_held(holders),
            ratios,
            small: Partition::new(),
            large: Partition::new(),
            places: vec![NOWHERE; rows.len()],
            parked: Parked::default(),
            read: 0,
        };
        let (mut keyed, mut parked) = ([Vec::new(), Vec::new()], Vec::new());
        for row in rows.present() {
            let record = rows.record(row);
            if !record.has_debt() {
                continue;
            }
            let outline = Outline::of(record, &order.units);
            if is_parked(row) {
                parked.push((outline.mirrored, row));
            } else {
                keyed[usize::from(order.is_large(record, &outline))]
                    .push(Keyed::new(outline.key, row));
            }
        }
        let units = &order.units;
        order.parked = Parked::sorted(parked, |row| {
            let record = rows.record(row);
            Lane::mirrored(record, &Outline::of(record, units), units)
        });
        order.fill(rows, keyed.map(sorted));
        order
    }

    fn fill(&mut self, rows: &Rows, keyed: [Vec<Keyed>; 2]) {
        let Order {
            units,
            paging,
            ratios,
            small,
            large,
            places,
            ..
        } = self;
        let lane = |record: Record<'_>| {
            Lane::of(record, &Outline::of(record, units), units, || {
                ratios.constant_slot(record)
            })
        };
        small.lay(
            rows,
            &keyed[0],
            lane,
            |slot| paging.local(slot).unwrap_or(0),
            places,
            false,
        );
        large.lay(rows, &keyed[1], lane, |slot| slot, places, true);
    }

    /// Takes a slot's present price and whether anybody holds it.
    pub fn set_slot(&mut self, slot: u16, weighted: u128, held: bool) {
        self.ratios.set(slot, weighted, held, &self.paging);
    }

    /// Takes a position's new state: in the screen, or parked if it is liquidatable.
    pub fn put(&mut self, row: u32, record: Record<'_>, liquidatable: bool) {
        if self.places.len() <= row as usize {
            self.places.resize(row as usize + 1, NOWHERE);
        }
        if !record.has_debt() {
            return self.remove(row);
        }
        let mut outline = Outline::of(record, &self.units);
        if planted(Fault::KeyAtTodaysPrice) {
            outline.key = Outline::of(record, &self.ratios.todays(&self.units)).key;
        }
        if liquidatable {
            self.silence(row);
            let lane = Lane::mirrored(record, &outline, &self.units);
            self.parked.add(row, &lane);
            return;
        }
        self.parked.remove(row);
        let constant = || self.ratios.constant_slot(record);
        let lane = Lane::of(record, &outline, &self.units, constant);
        let large = self.is_large(record, &outline);
        if let Some(place) = self.place(row).filter(|place| place.is_large() == large) {
            let paging = &self.paging;
            let rewritten = match large {
                false => self
                    .small
                    .rewrite(place, row, &lane, |slot| paging.local(slot).unwrap_or(0)),
                true => self.large.rewrite(place, row, &lane, |slot| slot),
            };
            if rewritten {
                return;
            }
        }
        self.remove(row);
        let paging = &self.paging;
        let number = match large {
            false => self
                .small
                .append(row, &lane, |slot| paging.local(slot).unwrap_or(0)),
            true => self.large.append(row, &lane, |slot| slot),
        };
        self.places[row as usize] = Place::new(large, true, number).0;
    }

    /// Takes a row out of the screen for good.
    pub fn remove(&mut self, row: u32) {
        self.parked.remove(row);
        let Some(place) = self.place(row) else { return };
        match place.is_large() {
            false => self.small.release(place),
            true => self.large.release(place),
        }
        self.places[row as usize] = NOWHERE;
    }

    /// Takes a row out of the screen; its lane stays its own.
    fn silence(&mut self, row: u32) {
        match self.place(row) {
            Some(place) if place.is_large() => self
                .large
                .blocks_mut(place.is_later())
                .silence(place.lane()),
            Some(place) => self
                .small
                .blocks_mut(place.is_later())
                .silence(place.lane()),
            None => {}
        }
    }

    /// Adds every row that may have become liquidatable: a superset of those that have. `holders` are counts by slot.
    pub fn suspects(&mut self, kernel: Kernel, holders: &[u32], rows: &mut Vec<u32>) {
        let look = self.look(kernel, holders);
        self.read = look.cost;
        self.scan(&look, rows);
    }

    /// Adds every row in the screen whose sum is not surely positive, whatever its key.
    pub fn sweep(&self, kernel: Kernel, rows: &mut Vec<u32>) {
        self.scan(
            &Look {
                kernel,
                threshold: f32::INFINITY,
                outliers: Vec::new(),
                cost: self.len(),
            },
            rows,
        );
    }

    /// Adds every liquidatable row that may have recovered.
    pub fn recovery_suspects(&self, kernel: Kernel, rows: &mut Vec<u32>) {
        let before = rows.len();
        self.parked.suspects(kernel, &self.ratios, rows);
        if planted(Fault::RecoveryInScannedLanes) {
            let late = rows.split_off(before);
            rows.extend(late.into_iter().filter(|row| self.is_near(*row)));
        }
    }

    /// Returns whether a row's lane is in a window that a tick reads.
    fn is_near(&self, row: u32) -> bool {
        let minimum = |place: Place| match place.is_large() {
            false => self.small.blocks(place.is_later()).minimum(place.lane()),
            true => self.large.blocks(place.is_later()).minimum(place.lane()),
        };
        self.place(row)
            .is_some_and(|place| minimum(place) <= self.ratios.threshold())
    }

    /// Returns the parked rows.
    pub fn parked(&self) -> impl Iterator<Item = u32> + '_ {
        self.parked.rows()
    }

    /// Sorts the parked positions anew if too many came since.
    pub fn tidy(&mut self, rows: &Rows) {
        if !self.parked.is_untidy() {
            return;
        }
        let units = &self.units;
        let outline = |row: u32| Outline::of(rows.record(row), units);
        let entries = self
            .parked
            .rows()
            .map(|row| (outline(row).mirrored, row))
            .collect();
        self.parked = Parked::sorted(entries, |row| {
            Lane::mirrored(rows.record(row), &outline(row), units)
        });
    }

    /// Returns how many blocks the last tick read, and how many there are.
    #[must_use]
    pub fn read(&self) -> (usize, usize) {
        (self.read, self.len())
    }

    /// Returns how many blocks came since the order was laid.
    #[must_use]
    pub fn later(&self) -> usize {
        self.small.later.blocks.len() + self.large.later.blocks.len()
    }

    /// Returns whether a debt that counted for nothing at the anchor counts now.
    #[must_use]
    pub fn has_unanchored_debt(&self) -> bool {
        self.ratios.has_unanchored_debt()
    }

    /// Returns the bytes of what a sweep reads, and of everything.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let (small, large) = (self.small.bytes(), self.large.bytes());
        let beside = self.places.capacity() * 4 + self.parked.bytes() + self.units.capacity() * 8;
        (small.0 + large.0, small.1 + large.1 + beside)
    }

    fn look(&self, kernel: Kernel, holders: &[u32]) -> Look {
        let (total, threshold) = (self.len(), self.ratios.threshold());
        let mut best = Look {
            kernel,
            threshold,
            outliers: Vec::new(),
            cost: self.reached(threshold),
        };
        if best.cost <= total / 8 {
            return best;
        }
        let (mut outliers, mut beside) = (Vec::new(), total / 16); // asking every block for its slots costs that much
        for (slot, threshold) in self.ratios.peeled(OUTLIERS) {
            outliers.push(slot);
            beside += holders[usize::from(slot)] as usize;
            if beside > best.cost {
                break;
            }
            let cost = self.reached(threshold) + beside;
            if cost < best.cost {
                best = Look {
                    kernel,
                    threshold,
                    outliers: outliers.clone(),
                    cost,
                };
            }
        }
        if best.cost * 10 > total * 9 {
            best = Look {
                kernel,
                threshold: f32::INFINITY,
                outliers: Vec::new(),
                cost: total,
            };
        }
        best
    }

    fn scan(&self, look: &Look, rows: &mut Vec<u32>) {
        let on_page = look
            .outliers
            .iter()
            .filter_map(|slot| self.paging.local(*slot));
        let on_page = on_page.fold(0, |classes, local| classes | 1u128 << local);
        let (table, bands) = self.ratios.of_page();
        self.small.scan(look, table, &bands, on_page, rows);
        if self.large.len() > 0 {
            let anywhere = look.outliers.iter().fold(0, |classes, slot| {
                classes | 1u128 << (usize::from(*slot) % PAGE)
            });
            let (table, bands) = self.ratios.of_all();
            self.large.scan(look, table, &bands, anywhere, rows);
        }
    }

    fn reached(&self, threshold: f32) -> usize {
        self.small.reached(threshold) + self.large.reached(threshold)
    }

    fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }

    fn is_large(&self, record: Record<'_>, outline: &Outline) -> bool {
        outline.is_dust()
            || record
                .legs()
                .any(|(slot, _)| self.paging.local(slot).is_none())
    }

    fn place(&self, row: u32) -> Option<Place> {
        let place = self.places.get(row as usize).copied();
        place.filter(|place| *place != NOWHERE).map(Place)
    }
}
