//! Texts that name a date or a time, and the moments that they mean in a zone.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, Timelike as _, Utc};

use super::super::zone::{self, Zone};
use super::term::Term;

/// What a text of a date and time says.
pub(super) enum Said {
    /// The zero date, which no zone moves.
    Zero,
    /// What a clock shows.
    Wall(NaiveDateTime),
    /// A moment: it came with an offset.
    Moment(DateTime<Utc>),
}

const DATES: &[&str] = &["%Y-%m-%d", "%Y%m%d"];
const TIMES: &[&str] = &["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S"];

/// Reads a date, or a date and time, with an offset or without; none: it is neither.
pub(super) fn read(text: &str) -> Option<Said> {
    let text = text.trim();
    if is_zero(text) {
        return Some(Said::Zero);
    }
    if !text.bytes().take(4).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (clock, offset) = split(text);
    let clock = clock.trim_end().replacen('T', " ", 1);
    let date = |form: &&str| NaiveDate::parse_from_str(&clock, form).ok()?.and_hms_opt(0, 0, 0);
    let time = |form: &&str| NaiveDateTime::parse_from_str(&clock, form).ok();
    let wall = TIMES.iter().find_map(time).or_else(|| DATES.iter().find_map(date));
    // Finer than a server counts, or a leap second.
    let wall = wall.filter(|wall| wall.nanosecond() < 1_000_000_000 && wall.nanosecond() % 1_000 == 0)?;
    match offset {
        None => Some(Said::Wall(wall)),
        Some("Z") => Some(Said::Moment(wall.and_utc())),
        Some(offset) => {
            let offset = zone::offset(offset)?;
            wall.and_local_timezone(offset).single().map(|at| Said::Moment(at.with_timezone(&Utc)))
        }
    }
}

fn is_zero(text: &str) -> bool {
    let rest = text.strip_prefix("0000-00-00");
    rest.is_some_and(|rest| rest.bytes().all(|b| b"0 :.T".contains(&b)))
}

/// The clock's part and the offset, if one stands behind a time.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return (clock, Some("Z"));
    }
    let time = text.find(':').unwrap_or(text.len());
    match text[time..].find(['+', '-']) {
        Some(at) => (&text[..time + at], Some(&text[time + at..])),
        None => (text, None),
    }
}

/// The moment that a clock in the zone shows as this; the error says why there is not one.
pub(super) fn moment(zone: Zone, wall: NaiveDateTime) -> Result<DateTime<Utc>, String> {
    match zone.moments(wall) {
        LocalResult::Single(at) => Ok(at),
        LocalResult::None => Err(format!(
            "there is no {wall} in {zone}: the clocks are put forward over it; name a time before or after that"
        )),
        LocalResult::Ambiguous(one, other) => {
            let with = |at: DateTime<Utc>| {
                let offset = (wall - at.naive_utc()).num_minutes();
                let sign = if offset < 0 { '-' } else { '+' };
                format!("'{wall}{sign}{:02}:{:02}'", offset.abs() / 60, offset.abs() % 60)
            };
            Err(format!(
                "{wall} is there twice in {zone}, where the clocks are put back: write {} or {}",
                with(one),
                with(other)
            ))
        }
    }
}

/// The literal of what a clock in UTC shows at a moment.
pub(super) fn utc(at: DateTime<Utc>) -> Term {
    stamp(at.naive_utc())
}

/// The literal of what a clock shows.
pub(super) fn stamp(wall: NaiveDateTime) -> Term {
    let text = match wall.nanosecond() {
        0 => wall.format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => wall.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    };
    Term::Moment { word: "TIMESTAMP", text }
}

/// The literal of a date.
pub(super) fn day(date: NaiveDate) -> Term {
    Term::Moment { word: "DATE", text: date.format("%Y-%m-%d").to_string() }
}
