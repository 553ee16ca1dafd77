//! The allocator, tuned for payloads of about a megabyte.

/// Lets the allocator keep buffers of up to 64 MiB instead of mapping and unmapping each payload: a third less time for
/// a hop of 900 KiB messages. To be called at the start of a main, before threads are there. Does nothing where the
/// C library is not glibc.
pub fn keep_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGE: libc::c_int = 64 << 20;
        // SAFETY: mallopt takes two numbers and changes the allocator's settings alone.
        unsafe {
            // One heap for all threads: that of a thread alone is given back to the system as soon as it is empty, and each
            // page of it is cleared again a moment later.
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * LARGE);
        }
    }
}
