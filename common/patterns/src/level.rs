//! The level of a line, whatever its program calls it.

/// The levels of the `level` column, in the order of its dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// None was found.
    #[default]
    None,
    Trace,
    Debug,
    Info,
    Warn,
    Warning,
    Error,
    Fatal,
}

impl Level {
    /// As the column has it; nothing for none.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["", "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL"][self as usize]
    }

    /// The level that a word means, in letters of any case.
    pub(crate) fn of(word: &[u8]) -> Option<Self> {
        match word {
            b"INFO" => return Some(Self::Info),
            b"WARN" => return Some(Self::Warn),
            b"ERROR" => return Some(Self::Error),
            b"DEBUG" => return Some(Self::Debug),
            _ => {}
        }
        let mut small = [0; 13];
        let small = small.get_mut(..word.len())?;
        small.copy_from_slice(word);
        small.make_ascii_lowercase();
        Some(match &*small {
            b"trace" | b"trce" | b"finer" | b"finest" | b"verbose" => Self::Trace,
            b"debug" | b"dbug" | b"fine" | b"config" => Self::Debug,
            b"info" | b"information" | b"informational" | b"notice" => Self::Info,
            b"warn" => Self::Warn,
            b"warning" => Self::Warning,
            b"error" | b"err" | b"fail" | b"severe" => Self::Error,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"off" => Self::Fatal,
            // of nginx and Apache: debug in steps
            b"trace1" | b"trace2" | b"trace3" | b"trace4" | b"trace5" | b"trace6" | b"trace7" | b"trace8" => {
                Self::Trace
            }
            _ => return None,
        })
    }

    /// Whether the word is this level's own name: if not, it is worth keeping beside the level.
    pub(crate) fn is_called(self, word: &[u8]) -> bool {
        word.eq_ignore_ascii_case(self.name().as_bytes())
    }

    /// The level of a number in JSON: a severity of syslog up to 7 (as GELF and journald write it), else a level of
    /// Bunyan and pino (10, 20, … 60).
    pub(crate) fn of_number(number: &[u8]) -> Option<Self> {
        Some(match number {
            [digit @ b'0'..=b'7'] => Self::of_severity(digit - b'0'),
            [b'1', b'0'] => Self::Trace,
            [b'2', b'0'] => Self::Debug,
            [b'3', b'0'] => Self::Info,
            [b'4', b'0'] => Self::Warn,
            [b'5', b'0'] => Self::Error,
            [b'6', b'0'] => Self::Fatal,
            _ => return None,
        })
    }

    /// The level of a severity of syslog (RFC 5424, 6.2.1), which is at most 7.
    pub(crate) fn of_severity(severity: u8) -> Self {
        [Self::Fatal, Self::Fatal, Self::Fatal, Self::Error, Self::Warning, Self::Info, Self::Info, Self::Debug]
            [usize::from(severity & 7)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, level, is_own) in [
            ("INFO", Level::Info, true),
            ("warn", Level::Warn, true),
            ("Warning", Level::Warning, true),
            ("notice", Level::Info, false),
            ("informational", Level::Info, false),
            ("crit", Level::Fatal, false),
            ("trace8", Level::Trace, false),
        ] {
            assert_eq!(Level::of(word.as_bytes()), Some(level), "{word}");
            assert_eq!(level.is_called(word.as_bytes()), is_own, "{word}");
        }
        for word in ["", "INFOS", "a word of more letters than any level", "200"] {
            assert_eq!(Level::of(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn numbers() {
        let of = |number: &str| Level::of_number(number.as_bytes()).map(Level::name);
        assert_eq!([of("3"), of("4"), of("30"), of("60")], ["ERROR", "WARNING", "INFO", "FATAL"].map(Some));
        assert_eq!([of(""), of("8"), of("35")], [None; 3]);
    }
}
