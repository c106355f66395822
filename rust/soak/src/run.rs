//! Through seeds, kinds and kernels, until a limit or the goals are reached.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use liquidation_core::book::generic::kernels::Kernel;

use crate::arguments::{Arguments, GOALS};
use crate::kinds::{Kind, KINDS};
use crate::market::Stop;
use crate::tally::Tally;

/// A market that ended before its time.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its kind.
    pub kind: &'static str,
    /// The book's kernel.
    pub kernel: Kernel,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub stop: Stop,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Counts by kind, in the order of [`KINDS`].
    pub kinds: Vec<(&'static str, Tally)>,
    /// First and last seed.
    pub seeds: (u64, u64),
    /// Markets that ended before their time.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Returns the counts of all kinds together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.kinds.iter().for_each(|(_, tally)| total += *tally);
        total
    }

    /// Returns whether every market ran to its end and nothing was missed, told wrongly or asked too often.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.total().is_clean()
    }

    /// Returns whether the counts are those of the goals.
    #[must_use]
    pub fn has_reached_its_goals(&self) -> bool {
        counts(&self.total())
            .iter()
            .zip(GOALS)
            .all(|(count, goal)| *count >= goal)
    }
}

/// Returns position-ticks, those near equality, those exactly equal.
#[must_use]
pub fn counts(tally: &Tally) -> [u64; 3] {
    [tally.position_ticks, tally.near, tally.equal]
}

/// Runs until a limit is reached, or the goals where there is none; `enough` may end it after any market.
#[must_use]
pub fn run(arguments: &Arguments, mut enough: impl FnMut(&Outcome) -> bool) -> Outcome {
    let kinds: Vec<&Kind> = KINDS
        .iter()
        .filter(|kind| kind.name.contains(&arguments.kind))
        .collect();
    let (begun, mut progress) = (Instant::now(), Progress::default());
    let mut outcome = Outcome {
        kinds: kinds
            .iter()
            .map(|kind| (kind.name, Tally::default()))
            .collect(),
        ..Outcome::default()
    };
    'seeds: for seed in arguments.first_seed.. {
        outcome.seeds = (arguments.first_seed, seed);
        for (place, kind) in kinds.iter().enumerate() {
            for kernel in &arguments.kernels {
                let (tally, told) = kind.run(*kernel, seed, arguments.scale);
                outcome.kinds[place].1 += tally;
                outcome.took = begun.elapsed();
                if let Err(stop) = told {
                    outcome.failures.push(Failure {
                        kind: kind.name,
                        kernel: *kernel,
                        seed,
                        stop,
                    });
                }
                let share = share_done(arguments, &outcome);
                if arguments.progress {
                    progress.show(share, &outcome);
                }
                if enough(&outcome) || (share >= 1.0 && arguments.seeds.is_none()) {
                    break 'seeds;
                }
            }
        }
        if kinds.is_empty() || share_done(arguments, &outcome) >= 1.0 {
            break;
        }
    }
    progress.clear();
    outcome
}

/// Returns how much is done of the limit that is nearest, or of the goal that is furthest.
fn share_done(arguments: &Arguments, outcome: &Outcome) -> f64 {
    let total = outcome.total();
    if !arguments.is_limited() {
        let shares = counts(&total)
            .into_iter()
            .zip(GOALS)
            .map(|(count, goal)| count as f64 / goal as f64);
        return shares.fold(1.0, f64::min);
    }
    let markets = (KINDS.len() * arguments.kernels.len()) as f64;
    let run = (total.markets + outcome.failures.len() as u64) as f64;
    let limits = [
        arguments
            .limit
            .map(|limit| outcome.took.as_secs_f64() / limit.as_secs_f64()),
        arguments.seeds.map(|seeds| {
            if outcome.seeds.1 - outcome.seeds.0 + 1 >= seeds {
                run / markets / seeds as f64
            } else {
                0.0
            }
        }),
        arguments
            .position_ticks
            .map(|ticks| total.position_ticks as f64 / ticks as f64),
    ];
    limits.into_iter().flatten().fold(0.0, f64::max)
}

/// A line on stderr that is written over, or now and then a new one where nobody looks.
#[derive(Default)]
struct Progress {
    shown: Option<Instant>,
}

impl Progress {
    fn show(&mut self, share: f64, outcome: &Outcome) {
        let terminal = std::io::stderr().is_terminal();
        let pause = Duration::from_millis(if terminal { 100 } else { 15_000 });
        if self.shown.is_some_and(|shown| shown.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        let (total, done) = (outcome.total(), (share.clamp(0.0, 1.0) * 30.0) as usize);
        let [ticks, near, equal] = counts(&total);
        let end = if terminal { "\r" } else { "\n" };
        let _ = write!(
            std::io::stderr(),
            "[{}{}] {:3.0} %  seed {}  {ticks:.2e} position-ticks, {near:.1e} near, {equal:.1e} equal, {} missed, {} wrong {end}",
            "#".repeat(done),
            ".".repeat(30 - done),
            share * 100.0,
            outcome.seeds.1,
            total.missed,
            total.wrong,
        );
    }

    fn clear(&self) {
        if self.shown.is_some() && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r{:120}\r", "");
        }
    }
}
