//! Where the runtime enters, and where a panic would end (the program has none of its own making).

use crate::{input, instructions, syscalls};

/// Executes one instruction; the result is 0 or the refusal's code.
///
/// # Safety
/// `bytes` is the runtime's serialization of accounts, data and program id.
#[no_mangle]
pub unsafe extern "C" fn entrypoint(bytes: *mut u8) -> u64 {
    // SAFETY: the caller's promise is the same
    let outcome = unsafe { input::with_call(bytes, instructions::execute) };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            syscalls::log(error.name());
            u64::from(error.code())
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    syscalls::abort_transaction()
}
