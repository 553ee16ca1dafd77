//! What can be asked of the demo.

use clap::Parser;
use logmill_config::{Layout, Size};
use std::path::PathBuf;

/// Takes real logs through the whole chain, on real servers, every stage a process of its own; stays up until Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "logmill-demo", version)]
pub struct Options {
    /// End by itself, with the exit code of the reconciliation.
    #[arg(long, env = "ONCE", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub once: bool,
    /// A folder whose files are taken through the chain too.
    #[arg(long, env = "LOGS", value_name = "FOLDER", value_parser = folder)]
    pub logs: Option<PathBuf>,
    /// separate: decompressor and re-encoder are processes of their own. fused: they are one.
    #[arg(long, env = "LAYOUT", default_value = "separate")]
    pub layout: Layout,
    /// Processes of each stage.
    #[arg(long, env = "INSTANCES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub instances: u32,
    /// Kafka brokers: 1, or 3, with every record on all of them.
    #[arg(long, env = "BROKERS", default_value = "1", value_parser = brokers)]
    pub brokers: usize,
    /// Kill one process of each stage with SIGKILL while it works, and compare the table with the originals.
    #[arg(long, env = "KILL", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub kill: bool,
    /// How much text the logs shall hold.
    #[arg(long, env = "SIZE", default_value = "510 MB", value_parser = size)]
    pub size: Size,
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err("not a folder".into()) }
}

fn brokers(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("neither 1 nor 3".into()),
    }
}

fn size(text: &str) -> Result<Size, String> {
    let read: Result<Size, _> = serde_json::from_value(text.into());
    match read {
        Ok(size) if size.0 >= 1_000_000 => Ok(size),
        Ok(_) => Err("less than 1 MB".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |text: &str| Options::try_parse_from(text.split(' '));
        let options = read("demo --layout fused --size 20MB --instances 2 --brokers 3 --once").unwrap();
        assert_eq!((options.layout, options.size.0, options.instances), (Layout::Fused, 20_000_000, 2));
        assert_eq!(options.brokers, 3);
        assert!(options.once && !options.kill);
        for wrong in [
            "demo --layout x",
            "demo --size 1",
            "demo --instances 0",
            "demo --brokers 2",
            "demo --logs /no/such/folder",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
