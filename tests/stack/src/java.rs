//! What all our JVMs share.

use std::path::PathBuf;
use std::process::Command;

/// A JVM's class data archive (AppCDS): start-up without parsing a thousand classes again.
#[derive(Clone, Debug)]
pub(crate) enum Archive {
    /// None is used.
    None,
    /// Read; the JVM ignores one that does not fit it.
    Use(PathBuf),
    /// Written when the JVM ends on SIGTERM.
    Make(PathBuf),
}

/// `java` with the flags of a short-lived server on few cores.
pub(crate) fn command(archive: &Archive) -> Command {
    let mut java = Command::new("java");
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]);
    java.arg("-Dfile.encoding=UTF-8"); // of the logs, whatever the locale
    match archive {
        Archive::None => {}
        Archive::Use(path) => {
            java.arg(format!("-XX:SharedArchiveFile={}", path.display()));
        }
        Archive::Make(path) => {
            java.arg(format!("-XX:ArchiveClassesAtExit={}", path.display()));
        }
    }
    java
}

/// Replaces each `{name}` of a template.
pub(crate) fn fill(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
