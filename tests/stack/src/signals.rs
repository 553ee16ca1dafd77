//! SIGINT, SIGTERM and SIGHUP as an event one can wait for.

use std::io::{self, Read};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The writing end of the pipe that the handler writes to.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn note(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write is async-signal-safe; the descriptor is never closed.
    unsafe { libc::write(PIPE.load(Ordering::Relaxed), (&raw const byte).cast(), 1) };
}

/// From now on the three signals no longer end the process; [`Signals::wait`] returns them.
pub struct Signals(std::fs::File);

impl Signals {
    /// Takes the signals over. Once a process.
    pub fn catch() -> io::Result<Signals> {
        let (reader, writer) = io::pipe()?;
        PIPE.store(writer.into_raw_fd(), Ordering::Relaxed);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: a zeroed sigaction with a handler is valid; SA_RESTART spares other threads an EINTR.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = note as extern "C" fn(libc::c_int) as usize;
                action.sa_flags = libc::SA_RESTART;
                if libc::sigaction(signal, &action, std::ptr::null_mut()) != 0 {
                    return Err(io::Error::last_os_error());
                }
            }
        }
        // SAFETY: the descriptor is ours alone, given up by `into_raw_fd`.
        Ok(Signals(unsafe { std::fs::File::from_raw_fd(reader.into_raw_fd()) }))
    }

    /// Blocks until one of the signals comes; its number.
    pub fn wait(&mut self) -> i32 {
        let mut byte = [0];
        match self.0.read_exact(&mut byte) {
            Ok(()) => i32::from(byte[0]),
            Err(_) => libc::SIGTERM, // the pipe cannot close; if it did, ending is right
        }
    }
}
