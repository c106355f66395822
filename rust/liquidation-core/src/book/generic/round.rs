//! Floats that err on a known side: the screen may ask too often, never too seldom.

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

/// Returns the largest f32 that is not above a share, a number from 0 to about 1: one step of its bits, without a branch.
#[inline]
#[must_use]
pub fn share_down(share: f64) -> f32 {
    let near = share as f32;
    f32::from_bits(near.to_bits() - u32::from(f64::from(near) > share))
}

/// Returns the smallest f32 that is not below a share.
#[inline]
#[must_use]
pub fn share_up(share: f64) -> f32 {
    let near = share as f32;
    f32::from_bits(near.to_bits() + u32::from(f64::from(near) < share))
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
        for share in [
            0.0,
            1e-60,
            1e-40,
            1e-9,
            0.1,
            1.0 / 3.0,
            1.0 - 1e-12,
            1.0,
            1.0 + 1e-9,
        ] {
            assert_eq!(
                (share_down(share), share_up(share)),
                (down(share), up(share)),
                "{share}"
            );
        }
        assert_eq!((down(1e39), up(1e39)), (f32::MAX, f32::INFINITY));
    }
}
