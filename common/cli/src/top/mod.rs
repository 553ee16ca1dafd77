//! `logmill top`: a live screen of the chain.
//!
//! Each server is asked in a thread of its own, so that a silent one holds up nothing but its own part of the screen.

mod look;
mod screen;

use crate::args::Format;
use crate::clusters;
use crate::exit::{Failure, Verdict};
use crate::files::now_ms;
use crate::lag::{Lag, Meter};
use crate::output::Printer;
use anyhow::{Context, Result};
use logmill_config::Config;
use look::{Ledger, Look, Said};
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::terminal;
use ratatui::{DefaultTerminal, Terminal};
use screen::{View, draw};
use std::io::{IsTerminal, stdout};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long keys are waited for before the screen is drawn again.
const BEAT: Duration = Duration::from_millis(250);
/// Between the two looks of `--once` whose difference are the rates.
const WATCHED: Duration = Duration::from_millis(500);
/// The frame of `--once` where standard output is no terminal.
const FRAME: (u16, u16) = (100, 40);
/// The ledger's queries may be heavy: it rests for so many times as long as they took.
const REST: u32 = 4;

/// Something that a server said.
enum News {
    Lags(Result<Vec<Lag>>),
    Ledger(Box<Result<Ledger>>),
    Clusters(Result<Vec<clusters::Line>>),
}

/// Shows it until the person leaves; or once.
///
/// # Errors
/// Standard output is no terminal, or cannot be written.
pub fn run(config: &Config, every: f64, once: bool, format: Format) -> Result<Verdict, Failure> {
    if !(0.1..=3600.0).contains(&every) {
        return Err(Failure::Usage(format!("--every is {every}, it must be 0.1 to 3600 seconds")));
    }
    if once {
        return show_once(config, format);
    }
    if format == Format::Text && !stdout().is_terminal() {
        return Err(Failure::Usage(
            "standard output is no terminal: `logmill top --once` prints one frame, --format json data".into(),
        ));
    }
    let news = watch(config, Duration::from_secs_f64(every));
    let said = Said::default();
    match format {
        Format::Json => print(config, &news, said, Duration::from_secs_f64(every)),
        Format::Text => {
            let mut terminal = ratatui::try_init().context("the terminal cannot be prepared")?;
            let shown = live(config, &mut terminal, &news, said);
            ratatui::try_restore().context("the terminal cannot be put back")?;
            shown
        }
    }
}

fn show_once(config: &Config, format: Format) -> Result<Verdict, Failure> {
    let mut said = Said::default();
    thread::scope(|scope| {
        let lags = scope.spawn(|| {
            let mut meter = Meter::new(config)?;
            meter.look()?;
            thread::sleep(WATCHED);
            meter.look()
        });
        let clusters = scope.spawn(|| clusters::look(config));
        said.take(News::Ledger(Box::new(look::ledger(config))));
        said.take(News::Lags(lags.join().expect("it does not panic")));
        said.take(News::Clusters(clusters.join().expect("it does not panic")));
    });
    let look = Look::of(config, &said, now_ms());
    let mut out = Printer::stdout();
    match format {
        Format::Json => out.json(&look)?,
        Format::Text => {
            let (width, height) = if stdout().is_terminal() { terminal::size().unwrap_or(FRAME) } else { FRAME };
            out.text(&frame(&look, View::default(), width, height.saturating_sub(1)))?;
        }
    }
    out.finish()?;
    Ok(Verdict::of(look.silent.is_empty()))
}

/// One frame as text.
fn frame(look: &Look, view: View, width: u16, height: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(drawn) = terminal.draw(|frame| draw(frame, look, view));
    let mut text = String::new();
    for y in 0..drawn.area.height {
        let line: String = (0..drawn.area.width).map(|x| drawn.buffer[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Asks each server again and again.
fn watch(config: &Config, every: Duration) -> mpsc::Receiver<News> {
    let (sender, news) = mpsc::channel();
    let (to, own) = (sender.clone(), config.clone());
    thread::spawn(move || {
        // After a silence a new one, whose connections are new.
        let mut meter = None;
        ask(
            &to,
            every,
            0,
            || {
                let mut now = match meter.take() {
                    Some(now) => now,
                    None => Meter::new(&own)?,
                };
                let lags = now.look();
                meter = lags.is_ok().then_some(now);
                lags
            },
            News::Lags,
        );
    });
    let (to, own) = (sender.clone(), config.clone());
    thread::spawn(move || ask(&to, every, REST, || look::ledger(&own), |said| News::Ledger(Box::new(said))));
    let own = config.clone();
    thread::spawn(move || ask(&sender, every, REST, || clusters::look(&own), News::Clusters));
    news
}

/// Ends when nobody listens any more.
fn ask<T>(
    to: &Sender<News>,
    every: Duration,
    rest: u32,
    mut question: impl FnMut() -> Result<T>,
    news: impl Fn(Result<T>) -> News,
) {
    loop {
        let begun = Instant::now();
        let said = question();
        let took = begun.elapsed();
        if to.send(news(said)).is_err() {
            return;
        }
        thread::sleep(every.saturating_sub(took).max(took * rest));
    }
}

impl Said {
    fn take(&mut self, news: News) {
        fn told<T>(said: Result<T>) -> Option<Result<T, String>> {
            Some(said.map_err(|error| format!("{error:#}")))
        }
        match news {
            News::Lags(said) => self.lags = told(said),
            News::Ledger(said) => self.ledger = told(*said),
            News::Clusters(said) => self.clusters = told(said),
        }
    }
}

fn live(
    config: &Config,
    terminal: &mut DefaultTerminal,
    news: &mpsc::Receiver<News>,
    mut said: Said,
) -> Result<Verdict, Failure> {
    let mut view = View::default();
    loop {
        news.try_iter().for_each(|one| said.take(one));
        let look = Look::of(config, &said, now_ms());
        terminal.draw(|frame| draw(frame, &look, view)).context("the terminal cannot be written")?;
        if !event::poll(BEAT).context("the terminal cannot be read")? {
            continue;
        }
        if let Event::Key(key) = event::read().context("the terminal cannot be read")?
            && key.kind != KeyEventKind::Release
            && !view.press(key, &look)
        {
            return Ok(Verdict::Good);
        }
    }
}

/// The same as data, a line each time.
fn print(config: &Config, news: &mpsc::Receiver<News>, mut said: Said, every: Duration) -> Result<Verdict, Failure> {
    let mut out = Printer::stdout();
    while !out.is_closed() {
        let until = Instant::now() + every;
        while let Ok(one) = news.recv_timeout(until.saturating_duration_since(Instant::now())) {
            said.take(one);
        }
        out.json(&Look::of(config, &said, now_ms()))?;
        out.finish()?;
    }
    Ok(Verdict::Good)
}
