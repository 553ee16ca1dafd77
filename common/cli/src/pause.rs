//! `logmill pause` and `logmill resume`: a word on the topic of notes, which fetchers and distributors read all the time.

use crate::args::{Format, Kind, Pause, Resume};
use crate::exit::{Failure, Verdict};
use crate::files::now_ms;
use crate::notes::Told;
use crate::output::Printer;
use anyhow::{Context, Result};
use logmill_config::Config;
use logmill_core::wire::Record;
use logmill_kafka::journal::{Journal, JournalOptions};
use logmill_protocol::{Outgoing, Partition, Pausable, PauseNote};

/// Pauses it.
///
/// # Errors
/// There is no such thing; Kafka does not take the word.
pub fn pause(config: &Config, asked: Pause, format: Format) -> Result<Verdict, Failure> {
    let Pause { what, name, why, who } = asked;
    let pause = known(config, what, &name)?;
    let note = PauseNote { pause, name, paused: true, who, why, at_ms: now_ms() };
    say(config, &note)?;
    let shown = match pause {
        Pausable::Cluster => "`logmill clusters` shows who has seen it",
        Pausable::Channel => "`logmill lag` shows it",
    };
    print(&note, &format!("the {} {} is paused; {shown}", note.pause, note.name), format)
}

/// Lets it go on.
///
/// # Errors
/// There is no such thing; Kafka does not take the word.
pub fn resume(config: &Config, asked: Resume, format: Format) -> Result<Verdict, Failure> {
    let Resume { what, name, who } = asked;
    let pause = known(config, what, &name)?;
    let was = Told::read(config)?.pause(pause, &name).is_some();
    let note = PauseNote { pause, name, paused: false, who, why: None, at_ms: now_ms() };
    if was {
        say(config, &note)?;
    }
    let said = if was { "goes on" } else { "was not paused" };
    print(&note, &format!("the {} {} {said}", note.pause, note.name), format)
}

fn print(note: &PauseNote, text: &str, format: Format) -> Result<Verdict, Failure> {
    let mut out = Printer::stdout();
    match format {
        Format::Json => out.json(note)?,
        Format::Text => out.line(text)?,
    }
    out.finish()?;
    Ok(Verdict::Good)
}

fn known(config: &Config, what: Kind, name: &str) -> Result<Pausable, Failure> {
    let (pause, names): (_, Vec<&String>) = match what {
        Kind::Cluster => (Pausable::Cluster, config.clusters.keys().collect()),
        Kind::Channel => (Pausable::Channel, config.channels.keys().collect()),
    };
    if names.iter().any(|known| *known == name) {
        return Ok(pause);
    }
    let names = names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    Err(Failure::Usage(format!("there is no {pause} {name:?}; {pause}s are {names}")))
}

/// In a transaction: it stands there, or an error says that it does not.
fn say(config: &Config, note: &PauseNote) -> Result<()> {
    let topic = config.topics().clusters_topic();
    let mut journal = Journal::connect(JournalOptions {
        brokers: config.kafka.brokers.clone(),
        transactional_id: format!("{}.pause", config.chain),
        transaction_timeout: config.transaction.timeout,
        properties: config.kafka.properties.0.clone(),
    })?;
    let payload = serde_json::to_vec(note).context("a note is plain data")?.into();
    let record = Record { key: note.key().into(), headers: Vec::new(), payload };
    journal.write(&[Outgoing { partition: Partition::new(topic.as_str(), 0), record }])?;
    Ok(())
}
