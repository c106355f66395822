//! Rows in the order of their keys: a radix sort, because a new anchor sorts everybody.

/// A key and its row, ordered by the key.
#[derive(Clone, Copy, Debug)]
pub struct Keyed(u64);

impl Keyed {
    /// Returns the pair; a key is never negative, so its bits are in its order.
    #[must_use]
    pub fn new(key: f32, row: u32) -> Keyed {
        Keyed(u64::from(key.to_bits()) << 32 | u64::from(row))
    }

    /// Returns the row.
    #[must_use]
    pub const fn row(self) -> u32 {
        self.0 as u32
    }
}

const DIGIT: u32 = 11;

/// Sorts by rising keys, three digits of eleven bits one after the other.
#[must_use]
pub fn sorted(mut entries: Vec<Keyed>) -> Vec<Keyed> {
    let mut other = vec![Keyed(0); entries.len()];
    for digit in 0..3 {
        let place = |entry: Keyed| (entry.0 >> (32 + digit * DIGIT)) as usize & ((1 << DIGIT) - 1);
        let mut starts = [0usize; 1 << DIGIT];
        entries.iter().for_each(|entry| starts[place(*entry)] += 1);
        let mut before = 0;
        for start in &mut starts {
            before += std::mem::replace(start, before);
        }
        for entry in &entries {
            let start = &mut starts[place(*entry)];
            other[*start] = *entry;
            *start += 1;
        }
        std::mem::swap(&mut entries, &mut other);
    }
    entries
}

/// Writes numbers into `sorted` by rising size, those of one size in the order they have; sizes are below 64.
pub fn sort_by_size(numbers: &[u32], size: impl Fn(u32) -> usize, sorted: &mut [u32]) {
    let mut starts = [0usize; 64];
    numbers
        .iter()
        .for_each(|number| starts[size(*number) % 64] += 1);
    let mut before = 0;
    for start in &mut starts {
        before += std::mem::replace(start, before);
    }
    for number in numbers {
        let start = &mut starts[size(*number) % 64];
        sorted[*start] = *number;
        *start += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_keys_compare() {
        let keys = [
            1.5,
            0.0,
            f32::MAX,
            1e-40,
            1.0,
            0.999_999_9,
            1.000_000_1,
            3e7,
            1.0,
        ];
        let rows = sorted(
            (0..)
                .zip(keys)
                .map(|(row, key)| Keyed::new(key, row))
                .collect(),
        );
        let order: Vec<f32> = rows
            .into_iter()
            .map(|entry| keys[entry.row() as usize])
            .collect();
        assert!(order.is_sorted() && order.len() == keys.len());
    }
    #[test]
    fn those_of_one_size_keep_their_order() {
        let (sizes, mut sorted) = ([3, 1, 3, 33, 1], [0; 5]);
        sort_by_size(
            &[0, 1, 2, 3, 4],
            |number| sizes[number as usize],
            &mut sorted,
        );
        assert_eq!(sorted, [1, 4, 0, 2, 3]);
    }
}
