//! Save's arithmetic against what its deployed program did.
#![allow(clippy::unwrap_used)]

mod recorded;
mod screen;

use liquidation_core::protocols::adapter::named;

use recorded::{trials, unpack};

#[test]
fn every_recorded_transaction_is_predicted_byte_for_byte() {
    let (save, mut landed) = (named("save").unwrap(), 0);
    let unpacked = unpack();
    let trials = trials(&unpacked);
    for (number, trial) in trials.iter().enumerate() {
        let found = save.predict(&trial.accounts, trial.clock, &trial.request);
        let found = found.unwrap();
        assert_eq!(found, trial.expected, "trial {number}");
        landed += usize::from(found.error.is_none());
    }
    assert_eq!(trials.len(), 1_200);
    assert!(
        landed > 400 && trials.len() - landed > 400,
        "{landed} landed"
    );
}

#[test]
fn health_agrees_with_what_the_program_did() {
    let (save, unpacked) = (named("save").unwrap(), unpack());
    for trial in trials(&unpacked) {
        let Ok(health) = save.health(&trial.accounts, trial.clock, &trial.request.position) else {
            continue; // bytes that are no obligation
        };
        match trial.expected.error {
            None => assert!(health.liquidatable, "{}", health.reason),
            Some(29) => assert_eq!(
                (health.liquidatable, health.reason.as_str()),
                (false, "healthy")
            ),
            Some(_) => {}
        }
    }
}
