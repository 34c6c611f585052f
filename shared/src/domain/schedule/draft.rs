//! A schedule as it is written, stored and shown: flat, every field optional, nothing of it
//! believed. Reading it tells everything that is wrong at once.

use chrono::{Datelike as _, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::form::{Form, MonthDay, Weekday};
use super::{ScheduleError, ScheduleErrors, zone};
use crate::domain::{Vocabulary as _, words};

/// The beginning of `every: hours` unless one is given.
const BEGINNING: &str = "2000-01-01T00:00";
const MOMENT: &str = "%Y-%m-%dT%H:%M";
const TIME: &str = "%H:%M";
/// Hours in a week: what is rarer is a weekly or monthly schedule.
const MOST_HOURS: u32 = 168;

words! {
    /// What a schedule without a cron expression repeats with.
    Every {
        /// So many hours.
        Hours = "hours",
        /// The day.
        Day = "day",
        /// Days of the week.
        Week = "week",
        /// Days of the month.
        Month = "month",
    }
}

/// A day on which a schedule runs: `mon`, or `15`, or `last`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum On {
    /// A date of the month.
    Date(u32),
    /// A day of the week, or `last`.
    Word(String),
}

/// A schedule as it is written. Either `cron`, or `every` with what that needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draft {
    /// A five-field expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// What it repeats with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// How many hours pass between two runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
    /// From when hours are counted: `2026-03-01T06:15` on the zone's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The days of the week or of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<On>>,
    /// The time of day: `02:30`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// An IANA name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl Draft {
    pub(super) fn read(&self) -> Result<(Form, Tz), ScheduleErrors> {
        let mut errors = Vec::new();
        let form = match (&self.cron, self.every) {
            (Some(_), Some(_)) => {
                errors.push(ScheduleError::wrong("every", "`cron` is there too", "write one of the two"));
                None
            }
            (None, None) => {
                let remedy = "write a five-field expression, or `every` with hours, day, week or month";
                errors.push(ScheduleError::missing("cron", "neither `cron` nor `every` is there", remedy));
                None
            }
            (Some(cron), None) => keep(&mut errors, Form::cron(cron)),
            (None, Some(every)) => self.form(every, &mut errors),
        };
        self.refuse_strays(&mut errors);
        let zone = self.time_zone.as_deref().map_or_else(
            || {
                let remedy = "write an IANA name such as `Europe/Berlin` or `UTC`";
                Err(ScheduleError::missing("time_zone", "the time zone is not there", remedy))
            },
            zone::parse,
        );
        let zone = keep(&mut errors, zone);
        match form.zip(zone) {
            Some(whole) if errors.is_empty() => Ok(whole),
            _ => Err(ScheduleErrors(errors)),
        }
    }

    fn form(&self, every: Every, errors: &mut Vec<ScheduleError>) -> Option<Form> {
        match every {
            Every::Hours => {
                let hours = keep(errors, hours(self.hours));
                let from = keep(errors, moment(self.from.as_deref().unwrap_or(BEGINNING)));
                Some(Form::Hours { hours: hours?, from: from? })
            }
            Every::Day => Some(Form::Day { at: keep(errors, time(self.at.as_deref()))? }),
            Every::Week => {
                let on = self.days(errors, "such as `[\"mon\", \"fri\"]`", weekday);
                let at = keep(errors, time(self.at.as_deref()));
                Some(Form::Week { on: on?, at: at? })
            }
            Every::Month => {
                let on = self.days(errors, "such as `[1, 15]` or `[\"last\"]`", month_day);
                let at = keep(errors, time(self.at.as_deref()));
                Some(Form::Month { on: on?, at: at? })
            }
        }
    }

    /// Each day once, in the order of the calendar.
    fn days<T: Ord>(
        &self,
        errors: &mut Vec<ScheduleError>,
        example: &str,
        read: impl Fn(&On) -> Result<T, ScheduleError>,
    ) -> Option<Vec<T>> {
        let given = self.on.as_deref().unwrap_or_default();
        if given.is_empty() {
            let remedy = format!("write a list of days {example}");
            errors.push(ScheduleError::missing("on", "no day is there", &remedy));
            return None;
        }
        let mut days = keep(errors, given.iter().map(read).collect::<Result<Vec<_>, _>>())?;
        days.sort();
        days.dedup();
        Some(days)
    }

    /// A field that another form needs would be ignored, and nobody meant that.
    fn refuse_strays(&self, errors: &mut Vec<ScheduleError>) {
        let given = [
            ("hours", self.hours.is_some(), &[Every::Hours][..]),
            ("from", self.from.is_some(), &[Every::Hours]),
            ("on", self.on.is_some(), &[Every::Week, Every::Month]),
            ("at", self.at.is_some(), &[Every::Day, Every::Week, Every::Month]),
        ];
        for (field, given, forms) in given {
            if given && self.every.is_none_or(|every| !forms.contains(&every)) {
                let forms: Vec<_> = forms.iter().map(|form| format!("`every: {form}`")).collect();
                let reason = format!("it belongs to {}", forms.join(" and "));
                errors.push(ScheduleError::wrong(field, reason, "leave it out"));
            }
        }
    }
}

impl Form {
    /// As it is written, without the time zone.
    pub(super) fn draft(&self) -> Draft {
        let time = |at: &NaiveTime| Some(at.format(TIME).to_string());
        let every = |every| Draft { every: Some(every), ..Draft::default() };
        match self {
            Self::Cron { text, .. } => Draft { cron: Some(text.clone()), ..Draft::default() },
            Self::Hours { hours, from } => {
                let from = Some(from.format(MOMENT).to_string());
                Draft { hours: Some(*hours), from, ..every(Every::Hours) }
            }
            Self::Day { at } => Draft { at: time(at), ..every(Every::Day) },
            Self::Week { on, at } => {
                let on = on.iter().map(|day| On::Word(day.as_str().to_owned())).collect();
                Draft { on: Some(on), at: time(at), ..every(Every::Week) }
            }
            Self::Month { on, at } => {
                let on = on.iter().map(|day| match day {
                    MonthDay::Date(date) => On::Date(*date),
                    MonthDay::Last => On::Word(LAST.to_owned()),
                });
                Draft { on: Some(on.collect()), at: time(at), ..every(Every::Month) }
            }
        }
    }
}

const LAST: &str = "last";

fn keep<T>(errors: &mut Vec<ScheduleError>, read: Result<T, ScheduleError>) -> Option<T> {
    read.map_err(|error| errors.push(error)).ok()
}

fn hours(given: Option<u32>) -> Result<u32, ScheduleError> {
    let remedy = format!("write a whole number from 1 to {MOST_HOURS}");
    match given {
        None => Err(ScheduleError::missing("hours", "the number of hours is not there", &remedy)),
        Some(hours) if (1..=MOST_HOURS).contains(&hours) => Ok(hours),
        Some(hours) => Err(ScheduleError::wrong("hours", format!("{hours} hours are not taken"), &remedy)),
    }
}

fn moment(text: &str) -> Result<NaiveDateTime, ScheduleError> {
    let read =
        NaiveDateTime::parse_from_str(text, MOMENT).ok().filter(|at| (2000..=2100).contains(&at.year()));
    read.filter(|_| text.len() == BEGINNING.len()).ok_or_else(|| {
        let remedy = "write the zone's own clock from 2000 to 2100, as in `2026-03-01T06:15`";
        ScheduleError::wrong("from", "it is not a date and time of day", remedy)
    })
}

fn time(text: Option<&str>) -> Result<NaiveTime, ScheduleError> {
    let remedy = "write hours and minutes as in `02:30`";
    let Some(text) = text else {
        return Err(ScheduleError::missing("at", "the time of day is not there", remedy));
    };
    let read = NaiveTime::parse_from_str(text, TIME).ok().filter(|_| text.len() == 5);
    read.ok_or_else(|| ScheduleError::wrong("at", "it is not a time of day", remedy))
}

fn weekday(on: &On) -> Result<Weekday, ScheduleError> {
    let known = |word: &str| Weekday::ALL.iter().copied().find(|day| day.word().eq_ignore_ascii_case(word));
    let read = if let On::Word(word) = on { known(word) } else { None };
    read.ok_or_else(|| {
        let remedy = "write mon, tue, wed, thu, fri, sat or sun";
        ScheduleError::wrong("on", format!("{} is not a day of the week", shown(on)), remedy)
    })
}

fn month_day(on: &On) -> Result<MonthDay, ScheduleError> {
    match on {
        On::Date(date @ 1..=31) => Ok(MonthDay::Date(*date)),
        On::Word(word) if word == LAST => Ok(MonthDay::Last),
        _ => {
            let remedy = "write dates from 1 to 31 (a month that lacks one is left out), or `last`";
            Err(ScheduleError::wrong("on", format!("{} is not a day of a month", shown(on)), remedy))
        }
    }
}

fn shown(on: &On) -> String {
    match on {
        On::Date(date) => date.to_string(),
        On::Word(word) => format!("{:?}", word.chars().take(20).collect::<String>()),
    }
}
