//! The allocator, tuned for payloads of about a megabyte, and the stacks of the threads that librdkafka makes.

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
            libc::mallopt(libc::M_TRIM_THRESHOLD, 8 * LARGE);
        }
    }
}

/// Gives the threads that libraries make from now on a stack of 1 MiB, of which they use a fraction, in place of the 8 MiB of most
/// systems: librdkafka has a thread for each client and for each broker of each client. (Rust's own threads say what they
/// want.) To be called at the start of a main. Does nothing where the C library is not glibc.
pub fn keep_small_stacks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const STACK: usize = 1 << 20;
        unsafe extern "C" {
            fn pthread_setattr_default_np(attributes: *const libc::pthread_attr_t) -> libc::c_int;
        }
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        // SAFETY: pthread_attr_init makes the attributes whole before anything reads them; all three take a pointer to them and
        // keep none.
        unsafe {
            if libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
                libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
                pthread_setattr_default_np(attributes.as_ptr());
                libc::pthread_attr_destroy(attributes.as_mut_ptr());
            }
        }
    }
}
