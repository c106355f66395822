//! Positions in the order of their keys at one anchor: what a tick must look at is near the front.
//!
//! Two partitions: positions all of whose slots are on the page, a leg in 32 bits, and all others (and dust), a leg in 64.
//! Every window's minimum is compared with the threshold, whatever its place, because updates lower them. Keys and lanes are
//! always computed at the anchor, never at today's prices. When prices have moved apart so far that the near windows are
//! many, the slots furthest out are left out of the threshold, and the blocks that have one of them are looked at wherever
//! they are.

use super::kernels::Kernel;
use super::lane::{Lane, Outline, Scale};
use super::parked::Parked;
use super::partition::{Look, Partition, Place};
use super::ratios::{Paging, Ratios, Worth, PAGE};
use super::spread::{Bounds, Spread};
use super::store::{Record, Rows};
use crate::sabotage::{planted, Fault};

/// Slots left out of the threshold at most.
const OUTLIERS: usize = 16;

/// The order of all positions at one anchor.
#[derive(Clone, Debug)]
pub struct Order {
    units: Vec<f64>,
    paging: Paging,
    ratios: Ratios,
    small: Partition<u32>,
    large: Partition<u64>,
    places: Vec<Place>,
    parked: Parked,
    read: usize,
}

impl Order {
    /// Lays all positions in the order of their keys at an anchor; `is_parked` says who is liquidatable there.
    #[must_use]
    pub fn laid(
        rows: &Rows,
        worths: &[Worth],
        holders: &[u32],
        is_parked: impl Fn(u32) -> bool,
    ) -> Order {
        let ratios = Ratios::at_anchor(worths);
        let mut order = Order {
            units: worths.iter().map(|worth| worth.unit).collect(),
            paging: Paging::of_most_held(holders),
            ratios,
            small: Partition::default(),
            large: Partition::default(),
            places: vec![Place::NOWHERE; rows.len()],
            parked: Parked::default(),
            read: 0,
        };
        order.lay(rows, is_parked);
        order
    }

    fn lay(&mut self, rows: &Rows, is_parked: impl Fn(u32) -> bool) {
        let bounds = Bounds::sampled(rows, &self.units);
        let (mut small, mut large) = (Spread::new(&bounds), Spread::new(&bounds));
        let mut parked = Vec::new();
        for (row, record) in rows.records() {
            if !record.has_debt() {
                continue;
            }
            let outline = Outline::of(record, &self.units);
            if is_parked(row) {
                parked.push((outline.mirrored(), row));
            } else if self.is_large(record, &outline) {
                large.add(row, record, &outline, &self.large_scale());
            } else {
                small.add(row, record, &outline, &self.small_scale());
            }
        }
        let places = &mut self.places;
        self.small.lay(small, |row, lane| {
            places[row as usize] = Place::new(false, false, lane);
        });
        self.large.lay(large, |row, lane| {
            places[row as usize] = Place::new(true, false, lane);
        });
        let units = &self.units;
        self.parked = Parked::sorted(parked, |row| {
            let record = rows.record(row);
            Lane::mirrored(record, &Outline::of(record, units), units)
        });
    }

    fn small_scale(&self) -> Scale<'_, impl Fn(u16) -> u16 + use<'_>> {
        Scale {
            units: &self.units,
            ratios: &self.ratios,
            local: |slot| self.paging.number(slot),
        }
    }

    fn large_scale(&self) -> Scale<'_, impl Fn(u16) -> u16 + use<>> {
        Scale {
            units: &self.units,
            ratios: &self.ratios,
            local: |slot| slot,
        }
    }

    /// Takes a slot's present price and whether anybody holds it.
    pub fn set_slot(&mut self, slot: u16, weighted: f64, held: bool) {
        self.ratios.set(slot, weighted, held, &self.paging);
    }

    /// Takes a position's new state: in the screen, or parked if it is liquidatable.
    pub fn put(&mut self, row: u32, record: Record<'_>, liquidatable: bool) {
        if self.places.len() <= row as usize {
            self.places.resize(row as usize + 1, Place::NOWHERE);
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
        let large = self.is_large(record, &outline);
        let old = self.place(row).filter(|place| place.is_large() == large);
        if large {
            let lane = Lane::of(record, &outline, &self.large_scale());
            if !old.is_some_and(|old| self.large.rewrite(old, row, &lane)) {
                self.remove(row);
                self.places[row as usize] = Place::new(true, true, self.large.append(row, &lane));
            }
        } else {
            let lane = Lane::of(record, &outline, &self.small_scale());
            if !old.is_some_and(|old| self.small.rewrite(old, row, &lane)) {
                self.remove(row);
                self.places[row as usize] = Place::new(false, true, self.small.append(row, &lane));
            }
        }
    }

    /// Takes a row out of the screen for good.
    pub fn remove(&mut self, row: u32) {
        self.parked.remove(row);
        let Some(place) = self.place(row) else { return };
        match place.is_large() {
            false => self.small.release(place),
            true => self.large.release(place),
        }
        self.places[row as usize] = Place::NOWHERE;
    }

    /// Takes a row out of the screen; its lane stays its own.
    fn silence(&mut self, row: u32) {
        match self.place(row) {
            Some(place) if place.is_large() => self.large.silence(place),
            Some(place) => self.small.silence(place),
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
            false => self.small.minimum(place),
            true => self.large.minimum(place),
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
            .map(|row| (outline(row).mirrored(), row))
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
        self.small.later() + self.large.later()
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
        if !self.large.is_empty() {
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

    #[inline]
    fn is_large(&self, record: Record<'_>, outline: &Outline) -> bool {
        let elsewhere = |(slot, _)| self.paging.local(slot).is_none();
        outline.is_dust() || (!self.paging.is_whole && record.legs().any(elsewhere))
    }

    fn place(&self, row: u32) -> Option<Place> {
        let place = self.places.get(row as usize).copied();
        place.filter(|place| *place != Place::NOWHERE)
    }
}
