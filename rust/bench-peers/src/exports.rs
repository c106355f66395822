//! The C functions by which Python times a protocol's market: the same five for each.

macro_rules! exports {
    ($market:ident: $new:ident, $apply:ident, $confirm:ident, $fill:ident, $free:ident) => {
        /// Returns a market of so many positions, or null where it is refused.
        #[no_mangle]
        pub extern "C" fn $new(positions: u32) -> *mut $market {
            $market::new(positions).map_or(std::ptr::null_mut(), |it| Box::into_raw(Box::new(it)))
        }

        /// Takes every account anew, one by one, and returns nanoseconds an account.
        #[no_mangle]
        pub extern "C" fn $apply(market: &mut $market) -> f64 {
            market.apply_all().unwrap_or(f64::NAN)
        }

        /// Returns nanoseconds of an exact verdict.
        #[no_mangle]
        pub extern "C" fn $confirm(market: &$market) -> f64 {
            market.confirm_all().unwrap_or(f64::NAN)
        }

        /// Lays a new book and returns nanoseconds an account.
        #[no_mangle]
        pub extern "C" fn $fill(market: &mut $market) -> f64 {
            market.fill().unwrap_or(f64::NAN)
        }

        /// Frees a market.
        #[no_mangle]
        pub unsafe extern "C" fn $free(market: *mut $market) {
            // SAFETY: from its `new`, once
            drop(unsafe { Box::from_raw(market) });
        }
    };
}
pub(crate) use exports;
