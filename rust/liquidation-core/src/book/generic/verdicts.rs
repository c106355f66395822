//! Which rows are liquidatable, which of them were told, and whose next tick tells again.

const LIQUIDATABLE: u8 = 1;
const TOLD: u8 = 2;

/// What a call changed, ids ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossings {
    /// Liquidatable and not told since the last recovery, replacement or rearm.
    pub crossed: Vec<u64>,
    /// Liquidatable no more, removed ones included.
    pub recovered: Vec<u64>,
}

impl Crossings {
    /// Puts both lists in the order of the ids.
    #[must_use]
    pub fn sorted(mut self) -> Crossings {
        self.crossed.sort_unstable();
        self.recovered.sort_unstable();
        self
    }
}

/// Two bits a row; only the exact rule sets them.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    rows: Vec<u8>,
    rearmed: Vec<u32>,
}

impl Verdicts {
    /// Makes room for a row.
    pub fn reach(&mut self, row: u32) {
        if self.rows.len() <= row as usize {
            self.rows.resize(row as usize + 1, 0);
        }
    }

    /// Returns whether a row is liquidatable.
    #[inline]
    #[must_use]
    pub fn is_liquidatable(&self, row: u32) -> bool {
        self.rows[row as usize] & LIQUIDATABLE != 0
    }

    /// Returns the liquidatable rows.
    pub fn liquidatable(&self) -> impl Iterator<Item = u32> + '_ {
        let rows = (0u32..).zip(&self.rows);
        rows.filter(|(_, bits)| **bits & LIQUIDATABLE != 0)
            .map(|(row, _)| row)
    }

    /// Takes the exact verdict on a row of this id and adds what there is to tell.
    pub fn settle(&mut self, row: u32, id: u64, liquidatable: bool, news: &mut Crossings) {
        let was = self.rows[row as usize];
        match (was & LIQUIDATABLE != 0, liquidatable) {
            (true, false) => news.recovered.push(id),
            (_, true) if was & TOLD == 0 => news.crossed.push(id),
            _ => {}
        }
        self.rows[row as usize] = if liquidatable { LIQUIDATABLE | TOLD } else { 0 };
    }

    /// Forgets that a row was told: the same need is another one now.
    pub fn forget(&mut self, row: u32) {
        self.rows[row as usize] &= !TOLD;
    }

    /// Lets the next tick tell a row again if it is still liquidatable.
    pub fn rearm(&mut self, row: u32) {
        if self.is_liquidatable(row) {
            self.forget(row);
            self.rearmed.push(row);
        }
    }

    /// Returns the rows rearmed since the last time.
    pub fn take_rearmed(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.rearmed)
    }

    /// Returns a row's bits, for a snapshot.
    #[must_use]
    pub fn bits(&self, row: u32) -> u8 {
        self.rows[row as usize]
    }

    /// Sets a new row's bits from a snapshot; one that waits to be told again is rearmed.
    pub fn restore(&mut self, row: u32, bits: u8) {
        let liquidatable = bits & LIQUIDATABLE != 0;
        self.rows[row as usize] = if liquidatable {
            bits & (LIQUIDATABLE | TOLD)
        } else {
            0
        };
        self.rearm_if_untold(row);
    }

    fn rearm_if_untold(&mut self, row: u32) {
        if self.is_liquidatable(row) && self.rows[row as usize] & TOLD == 0 {
            self.rearmed.push(row);
        }
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.capacity() + self.rearmed.capacity() * 4
    }
}
