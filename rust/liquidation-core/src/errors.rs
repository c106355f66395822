//! Everything that can go wrong in the core, in one enum; the binding maps each variant to one Python exception.

use lending_math::Error as Refusal;
use thiserror::Error;

/// What was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CoreError {
    /// An account of the program whose bytes the program did not write.
    #[error("account {address} is not a {kind} of layout 1: found {found} bytes that cannot be decoded, expected {expected}")]
    Malformed {
        /// Base58.
        address: String,
        /// The kind that its discriminator names.
        kind: &'static str,
        /// Length of the data.
        found: usize,
        /// Length of such an account.
        expected: usize,
    },
    /// Bytes that were given as a position's and are not.
    #[error("found {0} bytes that are not a position of layout 1, expected 488")]
    NotAPosition(usize),
    /// A text that is not 32 bytes in base58.
    #[error("'{0}' is not an address: expected 32 bytes in base58")]
    NotAnAddress(String),
    /// No arithmetic for this protocol.
    #[error("found protocol '{0}', expected one of {known}", known = crate::protocols::adapter::names().collect::<Vec<_>>().join(", "))]
    UnknownProtocol(String),
    /// The book has no such position.
    #[error("position {0} is not in the book")]
    UnknownPosition(String),
    /// A plan needs an account that was not given.
    #[error("{kind} {address} is needed for the plan and was not given")]
    MissingAccount {
        /// What it should have been.
        kind: &'static str,
        /// Base58.
        address: String,
    },
    /// The program would refuse, with this error.
    #[error("the program would refuse with {} ({})", .0.name(), .0.code())]
    Refused(Refusal),
    /// The 64 bytes are not a secret key followed by its public key.
    #[error("the 64 bytes are not an ed25519 secret key followed by its own public key")]
    NotAKeypair,
    /// An argument of the generic market is out of range or does not fit the others.
    #[error("{0}")]
    Argument(String),
    /// Bytes that are not a snapshot of a book, or not whole.
    #[error("{0}")]
    Snapshot(String),
    /// An earlier call ended in a panic, so the state may be half written.
    #[error("an earlier call on this book failed inside: build a new book from a snapshot")]
    Broken,
}

impl From<Refusal> for CoreError {
    fn from(refusal: Refusal) -> CoreError {
        CoreError::Refused(refusal)
    }
}
