//! The mutation loop that protocols' fuzz targets share: damage recorded accounts, decode them, predict with them.

use std::time::Instant;

use liquidation_core::protocols::adapter::{named, Account, Accounts, Clock, Policy, Request};

/// A decoder's name, the length of what it reads, and whether it could.
pub type Decoder = (&'static str, usize, fn(&[u8]) -> bool);
/// Draws the version of the program to predict as.
pub type Version = fn(&mut Random) -> Option<String>;

/// Xorshift: reproducible, and fast enough not to be what is measured.
pub struct Random(u64);

impl Random {
    /// Returns 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Damages a few bytes: bit flips, extremes, copies, another length.
    fn damage(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(data.len());
            let (value, width) = (self.next(), 1 << self.below(5));
            for byte in data.iter_mut().skip(at).take(width) {
                *byte = match value % 5 {
                    0 => *byte ^ 1 << (value >> 8 & 7),
                    1 => 0,
                    2 => 255,
                    3 => (value >> 16) as u8,
                    _ => byte.wrapping_add(1),
                };
            }
        }
        if self.below(16) == 0 {
            let length = self.below(data.len() + 9);
            data.resize(length, 7);
        }
    }
}

/// A recorded transaction's accounts, to be damaged.
pub struct Trial {
    pub clock: Clock,
    /// Position, debt reserve, collateral reserve.
    pub legs: [[u8; 32]; 3],
    /// Address, owner and data.
    pub accounts: Vec<([u8; 32], [u8; 32], Vec<u8>)>,
}

fn decoders(all: &[Decoder], trials: &[Trial], iterations: u64, random: &mut Random) {
    for &(name, length, decode) in all {
        let accounts = trials.iter().flat_map(|trial| &trial.accounts);
        let seeds: Vec<&Vec<u8>> = accounts
            .map(|(_, _, data)| data)
            .filter(|data| data.len() == length)
            .collect();
        let (start, mut good, mut data) = (Instant::now(), 0u64, Vec::new());
        for round in 0..iterations {
            if round % 8 == 0 {
                data.clone_from(seeds[random.below(seeds.len())]); // up to eight damages pile up
            }
            random.damage(&mut data);
            good += u64::from(decode(&data));
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:14} {iterations} iterations, {good} decoded, {seconds:.1} s, no panic");
    }
}

fn predictions(
    protocol: &str,
    version: Version,
    trials: &[Trial],
    iterations: u64,
    random: &mut Random,
) {
    let adapter = named(protocol).expect("the protocol is listed");
    let (start, mut landed) = (Instant::now(), 0u64);
    for _ in 0..iterations {
        let trial = &trials[random.below(trials.len())];
        let mut copies = trial.accounts.clone();
        for _ in 0..random.below(3) {
            let at = random.below(copies.len());
            random.damage(&mut copies[at].2);
        }
        let accounts: Accounts = copies
            .iter()
            .map(|(address, owner, data)| {
                (
                    *address,
                    Account {
                        owner: *owner,
                        lamports: 1,
                        data,
                    },
                )
            })
            .collect();
        let [position, debt_reserve, collateral_reserve] = trial.legs;
        let request = Request {
            position,
            debt_reserve,
            collateral_reserve,
            amount: random.next() >> random.below(64),
            liquidator: None,
            min_received: 0,
            instruction: None,
            version: version(random),
        };
        let found = adapter.predict(&accounts, trial.clock, &request);
        landed += u64::from(found.is_ok_and(|found| found.error.is_none()));
        let policy = Policy {
            position: Some(position),
            liquidator: None,
            balances: std::collections::BTreeMap::new(),
            min_profit: 0,
            costs: 0,
            instruction: None,
            version: None,
        };
        if random.below(8) == 0 {
            let _ = adapter.explain(&accounts, trial.clock, &position); // health and the best plan included
            let _ = adapter.best_plan(&accounts, trial.clock, &policy);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("predictions    {iterations} iterations, {landed} landed, {seconds:.1} s, no panic");
}

/// Runs as the command line asks: `--seed`, `--iterations` of each decoder, `--predictions`.
pub fn run(protocol: &str, all: &[Decoder], trials: &[Trial], version: Version) {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        let given = at.and_then(|at| arguments.get(at + 1)?.parse().ok());
        given.unwrap_or(otherwise)
    };
    let mut random = Random(number("--seed", 1).max(1));
    decoders(all, trials, number("--iterations", 100_000), &mut random);
    predictions(
        protocol,
        version,
        trials,
        number("--predictions", 10_000),
        &mut random,
    );
}
