//! Which rules a version of the program follows: those that differ between 1.7 and 1.16, by the version that brought them.

use crate::CoreError;

/// A version of the program, "1.16.0"; what differs hangs on minor and patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    minor: u32,
    patch: u32,
}

impl Version {
    /// The newest that is known.
    pub const NEWEST: Version = Version {
        minor: 16,
        patch: 0,
    };

    /// Returns the version that a text names, the newest without one. A missing patch is 0.
    ///
    /// ```
    /// # use liquidation_core::protocols::kamino::version::Version;
    /// assert_eq!(Version::parse(None).unwrap(), Version::NEWEST);
    /// assert!(Version::parse(Some("1.12.8")).unwrap().may_disable_price_liquidations());
    /// assert!(!Version::parse(Some("1.12")).unwrap().may_disable_price_liquidations());
    /// assert!(Version::parse(Some("2.0")).is_err());
    /// ```
    pub fn parse(text: Option<&str>) -> Result<Version, CoreError> {
        let Some(text) = text else {
            return Ok(Version::NEWEST);
        };
        let unknown = || {
            CoreError::Argument(format!(
                "found version '{text}', expected 1.MINOR or 1.MINOR.PATCH"
            ))
        };
        let mut parts = text.trim_start_matches('v').split('.');
        let mut number = |missing: Option<u32>| match parts.next() {
            None => missing.ok_or_else(unknown),
            Some(part) => part.parse().map_err(|_| unknown()),
        };
        let (major, minor, patch) = (number(None)?, number(None)?, number(Some(0))?);
        if major != 1 || parts.next().is_some() {
            return Err(unknown());
        }
        Ok(Version { minor, patch })
    }

    /// Returns whether the program has an instruction: "v2" came with 1.10, "v1" is meant without a name.
    pub(super) fn knows(self, instruction: Option<&str>) -> Result<bool, CoreError> {
        match instruction {
            None | Some("v1") => Ok(true),
            Some("v2") => Ok(self.second_form()),
            Some(other) => Err(CoreError::Argument(format!(
                "found instruction '{other}', expected v1 or v2"
            ))),
        }
    }

    fn from(self, minor: u32, patch: u32) -> bool {
        (self.minor, self.patch) >= (minor, patch)
    }

    /// Oracles are Pyth's pull accounts and Switchboard on demand, before, legacy Pyth and Switchboard; deleveraging counts in time, before, in
    /// slots.
    pub(super) fn pull_oracles(self) -> bool {
        self.from(8, 0)
    }

    /// Liquidation in its second form; two skip thresholds; the obligation keeps its lowest maximal LTV.
    pub(super) fn second_form(self) -> bool {
        self.from(10, 0)
    }

    /// Exchange rate as a pair; full liquidations need the whole amount; repaid is at most requested.
    pub(super) fn exact_exchange(self) -> bool {
        self.from(11, 0)
    }

    /// Obligation orders are a reason to liquidate.
    pub(super) fn orders(self) -> bool {
        self.from(12, 0)
    }

    /// A market may switch liquidations by price off.
    #[must_use]
    pub fn may_disable_price_liquidations(self) -> bool {
        self.from(12, 8)
    }

    /// Debts may mature and have terms.
    pub(super) fn fixed_terms(self) -> bool {
        self.from(13, 0)
    }

    /// Redeeming counts in whole tokens, rounded up where they are there.
    pub(super) fn redeems_up(self) -> bool {
        self.from(14, 0)
    }

    /// A market value is rounded once.
    pub(super) fn value_in_one_step(self) -> bool {
        self.from(16, 0)
    }
}
