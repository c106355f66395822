//! Bytes that say what they are: a magic word, a version, the content, and the SHA-256 of everything before it.

use sha2::{Digest, Sha256};

use crate::CoreError;

const CHECKSUM: usize = 32;

/// What a sealed content begins with.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    /// Seven letters.
    pub magic: &'static [u8; 7],
    /// The content's format.
    pub version: u8,
}

impl Seal {
    /// Returns the beginning of sealed bytes, to which the content is to be added.
    #[must_use]
    pub fn begin(self, capacity: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(self.magic);
        bytes.push(self.version);
        bytes
    }

    /// Returns the bytes with their checksum.
    #[must_use]
    pub fn end(self, mut bytes: Vec<u8>) -> Vec<u8> {
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Returns the content, if the bytes are whole and of this seal.
    pub fn open(self, bytes: &[u8]) -> Result<Fields<'_>, CoreError> {
        let Some(content) = bytes
            .strip_prefix(self.magic)
            .filter(|content| content.len() > CHECKSUM)
        else {
            return Err(CoreError::Snapshot(format!(
                "found {} bytes that are not a snapshot of such a book",
                bytes.len()
            )));
        };
        if content[0] != self.version {
            return Err(CoreError::Snapshot(format!(
                "found a snapshot of version {}, expected {}",
                content[0], self.version
            )));
        }
        let (summed, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if Sha256::digest(summed)[..] != *checksum {
            return Err(broken("a checksum that is not its content's"));
        }
        Ok(Fields(&content[1..content.len() - CHECKSUM]))
    }
}

/// Returns the error for a content that cannot have been written.
#[must_use]
pub fn broken(found: &str) -> CoreError {
    CoreError::Snapshot(format!(
        "found a snapshot with {found}, expected a whole one"
    ))
}

/// What is left to read, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Takes the next bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CoreError> {
        let (taken, left) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| broken("an end before its time"))?;
        self.0 = left;
        Ok(taken)
    }

    /// Takes the next bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CoreError> {
        let taken = self.take(N)?;
        taken
            .try_into()
            .map_err(|_| broken("an end before its time"))
    }

    /// Takes the next byte.
    pub fn u8(&mut self) -> Result<u8, CoreError> {
        self.array().map(u8::from_le_bytes)
    }

    /// Takes the next two bytes.
    pub fn u16(&mut self) -> Result<u16, CoreError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes the next four bytes.
    pub fn u32(&mut self) -> Result<u32, CoreError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes the next eight bytes.
    pub fn u64(&mut self) -> Result<u64, CoreError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Fails unless everything was read.
    pub fn end(self) -> Result<(), CoreError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(broken("more bytes than its counts say")),
        }
    }
}
