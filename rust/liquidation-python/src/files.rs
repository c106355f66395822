//! Files that are either the old ones or the new ones, never half of each.

use std::ffi::OsString;
use std::fs::{rename, File};
use std::io::{Result, Write};
use std::path::Path;

/// Replaces a file's content: written beside it, brought to the disk, then renamed.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = OsString::from(path);
    beside.push(format!(".{}.new", std::process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| rename(&beside, path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })
}
