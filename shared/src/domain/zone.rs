//! The time zone of a task's conditions: a named one, or an offset that holds all year.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::schedule;

/// A time zone. Serialises as its name, `Europe/Berlin`, or as its offset, `+05:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Zone {
    /// By its IANA name.
    Named(Tz),
    /// So far east of UTC, all year.
    Fixed(FixedOffset),
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// Reads a name or an offset; the error is one sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with(['+', '-']) {
            return offset(text).map(Self::Fixed).ok_or_else(|| {
                format!(
                    "{:?} is no offset: write hours and minutes, such as `+05:30`, up to 14 hours",
                    short(text)
                )
            });
        }
        let named = schedule::time_zone(text).map(Self::Named);
        named.map_err(|wrong| format!("{}; {}", wrong.reason, wrong.remedy))
    }

    /// Whether a time of day in it is that of UTC, whenever.
    pub fn is_utc(self) -> bool {
        match self {
            Self::Named(zone) => zone == Tz::UTC,
            Self::Fixed(offset) => offset.local_minus_utc() == 0,
        }
    }

    /// What its clocks show at a moment.
    pub fn wall(self, at: DateTime<Utc>) -> NaiveDateTime {
        let offset = match self {
            Self::Named(zone) => zone.offset_from_utc_datetime(&at.naive_utc()).fix(),
            Self::Fixed(offset) => offset,
        };
        at.with_timezone(&offset).naive_local()
    }

    /// The moments at which its clocks show this: one, none (they were put forward), or two.
    pub fn moments(self, wall: NaiveDateTime) -> LocalResult<DateTime<Utc>> {
        match self {
            Self::Named(zone) => zone.from_local_datetime(&wall).map(|at| at.with_timezone(&Utc)),
            Self::Fixed(offset) => offset.from_local_datetime(&wall).map(|at| at.with_timezone(&Utc)),
        }
    }
}

/// Reads `+hh:mm`.
pub(super) fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i32>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = (hours * 60 + minutes) * 60;
    if minutes > 59 || seconds > 14 * 3_600 {
        return None;
    }
    match sign {
        "+" => FixedOffset::east_opt(seconds),
        "-" => FixedOffset::west_opt(seconds),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(zone) => f.write_str(zone.name()),
            Self::Fixed(offset) => write!(f, "{offset}"),
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn names_and_offsets() {
        for (text, expected) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("UTC", Some("UTC")),
            (" +05:00 ", Some("+05:00")),
            ("-03:30", Some("-03:30")),
            ("+00:00", Some("+00:00")),
            ("+14:00", Some("+14:00")),
            ("+14:01", None),
            ("+5", None),
            ("+05:60", None),
            ("-é:00", None),
            ("+", None),
            ("", None),
            ("UTC+2", None),
            ("Mars/Olympus", None),
            ("a\0b", None),
        ] {
            let read = Zone::parse(text).map(|zone| zone.to_string());
            assert_eq!(read.as_deref().ok(), expected, "{text}: {read:?}");
        }
        assert!(Zone::UTC.is_utc());
    }
}
