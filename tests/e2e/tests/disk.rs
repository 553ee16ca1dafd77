//! A full disk under the servers: each has one of its own, of a few hundred megabytes in memory, that this test fills and
//! frees. It needs the right to mount a file system (root has it), and says so where it does not have it.

use logmill_config::Layout;
use logmill_e2e::{Fixture, Portions, alone};
use logmill_stack::ServerId;
use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// Of one disk.
const BYTES: u64 = 400 << 20;
const PORTION: usize = 5;

/// Mounts a disk over a folder, for this thread and whatever it starts alone: it goes with them.
fn mount(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let text = |text: &str| CString::new(text).expect("no NUL in it");
    let (target, kind, size) = (text(&folder.display().to_string()), text("tmpfs"), text(&format!("size={BYTES}")));
    // SAFETY: the strings live until the call is over.
    let done = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, size.as_ptr().cast()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From here on mounts are this thread's own.
fn unshare() -> io::Result<()> {
    // SAFETY: plain calls.
    let done = unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(
                c"none".as_ptr(),
                c"/".as_ptr(),
                std::ptr::null(),
                libc::MS_REC | libc::MS_PRIVATE,
                std::ptr::null(),
            ) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A file that takes all that is left of a disk; dropping it frees that.
struct Ballast(PathBuf);

impl Ballast {
    fn fill(disk: &Path) -> Self {
        let path = disk.join("ballast");
        let file = std::fs::File::create(&path).expect("a file");
        let mut step = BYTES as i64;
        let mut length = 0;
        while step > 0 {
            // SAFETY: a file that is open.
            match unsafe { libc::posix_fallocate(file.as_raw_fd(), length, step) } {
                0 => length += step,
                _ => step /= 2,
            }
        }
        println!("{} is full: {} MB of it were free", disk.display(), length / 1_000_000);
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("the file is there");
    }
}

#[test]
fn a_full_disk_under_a_server_loses_nothing() {
    let home = logmill_stack::default_dir().join("e2e-disk");
    let disks = [home.join("clickhouse"), home.join("kafka-1")];
    let _ = std::fs::remove_dir_all(&home); // of the run before
    if let Err(why) = unshare().and_then(|()| disks.iter().try_for_each(|disk| mount(disk))) {
        println!("skipped: mounting a file system is refused ({why}); root may");
        return;
    }
    let fixture: &'static Fixture = Box::leak(Box::new(alone("e2e-disk").expect("the servers and the logs")));
    let mut chain = Portions::start(fixture, "disk", Layout::Fused, &[], |_| ());
    chain.put(PORTION);
    chain.through();

    let mark = chain.mark("loader");
    let ballast = Ballast::fill(&disks[0]);
    chain.put(PORTION);
    chain.await_words("loader", mark, &["waiting for ClickHouse", "rows."], 2);
    drop(ballast);
    if fixture.stack.ended().contains(&"clickhouse") {
        println!("the engine has ended; it is started again");
        fixture.stack.restart(&ServerId::ClickHouse).expect("it starts");
    }
    chain.through();

    let stages = chain.running.chain.stages();
    let marks: Vec<usize> = stages.iter().map(|stage| chain.mark(stage)).collect();
    let ballast = Ballast::fill(&disks[1]);
    chain.put(4 * PORTION);
    for (stage, mark) in stages.iter().zip(marks) {
        chain.await_words(stage, mark, &["waiting for Kafka"], 1);
    }
    drop(ballast);
    assert_eq!(fixture.stack.ended(), ["kafka-1"], "a broker ends when it cannot write");
    fixture.stack.restart(&ServerId::Broker(1)).expect("it starts");
    chain.through();
    chain.assert_exactly_once();
}
