//! The oracle gives what plain Python gives: `tests/vectors/make_generic_legs.py` wrote the file.
#![allow(clippy::unwrap_used)]

use exact_oracle::Oracle;

#[test]
fn every_leg_is_worth_what_python_says() {
    let lines = include_str!("../../../tests/vectors/generic_legs.txt").lines();
    let mut count = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(' ').collect();
        let mut oracle = Oracle::new(&[fields[0].parse().unwrap()], &[fields[1].parse().unwrap()]);
        oracle.prices = vec![fields[2].parse().unwrap()];
        oracle.weights = [
            vec![fields[3].parse().unwrap()],
            vec![fields[3].parse().unwrap()],
        ];
        let leg = oracle.leg((fields[5].parse().unwrap(), fields[4].parse().unwrap()));
        assert_eq!(leg.to_string(), fields[6], "{line}");
        count += 1;
    }
    assert_eq!(count, 400);
}
