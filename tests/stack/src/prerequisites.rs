//! The programs that the machine must have, each with the Debian package that brings it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// A program that others bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The Java runtime, 17 or later.
    Java,
    /// The Java compiler, 17 or later.
    Javac,
    /// The packer of the same JDK.
    Jar,
    /// Maven.
    Mvn,
    /// Node's package client.
    Npm,
    /// The web server nginx.
    Nginx,
    /// The web server Apache httpd.
    Apache,
    /// The syslog daemon rsyslogd.
    Rsyslogd,
    /// What sends a line to a syslog daemon.
    Logger,
    /// The runner of containers runc.
    Runc,
}

impl Program {
    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            Program::Java => "java",
            Program::Javac => "javac",
            Program::Jar => "jar",
            Program::Mvn => "mvn",
            Program::Npm => "npm",
            Program::Nginx => "nginx",
            Program::Apache => "apache2",
            Program::Rsyslogd => "rsyslogd",
            Program::Logger => "logger",
            Program::Runc => "runc",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Program::Java | Program::Javac | Program::Jar => "openjdk-17-jdk-headless (17 or later)",
            Program::Mvn => "maven",
            Program::Npm => "nodejs npm",
            Program::Nginx => "nginx-light",
            Program::Apache => "apache2-bin",
            Program::Rsyslogd => "rsyslog",
            Program::Logger => "bsdutils",
            Program::Runc => "runc",
        }
    }
}

/// Where the programs lie, or one error with a line for each that is missing. `path` is a `PATH`.
pub fn find(programs: &[Program], path: &str) -> Result<Vec<PathBuf>> {
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for &program in programs {
        match look(program.name(), path) {
            Some(place) => found.push(place),
            None => missing.push(format!("missing: {} — Debian package: {}", program.name(), program.package())),
        }
    }
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        missing.push("missing: Linux on x86-64, for which the ClickHouse engine is pinned".into());
    }
    if missing.is_empty() { Ok(found) } else { Err(Error::Prerequisites(missing)) }
}

/// [`find`] on this process's own `PATH`, and where daemons lie, which is on the `PATH` of root alone.
pub fn find_here(programs: &[Program]) -> Result<Vec<PathBuf>> {
    find(programs, &format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
}

/// Refuses a Java older than 17, which Kafka's broker does not run on.
pub fn check_java(java: &Path) -> Result<()> {
    let said = Command::new(java).arg("-version").output().map(|out| String::from_utf8_lossy(&out.stderr).into_owned());
    let said = said.unwrap_or_default();
    match major(&said) {
        Some(major) if major >= 17 => Ok(()),
        _ => Err(Error::Prerequisites(vec![format!(
            "missing: java 17 or later (`{} -version` says {:?}) — Debian package: {}",
            java.display(),
            said.lines().next().unwrap_or("nothing"),
            Program::Java.package()
        )])),
    }
}

/// The major version in what `java -version` prints: `openjdk version "17.0.15"` → 17, `"1.8.0_412"` → 1.
fn major(said: &str) -> Option<u32> {
    let version = said.split('"').nth(1)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Refuses where the library is missing that clients of Kerberos load when they need it.
pub fn check_gssapi() -> Result<()> {
    const LIBRARY: &str = "libgssapi_krb5.so.2";
    // SAFETY: what the library does when it is loaded is what it does in every program that uses Kerberos.
    match unsafe { libloading::Library::new(LIBRARY) } {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Prerequisites(vec![format!("missing: {LIBRARY} — Debian package: libgssapi-krb5-2")])),
    }
}

fn look(name: &str, path: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable =
        |place: &PathBuf| place.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    std::env::split_paths(path).map(|folder| folder.join(name)).find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_program_has_a_line_with_its_package() {
        let all = [
            Program::Java,
            Program::Javac,
            Program::Mvn,
            Program::Npm,
            Program::Nginx,
            Program::Apache,
            Program::Rsyslogd,
            Program::Logger,
            Program::Runc,
        ];
        let said = find(&all, "/nowhere").unwrap_err().to_string();
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            [
                "missing: java — Debian package: openjdk-17-jdk-headless (17 or later)",
                "missing: javac — Debian package: openjdk-17-jdk-headless (17 or later)",
                "missing: mvn — Debian package: maven",
                "missing: npm — Debian package: nodejs npm",
                "missing: nginx — Debian package: nginx-light",
                "missing: apache2 — Debian package: apache2-bin",
                "missing: rsyslogd — Debian package: rsyslog",
                "missing: logger — Debian package: bsdutils",
                "missing: runc — Debian package: runc",
            ]
        );
    }

    #[test]
    fn java_tells_its_major_version() {
        for (said, expected) in [
            ("openjdk version \"17.0.15\" 2025-04-15", Some(17)),
            ("openjdk version \"25\" 2025-09-16", Some(25)),
            ("java version \"1.8.0_412\"", Some(1)),
            ("", None),
        ] {
            assert_eq!(major(said), expected, "{said}");
        }
    }
}
