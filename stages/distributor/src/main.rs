//! The program of the distributor.

use logmill_config::Config;
use logmill_core::Stage;
use logmill_distributor::{Channel, Choose, Distributor};
use logmill_runner::stage_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    stage_main(Distributor::NAME, distributor)
}

fn distributor(config: &Config) -> anyhow::Result<Distributor> {
    let channel = |name: &String| Channel { name: name.clone(), weight: config.channels[name].weight };
    let groups = config.channel_groups.iter();
    let groups = groups.map(|(group, names)| (group.clone(), names.iter().map(channel).collect())).collect();
    let choose = match config.distributor.choose {
        logmill_config::Choose::Weight => Choose::Weight,
        logmill_config::Choose::Lag => Choose::Drain,
    };
    Ok(Distributor::new(groups, choose)?)
}
