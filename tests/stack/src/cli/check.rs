//! `check`: write and read through every server.

use anyhow::{Result, bail};
use logmill_stack::{State, probe};

pub fn run(state: &State) -> Result<()> {
    let mut failed = 0;
    for (server, seen) in probe::all(&state.addresses) {
        match seen {
            Ok(seen) => println!("{server:<12} ok: {seen}"),
            Err(error) => {
                failed += 1;
                println!("{server:<12} FAILED: {error}");
            }
        }
    }
    if failed > 0 {
        bail!("{failed} server(s) failed");
    }
    Ok(())
}
