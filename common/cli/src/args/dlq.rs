//! `logmill dlq`.

use clap::Subcommand;

/// Which dead letters; those that fit all that is given.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Letters {
    /// Their places on the topic, as `list` shows them.
    #[arg(value_name = "PARTITION/OFFSET")]
    pub places: Vec<String>,
    /// Only those of this reason.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those of these files.
    #[arg(long, value_name = "PATH|GLOB|FILE_ID")]
    pub path: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DlqCommand {
    /// The newest dead letters that nobody has dealt with, one line each.
    #[command(after_help = "\
Examples:
  logmill dlq list --limit 20
  logmill dlq list --all

Exit code 0 with and without letters, 1 when a server does not answer.")]
    List {
        /// How many to show at most.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Also those that were dropped, and those of loads that another took the place of.
        #[arg(long)]
        all: bool,
    },
    /// Load the files of dead letters again, as `logmill replay` does.
    ///
    /// The bytes of a letter are never put into the table by themselves: a file is proven by comparing what was cut of it with
    /// what is in the table, and a row from the side would be one too many. So the whole file is loaded again, as a new load,
    /// which replaces the old one once it is proven; the letters of a load that was replaced are listed no more.
    #[command(after_help = "\
Examples:
  logmill dlq replay 2/17
  logmill dlq replay --reason decree
  logmill dlq replay --path '/logs/app/**' --reason corrupt

It may be stopped at any time; the same command goes on. Exit code 1 when a file was not replaced, or no letter fits.")]
    Replay {
        #[command(flatten)]
        which: Letters,
    },
    /// Mark dead letters as seen: `list` shows them no more, `list --all` does, with who did it, when and why.
    #[command(after_help = "\
Examples:
  logmill dlq drop 2/17 --why 'cut short by its writer, nothing more to get'
  logmill dlq drop --reason corrupt --path '/logs/app/**' --why 'disk of host7'

The letters stay in the table of rejects, and count in the reconciliation of their file. Exit code 1 when no letter fits.")]
    Drop {
        #[command(flatten)]
        which: Letters,
        /// Why nobody has to look at them any more.
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who says so.
        #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true, value_name = "NAME")]
        who: String,
    },
    /// One dead letter, with all that is known of it and its bytes.
    #[command(after_help = "Example:\n  logmill dlq show 2/17\n\nExit code 2 when there is no letter.")]
    Show {
        /// Its place on the topic, as `list` shows it.
        #[arg(value_name = "PARTITION/OFFSET")]
        place: String,
    },
}
