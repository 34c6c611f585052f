//! The five fields as sets of numbers. The syntax is Vixie cron's: lists of numbers,
//! names, ranges and steps; what newer crons added is refused by name, so that nobody
//! gets a schedule that means something else here.

use super::ScheduleError;

/// Longest expression that is read at all, in characters.
const LONGEST: usize = 200;

/// What may stand in one field.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Words for `min`, `min + 1`, …
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "a minute", min: 0, max: 59, words: &[] },
    Field { name: "an hour", min: 0, max: 23, words: &[] },
    Field { name: "a day of month", min: 1, max: 31, words: &[] },
    Field { name: "a month", min: 1, max: 12, words: MONTHS },
    Field { name: "a day of week", min: 0, max: 6, words: WEEKDAYS },
];
const DAY_OF_WEEK: usize = 5;

/// The numbers that one field matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    bits: u64,
    /// The field's text begins with `*`, which Vixie cron takes for "not restricted"
    /// when it joins the two day fields, even in `*/2`.
    pub(super) starred: bool,
}

impl Numbers {
    /// All that the field may hold.
    const EVERY: Self = Self { bits: u64::MAX, starred: true };

    fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        Self { bits: numbers.into_iter().fold(0, |bits, number| bits | 1 << number), starred: false }
    }

    pub(super) fn contains(self, number: u32) -> bool {
        self.bits >> number & 1 == 1
    }
}

/// An expression's five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minutes: Numbers,
    pub(super) hours: Numbers,
    pub(super) days: Numbers,
    pub(super) months: Numbers,
    pub(super) weekdays: Numbers,
}

impl Fields {
    /// Once a day.
    pub(super) fn daily(hour: u32, minute: u32) -> Self {
        let (days, months, weekdays) = (Numbers::EVERY, Numbers::EVERY, Numbers::EVERY);
        Self { minutes: Numbers::of([minute]), hours: Numbers::of([hour]), days, months, weekdays }
    }

    /// On these dates only.
    pub(super) fn on_dates(self, dates: impl IntoIterator<Item = u32>) -> Self {
        Self { days: Numbers::of(dates), ..self }
    }

    /// On these days of the week only, from 0, which is Sunday.
    pub(super) fn on_weekdays(self, weekdays: impl IntoIterator<Item = u32>) -> Self {
        Self { weekdays: Numbers::of(weekdays), ..self }
    }

    pub(super) fn parse(cron: &str) -> Result<Self, ScheduleError> {
        let length = cron.chars().count();
        if length > LONGEST {
            let reason = format!("the expression has {length} characters, more than {LONGEST}");
            return Err(ScheduleError::cron(None, reason, "write a shorter one"));
        }
        let texts: Vec<&str> = cron.split_ascii_whitespace().collect();
        refuse_prefixes(&texts)?;
        let [minutes, hours, days, months, weekdays] = texts[..] else { return Err(wrong_number(&texts)) };
        Ok(Self {
            minutes: numbers(1, minutes)?,
            hours: numbers(2, hours)?,
            days: numbers(3, days)?,
            months: numbers(4, months)?,
            weekdays: numbers(5, weekdays)?,
        })
    }
}

fn refuse_prefixes(texts: &[&str]) -> Result<(), ScheduleError> {
    for (at, text) in texts.iter().enumerate() {
        if text.starts_with('@') {
            return Err(ScheduleError::cron(
                Some(at + 1),
                format!("{text:?} is a macro, and macros are not read"),
                "write the five fields, for example `0 0 * * *` for every midnight",
            ));
        }
        if text.contains('=') {
            return Err(ScheduleError::cron(
                Some(at + 1),
                format!("{text:?} is an assignment"),
                "name the time zone in `time_zone`, not in the expression",
            ));
        }
    }
    Ok(())
}

fn wrong_number(texts: &[&str]) -> ScheduleError {
    let remedy = "write five fields: minute, hour, day of month, month, day of week";
    match texts.len() {
        0 => ScheduleError::cron(Some(1), "the expression is empty".to_owned(), remedy),
        n @ 1..5 => {
            let missing = FIELDS[n].name;
            ScheduleError::cron(
                Some(n + 1),
                format!("{n} of five fields are there; {missing} is missing"),
                remedy,
            )
        }
        n => ScheduleError::cron(
            Some(6),
            format!("there are {n} fields (seconds and years are not read)"),
            remedy,
        ),
    }
}

/// Reads the field at `position` (from 1).
fn numbers(position: usize, text: &str) -> Result<Numbers, ScheduleError> {
    let mut bits = 0;
    for item in text.split(',') {
        bits |= Item { position, field: &FIELDS[position - 1], text: item }.bits()?;
    }
    Ok(Numbers { bits, starred: text.starts_with('*') })
}

/// One item of a field's list: `*`, `3`, `mon`, `1-5`, `*/15`, `8-18/2`.
struct Item<'a> {
    position: usize,
    field: &'static Field,
    text: &'a str,
}

impl Item<'_> {
    fn bits(&self) -> Result<u64, ScheduleError> {
        let (range, step) = match self.text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (self.text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.field.min, self.field.max),
            Some((first, last)) => self.range(first, last)?,
            None if step.is_some() => {
                let reason = format!("in {:?} a step follows a single value", self.text);
                return Err(self.error(reason, "put a range or `*` before the step, as in `5-59/15`"));
            }
            None => self.number(range).map(|n| (n, n))?,
        };
        let step = step.map_or(Ok(1), |s| self.step(s))?;
        let mut bits = 0;
        for number in (first..=last).step_by(step) {
            bits |= 1 << if self.position == DAY_OF_WEEK { number % 7 } else { number };
        }
        Ok(bits)
    }

    fn range(&self, first: &str, last: &str) -> Result<(u32, u32), ScheduleError> {
        let (from, mut to) = (self.number(first)?, self.number(last)?);
        if to == 0 && self.position == DAY_OF_WEEK && last.eq_ignore_ascii_case(WEEKDAYS[0]) {
            to = 7; // a week that ends on Sunday: fri-sun
        }
        if from > to {
            let reason = format!("the range {:?} ends before it begins", self.text);
            return Err(self.error(reason, "write it as two ranges, as in `22-23,0-4`"));
        }
        Ok((from, to))
    }

    fn step(&self, text: &str) -> Result<usize, ScheduleError> {
        let span = self.field.max - self.field.min;
        match digits(text) {
            Some(step) if (1..=span).contains(&step) => Ok(usize::try_from(step).unwrap_or(1)),
            _ => {
                let reason = format!("{text:?} is not a step from 1 to {span}");
                Err(self.error(reason, "a step starts anew with each range, as in `*/15`"))
            }
        }
    }

    fn number(&self, text: &str) -> Result<u32, ScheduleError> {
        let Field { name, min, max, words } = *self.field;
        let most = if self.position == DAY_OF_WEEK { 7 } else { max };
        if let Some(at) = words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
            return Ok(min + u32::try_from(at).unwrap_or(0));
        }
        match digits(text) {
            Some(number) if (min..=most).contains(&number) => Ok(number),
            _ if is_extension(text) => {
                let reason = format!("{text:?} uses an extension (L, W, #, ?) that is not read");
                Err(self.error(reason, "use numbers, names, lists, ranges and steps only"))
            }
            _ if text.is_empty() => {
                let reason = format!("a value is missing in {:?}", self.text);
                Err(self.error(reason, "put a number, a name or `*` there"))
            }
            Some(_) => {
                let reason = format!("{text} is not {name}");
                Err(self.error(reason, &format!("{name} is from {min} to {most}")))
            }
            None => {
                let reason = format!("{text:?} is not {name}");
                let or_name = if words.is_empty() { "" } else { ", or a name of three letters" };
                Err(self.error(reason, &format!("{name} is a number from {min} to {most}{or_name}")))
            }
        }
    }

    fn error(&self, reason: String, remedy: &str) -> ScheduleError {
        ScheduleError::cron(Some(self.position), reason, remedy)
    }
}

/// A number written in digits only; one too large to hold is as wrong as the largest.
fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u32::MAX))
}

fn is_extension(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let stem = upper.trim_end_matches(['L', 'W']);
    upper.contains(['#', '?'])
        || (stem.len() < upper.len()
            && (stem.is_empty()
                || digits(stem).is_some()
                || WEEKDAYS.contains(&stem.to_ascii_lowercase().as_str())))
}
