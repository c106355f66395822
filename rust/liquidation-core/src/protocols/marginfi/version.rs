//! The program's two versions that are known here.

use crate::CoreError;

/// A version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// February 2025; proven against its binary.
    V0_1_1,
    /// July 2026; from its source.
    V0_1_9,
}

impl Version {
    /// Returns the version of this name, the newest without one.
    pub fn named(name: Option<&str>) -> Result<Version, CoreError> {
        match name {
            Some("0.1.1") => Ok(Version::V0_1_1),
            None | Some("0.1.9") => Ok(Version::V0_1_9),
            Some(other) => Err(CoreError::Argument(format!(
                "found marginfi version '{other}', expected '0.1.1' or '0.1.9'"
            ))),
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Version::V0_1_1 => "0.1.1",
            Version::V0_1_9 => "0.1.9",
        }
    }

    /// Returns whether it is the older one.
    #[must_use]
    pub fn is_old(self) -> bool {
        self == Version::V0_1_1
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn only_proven_versions_are_answered_for() {
        assert_eq!(Version::named(None), Ok(Version::V0_1_9));
        assert_eq!(Version::named(Some("0.1.1")), Ok(Version::V0_1_1));
        assert!(Version::named(Some("0.1.4")).is_err());
    }
}
