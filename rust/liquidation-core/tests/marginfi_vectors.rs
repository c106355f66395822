//! What marginfi's program 0.1.1 did with random states, against what is predicted: every outcome, every byte.

#![allow(clippy::unwrap_used)]

mod marginfi_trials;

use std::collections::HashMap;

use liquidation_core::protocols::adapter::{named, Unanswered};
use marginfi_trials::read;

#[test]
fn every_trial_of_the_program_is_predicted_byte_for_byte() {
    let (line, trials) = read().unwrap();
    assert!(
        line.contains("a8066a5df8da6455b4906942190fc82315243d8dcb3c5368623a7d2fd6ca4c81"),
        "{line}"
    );
    assert!(trials.len() >= 1_000);
    let mut seen: HashMap<Option<i64>, usize> = HashMap::new();
    for (number, trial) in trials.iter().enumerate() {
        let adapter = named("marginfi").unwrap();
        let prediction = adapter
            .predict(&trial.accounts(), trial.clock, &trial.request)
            .unwrap();
        let error = (trial.error != 0).then_some(trial.error);
        assert_eq!(prediction.error, error, "trial {number}");
        assert_eq!(prediction.protocol_fee, trial.fee, "trial {number}");
        assert!(
            prediction.accounts_after == trial.after,
            "trial {number}: other bytes"
        );
        *seen.entry(error).or_default() += 1;
    }
    assert!(seen[&None] >= 300, "{seen:?}");
    assert!(seen.len() >= 15, "{seen:?}");
}

#[test]
fn an_absent_account_is_named() {
    let (_, trials) = read().unwrap();
    let adapter = named("marginfi").unwrap();
    let trial = trials.iter().find(|trial| trial.error == 0).unwrap();
    for key in trial.before.iter().map(|(key, ..)| *key) {
        let mut fewer = trial.accounts();
        fewer.remove(&key);
        match adapter.predict(&fewer, trial.clock, &trial.request) {
            Err(Unanswered::Missing(missing)) => assert!(!missing.is_empty()),
            other => assert!(
                other.is_ok_and(|it| it.error.is_none()),
                "an account that is not needed"
            ),
        }
    }
    let needed = [trial.request.position, trial.request.debt_reserve];
    for key in needed {
        let mut fewer = trial.accounts();
        fewer.remove(&key);
        let missing = Unanswered::Missing([key].into());
        assert_eq!(
            adapter.predict(&fewer, trial.clock, &trial.request),
            Err(missing)
        );
    }
}
