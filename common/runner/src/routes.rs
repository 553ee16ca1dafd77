//! Which topics a stage of the chain writes to.

use logmill_config::Config;
use logmill_protocol::fetch::Lane;
use logmill_protocol::ingest::ROWS;
use logmill_protocol::worker::{Route, Routes};

/// The routes of the stage `name`.
///
/// # Errors
/// When the layout of the configuration has no such stage.
pub fn routes(config: &Config, name: &str) -> anyhow::Result<Routes> {
    let topics = config.topics();
    let lane = |topic: String| Lane::new(topic, config.kafka.partitions);
    if !topics.stages().contains(&name) {
        let stages = topics.stages().join(", ");
        anyhow::bail!("the configured layout has no stage {name}: its stages are {stages} (see `layout`)");
    }
    let by_channel = |topic: &dyn Fn(&str) -> String| {
        topics.channels().iter().map(|channel| (channel.clone(), lane(topic(channel)))).collect()
    };
    let rows = |channel: &str| topics.rows(channel).expect("the layout has topics of rows");
    let product = match name {
        "decompressor" => Route::Topic(lane(topics.plain().expect("the separate layout has the topic `plain`"))),
        "reencoder" | "decoder" => Route::Topic(lane(topics.text().expect("the layout has the topic `text`"))),
        "distributor" => Route::Channels(by_channel(&|channel| topics.of_channel(channel))),
        "parser" => Route::Channels(by_channel(&rows)),
        "splitter" => Route::SameChannel(by_channel(&rows)),
        // They go to no topic.
        "ingester" => Route::Channels(by_channel(&|_| ROWS.to_owned())),
        other => anyhow::bail!("{other} is not run by the stage runner"),
    };
    Ok(Routes { product, file_events: lane(topics.file_events()), dead_letters: lane(topics.dead_letters()) })
}
