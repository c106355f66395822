//! A generic book and the thread that orders it anew meanwhile.

use std::thread::{self, JoinHandle};

use liquidation_core::book::generic::anchor::Laid;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::CoreError;

/// Positions below which ordering anew takes no longer than starting a thread is worth.
const SMALL: usize = 4096;

/// The book, and what is being laid for it.
pub struct Shelf {
    book: GenericBook,
    laying: Option<JoinHandle<Laid>>,
}

impl Shelf {
    /// Puts a book here.
    pub fn new(book: GenericBook) -> Shelf {
        Shelf { book, laying: None }
    }

    /// Acts on the book: with the new order if one was finished, and beginning another if ticks became expensive.
    pub fn with<T>(
        &mut self,
        act: impl FnOnce(&mut GenericBook) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        if self.laying.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish();
        }
        let answer = act(&mut self.book);
        if self.laying.is_none() && self.book.wants_anchor() {
            self.begin();
        }
        answer
    }

    /// Orders the book anew, now or meanwhile.
    pub fn reanchor(&mut self, wait: bool) {
        self.laying = None; // an order begun before is not installed any more
        if wait {
            self.book.reanchor()
        } else {
            self.begin()
        }
    }

    fn begin(&mut self) {
        if self.book.len() < SMALL {
            return self.book.reanchor();
        }
        let task = self.book.begin_anchor();
        match thread::Builder::new()
            .name("anchor".to_owned())
            .spawn(move || task.lay())
        {
            Ok(laying) => self.laying = Some(laying),
            Err(_) => self.book.reanchor(), // no thread to be had
        }
    }

    fn finish(&mut self) {
        match self.laying.take().map(JoinHandle::join) {
            Some(Ok(laid)) => {
                let before = self.book.install(laid);
                let freed = thread::Builder::new().spawn(move || drop(before));
                drop(freed); // where no thread is to be had it was dropped here
            }
            Some(Err(_)) => self.book.give_up_anchor(),
            None => {}
        }
    }
}
