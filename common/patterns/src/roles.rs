//! Which of the fields of a format with free names are the time, the level and the message.

use crate::found::{Found, Name, SEVERITY};
use crate::layout::Role;
use crate::level::Level;
use crate::spec::{FieldType, PatternSpec};
use crate::time::Clock;
use crate::time_format::TimeFormat;
use std::collections::BTreeMap;

/// By configuration, or by the names that are usual: the lower the rank, the surer. Nested names are joined by a dot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    time: Option<String>,
    level: Option<String>,
    message: Option<String>,
    format: Option<TimeFormat>,
    types: BTreeMap<String, FieldType>,
}

impl Roles {
    pub fn new(spec: &PatternSpec, format: Option<TimeFormat>) -> Self {
        let PatternSpec { time, level, message, types, .. } = spec.clone();
        Self { time, level, message, format, types }
    }

    pub fn kind(&self, name: &[u8], otherwise: FieldType) -> FieldType {
        if self.types.is_empty() {
            return otherwise;
        }
        std::str::from_utf8(name).ok().and_then(|name| self.types.get(name).copied()).unwrap_or(otherwise)
    }

    /// The role of a name, and its rank.
    pub fn of(&self, name: &[u8]) -> (Role, u8) {
        for (given, role) in [(&self.time, Role::Time), (&self.level, Role::Level), (&self.message, Role::Message)] {
            if given.as_ref().is_some_and(|given| given.as_bytes() == name) {
                return (role, 0);
            }
        }
        let (role, rank) = usual(name);
        let is_given = match role {
            Role::Time => self.time.is_some(),
            Role::Level => self.level.is_some(),
            Role::Message => self.message.is_some(),
            Role::Field | Role::Date => false,
        };
        if is_given { (Role::Field, 0) } else { (role, rank) }
    }
}

/// Of Elastic's schema, log4j 2, logback, Serilog, Bunyan, pino, zap, logrus, GELF, journald and Docker.
fn usual(name: &[u8]) -> (Role, u8) {
    match name {
        b"@timestamp" => (Role::Time, 1),
        b"timestamp" => (Role::Time, 2),
        b"time" => (Role::Time, 3),
        b"ts" => (Role::Time, 4),
        b"Timestamp" | b"@t" => (Role::Time, 5),
        b"datetime" => (Role::Time, 6),
        b"timeMillis" | b"instant.epochSecond" | b"__REALTIME_TIMESTAMP" => (Role::Time, 7),
        b"asctime" | b"eventTime" | b"date" => (Role::Time, 8),
        b"level" => (Role::Level, 1),
        b"log.level" => (Role::Level, 2),
        b"severity" => (Role::Level, 3),
        b"levelname" | b"loglevel" | b"level_name" | b"lvl" => (Role::Level, 4),
        b"Level" | b"@l" => (Role::Level, 5),
        b"PRIORITY" => (Role::Level, 6),
        b"message" => (Role::Message, 1),
        b"msg" => (Role::Message, 2),
        b"short_message" => (Role::Message, 3),
        b"Message" | b"@m" | b"MESSAGE" => (Role::Message, 4),
        b"log" => (Role::Message, 5),
        _ => (Role::Field, 0),
    }
}

/// The fields of one record that have the best claim to a role so far: rank and place.
#[derive(Debug, Default)]
pub(crate) struct Best {
    time: Option<(u8, usize)>,
    level: Option<(u8, usize)>,
    message: Option<(u8, usize)>,
}

impl Best {
    /// Tells that the field at `slot` is of that role.
    pub fn note(&mut self, (role, rank): (Role, u8), slot: usize) {
        let best = match role {
            Role::Time => &mut self.time,
            Role::Level => &mut self.level,
            Role::Message => &mut self.message,
            Role::Field | Role::Date => return,
        };
        if best.is_none_or(|(before, _)| rank < before) {
            *best = Some((rank, slot));
        }
    }

    /// Takes time and level out of the fields, where they are such: what is neither stays a field.
    pub fn settle(self, roles: &Roles, record: &[u8], clock: &mut Clock, found: &mut Found) {
        let value = |found: &Found, slot: usize| found.slots.get(slot).map(|slot| slot.value);
        found.message = self.message.map(|(_, slot)| slot).filter(|slot| *slot < found.slots.len());
        let mut gone = [None, None];
        if let Some((_, slot)) = self.time
            && let Some(span) = value(found, slot)
        {
            let text = found.bytes(span, record);
            found.time = match &roles.format {
                Some(format) => clock.by(format, text),
                None => clock.any(text),
            };
            gone[0] = found.time.map(|_| slot);
        }
        if let Some((_, slot)) = self.level
            && let Some(span) = value(found, slot)
        {
            let text = found.bytes(span, record);
            if let Some(level) = Level::of(text).or_else(|| Level::of_number(text)) {
                let is_called = level.is_called(text);
                found.level = level;
                if is_called {
                    gone[1] = Some(slot);
                } else {
                    found.slots[slot].name = Name::Known(&SEVERITY);
                }
            }
        }
        gone.sort_unstable();
        for slot in gone.into_iter().rev().flatten() {
            found.remove(slot);
        }
    }
}
