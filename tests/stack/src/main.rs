//! `logmill-stack`: real servers for tests and demos, without Docker.

mod cli;

use clap::Parser;

fn main() {
    let ended = cli::Cli::parse().run();
    if let Err(error) = ended {
        eprintln!("logmill-stack: {error:#}");
        std::process::exit(1);
    }
}
