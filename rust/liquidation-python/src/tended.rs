//! A protocol's book is ordered anew by a thread of its own, while calls go on.

use std::sync::Arc;
use std::thread;

use liquidation_core::book::markets::SharedBook;
use liquidation_core::book::Book;
use liquidation_core::CoreError;

use crate::book::kernel;

/// Positions below which ordering anew takes no longer than starting a thread is worth.
const SMALL: usize = 4096;

/// Makes a new book one that is tended here, its screen as the environment says.
pub fn adopt(book: &mut Book) -> Result<(), CoreError> {
    book.use_kernel(kernel()?);
    book.tend();
    Ok(())
}

/// Has a book ordered anew if prices have become dear; its lock is held by the caller.
pub fn tend(shared: &SharedBook, book: &mut Book) {
    if !book.wants_anchor() {
        return;
    }
    if book.len() < SMALL {
        return book.reanchor();
    }
    let (task, home) = (book.begin_anchor(), Arc::downgrade(shared));
    let laying = thread::Builder::new().name("anchor".to_owned());
    let begun = laying.spawn(move || {
        let laid = task.lay();
        let Some(shared) = home.upgrade() else { return };
        let before = shared.lock().map(|mut book| book.install(laid));
        drop(before.ok()); // the lock is free by now
    });
    if begun.is_err() {
        book.reanchor(); // no thread to be had
    }
}
