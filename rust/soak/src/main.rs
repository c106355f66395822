//! `make soak`: see [`soak`].

use std::process::ExitCode;

use soak::arguments::Arguments;
use soak::{report, run};

fn main() -> ExitCode {
    let arguments = match Arguments::from_words(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    #[cfg(feature = "sabotage")]
    if !soak::teeth::bite(&arguments) {
        return ExitCode::FAILURE;
    }
    if cfg!(feature = "sabotage") {
        return ExitCode::SUCCESS;
    }
    let outcome = run::run(&arguments, |_| false);
    let text = if arguments.json {
        report::json(&arguments, &outcome)
    } else {
        report::table(&arguments, &outcome)
    };
    println!("{}", text.trim_end());
    let short = !arguments.is_limited() && !outcome.has_reached_its_goals();
    if outcome.is_clean() && !short {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
