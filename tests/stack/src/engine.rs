//! The host of the ClickHouse engine: opens libchdb.so, asks it to listen, and holds it open until SIGTERM.
//!
//! The engine runs as long as its last query reads from a named pipe that this process holds open for writing; when
//! the pipe closes, the query ends and the engine closes its folder. A process holds one engine, once.

use std::ffi::{CStr, CString, c_char, c_int};
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::{Doing, Error, Result};
use crate::signals::Signals;

pub use crate::engine_program::find as program;

/// What the engine is started with.
#[derive(Debug)]
pub struct Engine {
    /// libchdb.so.
    pub library: PathBuf,
    /// ClickHouse's configuration, naming the users' file.
    pub config: PathBuf,
    /// The folder of its data, created when absent.
    pub data: PathBuf,
    /// The named pipe that holds it open, created anew.
    pub hold: PathBuf,
    /// Where its HTTP server listens.
    pub address: String,
    /// On which port.
    pub port: u16,
    /// Whether it also listens where other engines ask it, at the `tcp_port` of its configuration.
    pub native: bool,
    /// How much it logs, where its configuration names a file for that.
    pub log_level: String,
}

impl Engine {
    /// The command by which [`program`] runs it in a process of its own.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("engine").arg("--library").arg(&self.library).arg("--config").arg(&self.config);
        command.arg("--data").arg(&self.data).arg("--hold").arg(&self.hold);
        command.arg("--address").arg(&self.address).arg("--port").arg(self.port.to_string());
        command.args(self.native.then_some("--native")).arg("--log-level").arg(&self.log_level);
        command
    }
}

#[repr(C)]
struct ChdbResult {
    _opaque: [u8; 0],
}

type QueryCommandLine = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut ChdbResult;
type ResultError = unsafe extern "C" fn(*mut ChdbResult) -> *const c_char;
type SetSignalHandlers = unsafe extern "C" fn(c_int);

/// Runs the engine until SIGTERM, SIGINT or SIGHUP. Call it from a process that does nothing else.
pub fn run(engine: &Engine) -> Result<()> {
    // The engine's SYSTEM SHUTDOWN signals its whole process group.
    // SAFETY: setsid takes nothing; it fails harmlessly where we lead a session already.
    unsafe { libc::setsid() };
    make_pipe(&engine.hold)?;
    let mut signals = Signals::catch().doing(|| "catch signals".into())?;
    let writer = open_pipe(&engine.hold, false)?;
    let hold = engine.hold.clone();
    std::thread::spawn(move || {
        signals.wait();
        drop(writer);
        loop {
            // A query that comes to the pipe only now must not wait for a writer for ever.
            drop(open_pipe(&hold, true));
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    query(engine)
}

fn query(engine: &Engine) -> Result<()> {
    let failed = |answer: String| Error::Answer { server: "the ClickHouse engine".into(), answer };
    // SAFETY: the symbols have these signatures in the pinned version; the library is never closed (it must not be).
    unsafe {
        let library = libloading::Library::new(&engine.library).map_err(|error| failed(error.to_string()))?;
        let library = std::mem::ManuallyDrop::new(library);
        let symbol = |error: libloading::Error| failed(error.to_string());
        let set_signal_handlers =
            library.get::<SetSignalHandlers>(b"chdb_set_signal_handlers_enabled").map_err(symbol)?;
        let run = library.get::<QueryCommandLine>(b"chdb_query_cmdline").map_err(symbol)?;
        let error_of = library.get::<ResultError>(b"chdb_result_error").map_err(symbol)?;
        set_signal_handlers(0);
        let mut arguments = arguments(engine);
        let mut pointers: Vec<*mut c_char> = arguments.iter_mut().map(|text| text.as_ptr().cast_mut()).collect();
        let count = pointers.len() as c_int;
        pointers.push(std::ptr::null_mut());
        let result = run(count, pointers.as_mut_ptr());
        let error = if result.is_null() { std::ptr::null() } else { error_of(result) };
        if error.is_null() { Ok(()) } else { Err(failed(CStr::from_ptr(error).to_string_lossy().into_owned())) }
    }
}

/// The command line of clickhouse-local: listen, then read the pipe to its end.
fn arguments(engine: &Engine) -> Vec<CString> {
    let hold = engine.hold.display().to_string().replace('\\', "\\\\").replace('\'', "\\'");
    let native = if engine.native { "SYSTEM START LISTEN TCP; " } else { "" };
    let query = format!(
        "{native}SYSTEM START LISTEN HTTP; \
         SELECT count() FROM file('{hold}', 'LineAsString', 'line String') FORMAT Null \
         SETTINGS max_execution_time = 0, storage_file_read_method = 'read'"
    );
    let path = |flag: &str, path: &Path| [flag.as_bytes(), path.as_os_str().as_bytes()].concat();
    [
        b"clickhouse-local".to_vec(),
        path("--path=", &engine.data),
        path("--config-file=", &engine.config),
        format!("--listen_host={}", engine.address).into_bytes(),
        format!("--http_port={}", engine.port).into_bytes(),
        format!("--log-level={}", engine.log_level).into_bytes(),
        b"--query_id=engine-hold".to_vec(),
        format!("--query={query}").into_bytes(),
    ]
    .into_iter()
    .map(|text| CString::new(text).expect("paths and our own texts hold no NUL"))
    .collect()
}

fn make_pipe(path: &Path) -> Result<()> {
    let _ = std::fs::remove_file(path);
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path holds no NUL");
    // SAFETY: `name` is a valid C string.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    if made == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error()).doing(|| format!("make the pipe {}", path.display()))
    }
}

/// Opens the pipe for writing. Without `only_if_read` also for reading, which never blocks and makes it stay open.
fn open_pipe(path: &Path, only_if_read: bool) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .read(!only_if_read)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .doing(|| format!("open the pipe {}", path.display()))
}
