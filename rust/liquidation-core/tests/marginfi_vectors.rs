//! What marginfi's program 0.1.1 did with random states, against what is predicted: every outcome, every byte.

#![allow(clippy::unwrap_used)]

mod marginfi_trials;

use std::collections::HashMap;

use liquidation_core::protocols::adapter::{named, Unanswered};
use liquidation_core::protocols::marginfi::assessment::assess;
use liquidation_core::protocols::marginfi::confirm::Banks;
use liquidation_core::protocols::marginfi::version::Version;
use liquidation_core::protocols::marginfi::world::World;
use marginfi_trials::{read, Trial};

/// Holds every trial of a file against the prediction; returns how often each way ended how.
fn replayed(trials: &[Trial]) -> HashMap<(String, Option<i64>), usize> {
    let adapter = named("marginfi").unwrap();
    let mut seen = HashMap::new();
    for (number, trial) in trials.iter().enumerate() {
        let prediction = adapter
            .predict(&trial.accounts(), trial.clock, &trial.request)
            .unwrap();
        let error = (trial.error != 0).then_some(trial.error);
        assert_eq!(prediction.error, error, "trial {number}");
        assert_eq!(prediction.protocol_fee, trial.fee, "trial {number}");
        let way = trial.request.instruction.clone().unwrap();
        if way == "v2" {
            assert_eq!(prediction.repaid, trial.repaid, "trial {number}");
        }
        assert!(
            prediction.accounts_after == trial.after,
            "trial {number}: other bytes"
        );
        *seen.entry((way, error)).or_default() += 1;
    }
    seen
}

#[test]
fn every_trial_of_the_program_is_predicted_byte_for_byte() {
    let (line, trials) = read("0.1.1").unwrap();
    assert!(
        line.contains("a8066a5df8da6455b4906942190fc82315243d8dcb3c5368623a7d2fd6ca4c81"),
        "{line}"
    );
    assert!(trials.len() >= 1_000);
    let seen = replayed(&trials);
    assert!(seen[&("v1".to_owned(), None)] >= 300, "{seen:?}");
    assert!(seen.len() >= 15, "{seen:?}");
}

#[test]
fn every_trial_of_the_newer_programs_source_is_predicted_byte_for_byte() {
    let (line, trials) = read("0.1.9").unwrap();
    assert!(line.contains("0.1.9 source 1f1f7a69"), "{line}");
    assert!(trials.len() >= 1_000);
    let seen = replayed(&trials);
    for way in ["v1", "v2"] {
        assert!(seen[&(way.to_owned(), None)] >= 150, "{seen:?}");
    }
    assert!(seen.len() >= 40, "{seen:?}");
}

#[test]
fn an_absent_account_is_named() {
    let (_, trials) = read("0.1.1").unwrap();
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

#[test]
fn a_confirmed_account_has_the_health_that_is_told() {
    let (_, trials) = read("0.1.1").unwrap();
    let mut compared = 0;
    for trial in &trials {
        let accounts = trial.accounts();
        let world = World::new(&accounts, trial.clock, Version::V0_1_1);
        let told = assess(&world, &trial.request.position).map(|assessed| assessed.totals);
        let confirmed = || {
            let account = world.margin_account(&trial.request.position)?;
            let group = world.group(&account.group())?;
            group.check_length()?;
            let keys: Vec<_> = account.balances().map(|balance| balance.bank).collect();
            let banks = Banks::at(&world, &keys, &group)?;
            banks.confirm(&banks.decode(&account, true)?.unwrap())
        };
        match (told, confirmed()) {
            (Ok(told), confirmed) => {
                assert_eq!(confirmed, Ok(told));
                compared += 1;
            }
            (Err(_), confirmed) => assert!(confirmed.is_err() || trial.error != 0),
        }
    }
    assert!(compared > 800, "{compared}");
}
