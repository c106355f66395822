//! Faults that a soak plants, one at a time, to show that it finds them; without the feature `sabotage` none can be.
//!
//! Each is a mistake that a careless screen makes. A hook is one `if planted(Fault::…)`, which the compiler removes from
//! every build that does not ask for the feature.

/// A mistake in the screen of the generic book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Sums are compared with 0: the roundings of a sum are forgotten.
    BandZero = 1,
    /// Keys are rounded up, past the step by which the threshold is.
    KeyRoundedUp,
    /// A slot without a price at the anchor has an infinite ratio, and a sum that is not a number is no candidate.
    OrderedCompare,
    /// An update's key is computed at today's prices.
    KeyAtTodaysPrice,
    /// The near windows are found by halving, as if updates left the minima in order.
    BisectedMinima,
    /// A lane of three legs or more lacks its last.
    DroppedLeg,
    /// A recovery is looked for only in the windows that the tick reads.
    RecoveryInScannedLanes,
    /// What changed while a new anchor was being laid is not replayed.
    UpdateLostAtSwap,
    /// Slots left out of the threshold are not looked for in the other blocks.
    OutlierRuleOff,
}

/// What every build with the feature, and no other, has in it.
#[cfg(feature = "sabotage")]
pub const MARK: &str = "this build of liquidation-core can be told to miss";

#[cfg(feature = "sabotage")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants a fault, or none, for the whole process.
#[cfg(feature = "sabotage")]
pub fn plant(fault: Option<Fault>) {
    let number = fault.map_or(0, |fault| fault as u8);
    PLANTED.store(number, std::sync::atomic::Ordering::SeqCst);
}

/// Returns whether a fault is planted.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn planted(fault: Fault) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == fault as u8
}

/// Returns false: no fault is in this build.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
#[must_use]
pub const fn planted(_: Fault) -> bool {
    false
}
