//! `make demo`.

use clap::Parser;
use logmill_demo::options::Options;
use logmill_stack::signals::Signals;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<u8> {
    let mut signals = Signals::catch()?;
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let _ = ended.send(signals.wait());
        signals.wait();
        std::process::exit(130); // asked twice: at once; the kernel takes the children with it
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        tokio::select! {
            proven = logmill_demo::demo::run(options) => proven.map(|proven| u8::from(!proven)),
            _ = end.recv() => {
                eprintln!("ending the stages and the servers");
                Ok(130)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}
