//! Large pages, where the system gives them on request: a sweep reads tens of megabytes in order, and fetching ahead stops at the
//! end of every page.
#![allow(unsafe_code)]

/// Asks for large pages where a vector has room and nothing was written yet. Only a hint: nothing follows if it is not taken.
pub fn large<T>(memory: &mut Vec<T>) {
    #[cfg(target_os = "linux")]
    advise(memory.spare_capacity_mut());
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

#[cfg(target_os = "linux")]
fn advise<T>(room: &mut [std::mem::MaybeUninit<T>]) {
    use std::ffi::{c_int, c_void};
    const PAGE: usize = 4096;
    const LARGE_PAGE: usize = 2 << 20;
    const MADV_HUGEPAGE: c_int = 14;
    extern "C" {
        fn madvise(start: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    let start = room.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(PAGE);
    let length = size_of_val(room).saturating_sub(before) / PAGE * PAGE;
    if length >= LARGE_PAGE {
        // SAFETY: whole pages of memory that is borrowed for writing; the advice changes no content
        unsafe { madvise(start.add(before).cast(), length, MADV_HUGEPAGE) };
    }
}
