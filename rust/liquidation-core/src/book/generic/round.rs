//! Numbers that err on a known side: the screen may ask too often, never too seldom.

/// Room for the rounding of a handful of operations on f64, each below 2⁻⁵³, and of [`super::rule::Factor::to_f64`].
pub const ROOM: f64 = 1.0 / (1u64 << 44) as f64;

/// Returns the largest f32 that is not above `value`.
#[must_use]
pub fn down(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value {
        near.next_down()
    } else {
        near
    }
}

/// Returns the smallest f32 that is not below `value`.
#[must_use]
pub fn up(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value {
        near.next_up()
    } else {
        near
    }
}

/// Returns the largest whole number that is not above `value`, which is from 0 to 2³² − 2.
#[inline]
#[must_use]
pub fn parts_down(value: f64) -> u32 {
    value as u32
}

/// Returns the smallest whole number that is not below `value`, which is from 0 to 2³² − 2.
#[inline]
#[must_use]
pub fn parts_up(value: f64) -> u32 {
    let below = value as u32;
    below + u32::from(f64::from(below) < value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_enclose_every_number_below_zero_too() {
        for value in [
            0.0,
            1e-50,
            0.1,
            1.0 - 1e-12,
            1.0 + 1e-12,
            3e38,
            1e39,
            f64::INFINITY,
        ] {
            for value in [value, -value] {
                assert!(
                    f64::from(down(value)) <= value && value <= f64::from(up(value)),
                    "{value}"
                );
            }
        }
        for value in [
            0.0,
            1e-60,
            0.3,
            1.0,
            1.0 + 1e-12,
            16_777_151.5,
            16_777_152.0,
        ] {
            assert!(
                f64::from(parts_down(value)) <= value && value <= f64::from(parts_up(value)),
                "{value}"
            );
            assert!(parts_up(value) - parts_down(value) <= 1, "{value}");
        }
        assert_eq!((down(1e39), up(1e39)), (f32::MAX, f32::INFINITY));
    }
}
