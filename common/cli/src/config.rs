//! `logmill config`: what the configuration can say.

use crate::args::ConfigCommand;
use crate::exit::{Failure, Verdict};
use crate::output::Printer;

pub fn print(what: ConfigCommand) -> Result<Verdict, Failure> {
    let text = match what {
        ConfigCommand::Example => logmill_config::example(),
        ConfigCommand::Schema => logmill_config::json_schema(),
        ConfigCommand::Reference => logmill_config::reference(),
    };
    show(&text)
}

/// Prints a text as it is.
pub fn show(text: &str) -> Result<Verdict, Failure> {
    let mut out = Printer::stdout();
    out.text(text)?;
    out.finish()?;
    Ok(Verdict::Good)
}
