//! What the soak is asked to do.

use std::time::Duration;

use liquidation_core::book::generic::kernels::Kernel;

/// What [`Arguments::from_words`] understands.
pub const USAGE: &str = "soak [--seconds N] [--seeds N] [--position-ticks N] [--first-seed N] [--scale N] [--kind NAME] [--json]

Ends at the first limit reached; without one, when the goals are: 1e9 position-ticks, 1e7 near equality, 1e6 exactly equal.
--scale divides the markets' sizes, --kind runs only kinds whose name has NAME in it.
LIQUIDATION_KERNEL (avx512, avx2, portable) runs one kernel instead of all that the processor has.";

/// The goals of the counts: position-ticks, near equality, exactly equal.
pub const GOALS: [u64; 3] = [1_000_000_000, 10_000_000, 1_000_000];

/// Limits and choices.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// Time to run for.
    pub limit: Option<Duration>,
    /// Seeds to run all kinds and kernels with.
    pub seeds: Option<u64>,
    /// Position-ticks to reach.
    pub position_ticks: Option<u64>,
    /// The first seed; the others follow it.
    pub first_seed: u64,
    /// Divides the markets' sizes.
    pub scale: usize,
    /// Part of the names of the kinds to run.
    pub kind: String,
    /// Whether the report is JSON.
    pub json: bool,
    /// Whether stderr shows how far it is.
    pub progress: bool,
    /// The kernels to run.
    pub kernels: Vec<Kernel>,
}

impl Default for Arguments {
    fn default() -> Arguments {
        let named = ["avx512", "avx2", "portable"].into_iter();
        Arguments {
            limit: None,
            seeds: None,
            position_ticks: None,
            first_seed: 1,
            scale: 1,
            kind: String::new(),
            json: false,
            progress: false,
            kernels: named.filter_map(|name| Kernel::named(name).ok()).collect(),
        }
    }
}

impl Arguments {
    /// Returns what the words of a command line and the environment ask for.
    pub fn from_words(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments {
            progress: true,
            ..Arguments::default()
        };
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("found nothing after {word}, expected a value"))
            };
            match word.as_str() {
                "--seconds" => arguments.limit = Some(Duration::from_secs(number(&value()?)?)),
                "--seeds" => arguments.seeds = Some(number(&value()?)?),
                "--position-ticks" => arguments.position_ticks = Some(number(&value()?)?),
                "--first-seed" => arguments.first_seed = number(&value()?)?,
                "--scale" => arguments.scale = number(&value()?)?.max(1) as usize,
                "--kind" => arguments.kind = value()?,
                "--json" => arguments.json = true,
                _ => return Err(format!("found '{word}'\n\n{USAGE}")),
            }
        }
        if let Ok(name) = std::env::var("LIQUIDATION_KERNEL") {
            arguments.kernels = vec![Kernel::named(&name).map_err(|error| error.to_string())?];
        }
        Ok(arguments)
    }

    /// Returns whether a limit was given.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.limit.is_some() || self.seeds.is_some() || self.position_ticks.is_some()
    }
}

/// Returns a whole number, `1e9` and `1_000` included.
fn number(word: &str) -> Result<u64, String> {
    let plain = word.replace('_', "");
    let whole = plain.parse::<u64>().ok().or_else(|| {
        let float = plain.parse::<f64>().ok()?;
        (float.fract() == 0.0 && (0.0..1e18).contains(&float)).then_some(float as u64)
    });
    whole.ok_or_else(|| format!("found '{word}', expected a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_with_powers_of_ten_and_anything_else_is_refused() {
        let words = |line: &str| Arguments::from_words(line.split(' ').map(String::from));
        let arguments = words("--position-ticks 1e9 --seeds 3 --json").unwrap_or_default();
        assert_eq!(
            (arguments.position_ticks, arguments.seeds, arguments.json),
            (Some(1_000_000_000), Some(3), true)
        );
        assert!(
            words("--seeds").is_err() && words("--seeds many").is_err() && words("--fast").is_err()
        );
    }
}
