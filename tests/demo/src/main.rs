//! `make demo`.

use clap::Parser;
use logmill_demo::options::Options;
use logmill_stack::signals::Signals;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let mut signals = Signals::catch()?;
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let _ = ended.send(signals.wait());
        signals.wait();
        // Asked twice: at once. The kernel takes the children with it.
        std::process::exit(130);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let proven = runtime.block_on(async {
        tokio::select! {
            proven = logmill_demo::demo::run(options) => proven.map(Some),
            signal = end.recv() => {
                eprintln!("signal {}: ending the stages and the servers", signal.unwrap_or_default());
                Ok(None)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(match proven? {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => ExitCode::from(130),
    })
}
