//! A wall clock that a test sets for some processes alone. Loaded before libc (`LD_PRELOAD`), it adds to the time of day the
//! nanoseconds, an `i64` of this machine, that the file `LOGMILL_CLOCK` holds just then.
//!
//! Who waits until a time of day (`cnd_timedwait`, as librdkafka does, or `pthread_cond_timedwait`) waits until *this*
//! clock says so, also when it is set back meanwhile: on a machine whose clock is set back an hour, such a wait becomes an
//! hour longer. One that is under way when the clock is set forward ends as late as before.

use libc::{c_int, c_void, clockid_t, time_t, timespec, timeval, timezone};
use std::ffi::CStr;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

const SECOND: i128 = 1_000_000_000;
/// A time of day is later than this; what a clock says that began at boot is not.
const A_TIME_OF_DAY: time_t = 1_000_000_000;
/// `thrd_timedout` of glibc's threads.h.
const THRD_TIMEDOUT: c_int = 4;

/// What the file holds, mapped; 0 where there is none.
fn shift() -> i128 {
    static MAPPED: OnceLock<Option<&'static AtomicI64>> = OnceLock::new();
    let mapped = MAPPED.get_or_init(|| {
        // SAFETY: plain calls; the mapping is never taken back, and is as long and as aligned as what it is read as.
        unsafe {
            let path = libc::getenv(c"LOGMILL_CLOCK".as_ptr());
            if path.is_null() {
                return None;
            }
            let file = libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC);
            let mapped = libc::mmap(ptr::null_mut(), 8, libc::PROT_READ, libc::MAP_SHARED, file, 0);
            libc::close(file);
            (mapped != libc::MAP_FAILED).then(|| &*mapped.cast::<AtomicI64>())
        }
    });
    mapped.map_or(0, |nanoseconds| i128::from(nanoseconds.load(Ordering::Relaxed)))
}

fn nanoseconds(time: &timespec) -> i128 {
    i128::from(time.tv_sec) * SECOND + i128::from(time.tv_nsec)
}

fn timespec_of(nanoseconds: i128) -> timespec {
    timespec {
        tv_sec: nanoseconds.div_euclid(SECOND) as time_t,
        tv_nsec: nanoseconds.rem_euclid(SECOND) as libc::c_long,
    }
}

/// The kernel's clock.
fn kernel(clock: clockid_t) -> Result<timespec, c_int> {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills one timespec.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time) };
    if result == 0 { Ok(time) } else { Err(-1) }
}

fn time_of_day() -> i128 {
    kernel(libc::CLOCK_REALTIME).map_or(0, |time| nanoseconds(&time)) + shift()
}

/// As in POSIX.
///
/// # Safety
/// As in POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, to: *mut timespec) -> c_int {
    let of_day = clock == libc::CLOCK_REALTIME || clock == libc::CLOCK_REALTIME_COARSE;
    match kernel(clock) {
        Ok(time) if of_day => {
            // SAFETY: the caller gives a place for one.
            unsafe { *to = timespec_of(nanoseconds(&time) + shift()) };
            0
        }
        Ok(time) => {
            // SAFETY: as above.
            unsafe { *to = time };
            0
        }
        Err(code) => code,
    }
}

/// As in POSIX.
///
/// # Safety
/// As in POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(to: *mut timeval, _zone: *mut timezone) -> c_int {
    let now = timespec_of(time_of_day());
    if !to.is_null() {
        // SAFETY: the caller gives a place for one.
        unsafe { *to = timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1_000 } };
    }
    0
}

/// As in POSIX.
///
/// # Safety
/// As in POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(to: *mut time_t) -> time_t {
    let now = timespec_of(time_of_day()).tv_sec;
    if !to.is_null() {
        // SAFETY: the caller gives a place for one.
        unsafe { *to = now };
    }
    now
}

/// libc's function of this name, of the oldest of these versions that there is.
fn of_libc(name: &CStr, version: &CStr) -> *mut c_void {
    // SAFETY: plain look-ups by names that end in NUL.
    unsafe {
        let versioned = libc::dlvsym(libc::RTLD_NEXT, name.as_ptr(), version.as_ptr());
        if versioned.is_null() { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } else { versioned }
    }
}

type Wait = unsafe extern "C" fn(*mut c_void, *mut c_void, *const timespec) -> c_int;

/// Waits by libc's function until it is `until` by this clock, or the condition is signalled. `timed_out` is what that
/// function gives when the time is over.
///
/// # Safety
/// What `wait` takes.
unsafe fn wait_until(
    wait: &OnceLock<usize>,
    (name, version): (&CStr, &CStr),
    timed_out: c_int,
    (condition, mutex, until): (*mut c_void, *mut c_void, *const timespec),
) -> c_int {
    let address = *wait.get_or_init(|| of_libc(name, version) as usize);
    assert!(address != 0, "libc has {name:?}");
    // SAFETY: it is libc's function of this signature.
    let wait = unsafe { std::mem::transmute::<*mut c_void, Wait>(address as *mut c_void) };
    // SAFETY: the caller gives one.
    let end = unsafe { *until };
    if end.tv_sec < A_TIME_OF_DAY {
        // SAFETY: what the caller gives goes on as it is.
        return unsafe { wait(condition, mutex, until) };
    }
    loop {
        let left = nanoseconds(&end) - time_of_day();
        if left <= 0 {
            return timed_out;
        }
        let now = kernel(libc::CLOCK_REALTIME).map_or(0, |time| nanoseconds(&time));
        let kernel_end = timespec_of(now + left);
        // SAFETY: as above, until the same time as the kernel has it.
        let result = unsafe { wait(condition, mutex, &raw const kernel_end) };
        if result != timed_out {
            return result;
        }
    }
}

/// As in POSIX, by this clock.
///
/// # Safety
/// As in POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut c_void,
    mutex: *mut c_void,
    until: *const timespec,
) -> c_int {
    static WAIT: OnceLock<usize> = OnceLock::new();
    let name = (c"pthread_cond_timedwait", c"GLIBC_2.3.2");
    // SAFETY: as the caller promises.
    unsafe { wait_until(&WAIT, name, libc::ETIMEDOUT, (condition, mutex, until)) }
}

/// As in C11, by this clock. glibc's own does not call `pthread_cond_timedwait` by its name.
///
/// # Safety
/// As in C11.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_timedwait(condition: *mut c_void, mutex: *mut c_void, until: *const timespec) -> c_int {
    static WAIT: OnceLock<usize> = OnceLock::new();
    // SAFETY: as the caller promises.
    unsafe { wait_until(&WAIT, (c"cnd_timedwait", c"GLIBC_2.34"), THRD_TIMEDOUT, (condition, mutex, until)) }
}
