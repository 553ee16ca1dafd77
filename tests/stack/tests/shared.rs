//! Tests that do not break servers share one stack a process, and it ends with the process.

use std::process::Command;

use logmill_stack::{default_dir, probe, shared};

#[test]
fn every_test_gets_the_same_server() {
    let first = std::thread::spawn(shared::clickhouse).join().unwrap();
    let second = std::thread::spawn(shared::clickhouse).join().unwrap();
    assert_eq!(first, second);
    assert_eq!(probe::query(first, &first.admin, "SELECT 7").unwrap(), "7\n");
}

#[test]
fn the_data_goes_with_the_process() {
    let own = std::env::current_exe().unwrap();
    let mut child = Command::new(own);
    let child = child.args(["--exact", "every_test_gets_the_same_server"]).env_remove("LOGMILL_STACK");
    let mut child = child.spawn().unwrap();
    let id = child.id();
    assert!(child.wait().unwrap().success());
    assert!(!default_dir().join(format!("runs/{id}-0")).exists());
}
