//! Pages of lists: how many, after which, and which at all.
//!
//! A cursor is opaque to its bearer. It holds a place in an order and no right: what it
//! points into is filtered by organisation again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_shared::domain::dead_letter::DeadClass;
use longshore_shared::domain::id::DeadLetterId;
use longshore_shared::domain::problem::ProblemCode;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::field::FieldErrors;
use super::path::parse_id;
use crate::error::ApiError;
use crate::word::{Word, words};

const DEFAULT: i64 = 50;
const MOST: i64 = 200;

/// A page of a list without filters.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of messages that were put aside, newest first.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those put aside for this.
    #[param(schema_with = words::<DeadClass>, required = false)]
    class: Option<String>,
}

/// What a page's answer needs: how many, and how its cursor is made.
pub(crate) struct Page {
    limit: usize,
}

impl ListPage {
    /// The page, and the name that it begins after.
    pub(crate) fn by_name(self) -> Result<(Page, Option<String>), ApiError> {
        self.check("n", Some)
    }

    /// The page, and the time-ordered identifier that it begins before.
    pub(crate) fn by_id(self) -> Result<(Page, Option<Uuid>), ApiError> {
        self.check("i", |text| parse_id(&text))
    }

    /// The page, and the number of the entry that it begins before.
    pub(crate) fn by_number(self) -> Result<(Page, Option<i64>), ApiError> {
        self.check("e", |text| text.parse().ok())
    }

    fn check<T>(
        self,
        kind: &str,
        parse: impl FnOnce(String) -> Option<T>,
    ) -> Result<(Page, Option<T>), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let from = cursor(&mut found, kind, self.cursor, parse);
        found.finish(page.zip(from))
    }
}

impl DeadLetterPage {
    /// The page, the class it shows, and the letter that it begins after.
    pub(crate) fn check(self) -> Result<(Page, Option<DeadClass>, Option<DeadLetterId>), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let before = cursor(&mut found, "d", self.cursor, |text| parse_id(&text).map(DeadLetterId));
        let class = word::<DeadClass>(&mut found, "class", self.class);
        found.finish(page.zip(class).zip(before).map(|((page, class), before)| (page, class, before)))
    }
}

impl Page {
    /// How many rows to ask the store for: one more than shown tells whether there are more.
    pub(crate) fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(MOST) + 1
    }

    /// Cuts the extra row off; the cursor of the next page if there is one.
    pub(crate) fn cut_by_name<T>(&self, rows: &mut Vec<T>, name: impl Fn(&T) -> &str) -> Option<String> {
        self.cut(rows, |last| encode("n", name(last)))
    }

    /// As [`Page::cut_by_name`], for entries with numbers.
    pub(crate) fn cut_by_number<T>(&self, rows: &mut Vec<T>, number: impl Fn(&T) -> i64) -> Option<String> {
        self.cut(rows, |last| encode("e", &number(last).to_string()))
    }

    /// As [`Page::cut_by_name`], for messages that were put aside.
    pub(crate) fn cut_dead_letters<T>(
        &self,
        rows: &mut Vec<T>,
        id: impl Fn(&T) -> DeadLetterId,
    ) -> Option<String> {
        self.cut(rows, |last| encode("d", &id(last).to_string()))
    }

    /// As [`Page::cut_by_name`], for what is ordered by its time-ordered identifier.
    pub(crate) fn cut_by_id<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> Option<String> {
        self.cut(rows, |last| encode("i", &id(last).to_string()))
    }

    pub(super) fn cut<T>(&self, rows: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        rows.last().filter(|_| more).map(cursor)
    }
}

pub(super) fn limit(found: &mut FieldErrors, given: Option<String>) -> Option<Page> {
    let read = match given {
        None => Some(DEFAULT),
        Some(text) => text.parse().ok().filter(|limit| (1..=MOST).contains(limit)),
    };
    if read.is_none() {
        found.add("limit", ProblemCode::InvalidLimit, format!("a whole number from 1 to {MOST} is expected"));
    }
    read.and_then(|limit: i64| usize::try_from(limit).ok()).map(|limit| Page { limit })
}

pub(super) fn cursor<T>(
    found: &mut FieldErrors,
    kind: &str,
    given: Option<String>,
    parse: impl FnOnce(String) -> Option<T>,
) -> Option<Option<T>> {
    let Some(text) = given else { return Some(None) };
    let value = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|inner| !inner.contains('\0'))
        .and_then(|inner| inner.strip_prefix(kind)?.strip_prefix(':').map(str::to_owned))
        .and_then(parse);
    if value.is_none() {
        found.add(
            "cursor",
            ProblemCode::InvalidCursor,
            "take the `next_cursor` of the page before, as it stands",
        );
    }
    value.map(Some)
}

pub(super) fn encode(kind: &str, value: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{value}"))
}

pub(super) fn word<T: longshore_shared::domain::Vocabulary>(
    found: &mut FieldErrors,
    field: &str,
    given: Option<String>,
) -> Option<Option<T>> {
    let Some(text) = given else { return Some(None) };
    let known = T::ALL.iter().copied().find(|value| value.word() == text);
    if known.is_none() {
        found.add(field, ProblemCode::InvalidValue, format!("{} is expected", Word::<T>::choices()));
    }
    known.map(Some)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{ApiError, ListPage, Page, encode};

    #[test]
    fn limits_and_cursors() {
        let check = |limit: Option<&str>, cursor: Option<&str>, expected: &[&str]| {
            let page = ListPage { limit: limit.map(str::to_owned), cursor: cursor.map(str::to_owned) };
            let found = match page.by_name() {
                Ok(_) => Vec::new(),
                Err(ApiError::Invalid(errors)) => {
                    errors.into_iter().map(|error| error.code.as_str()).collect()
                }
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{limit:?} {cursor:?}");
        };
        check(None, None, &[]);
        check(Some("1"), None, &[]);
        check(Some("200"), Some(&encode("n", "läden")), &[]);
        for wrong in ["0", "-1", "201", "1000000000", "99999999999999999999", "1.5", "ten", ""] {
            check(Some(wrong), None, &["invalid_limit"]);
        }
        for wrong in ["", "x", "!!", &encode("j", "a"), &encode("n", "a\0"), "bjpi=="] {
            check(None, Some(wrong), &["invalid_cursor"]);
        }
        check(Some("0"), Some("x"), &["invalid_limit", "invalid_cursor"]);
    }

    #[test]
    fn a_full_page_says_where_the_next_begins() {
        let page = Page { limit: 2 };
        let mut rows = vec!["a", "b", "c"];
        let cursor = page.cut_by_name(&mut rows, |row| row).unwrap();
        assert_eq!(rows, ["a", "b"]);
        let next = ListPage { limit: None, cursor: Some(cursor) }.by_name().unwrap();
        assert_eq!(next.1.as_deref(), Some("b"));
        assert_eq!(page.cut_by_name(&mut vec!["a", "b"], |row| row), None);
    }
}
