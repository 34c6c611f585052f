//! Pages of jobs, of a task's runs, and of a job's log.

use chrono::{DateTime, Utc};
use longshore_shared::domain::id::{ConnectionId, JobId, TaskId};
use longshore_shared::domain::job::{JobKind, JobState, LogOrder};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::jobs::recent::Filter;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::field::FieldErrors;
use super::page::{Page, cursor, encode, limit, word};
use super::path::parse_id;
use crate::error::ApiError;
use crate::word::words;

/// A text that is looked for has no more characters.
const LONGEST: usize = 200;

/// A page of jobs, newest first.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only jobs in this state.
    #[param(schema_with = words::<JobState>, required = false)]
    state: Option<String>,
    /// Only jobs of this kind.
    #[param(schema_with = words::<JobKind>, required = false)]
    kind: Option<String>,
    /// Only jobs that read, test or write this connection.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<String>,
    /// Only runs of this sync task.
    #[param(value_type = Option<Uuid>)]
    task_id: Option<String>,
    /// Only jobs whose name, or the name of whose source, target or asker, contains this text without
    /// regard to case, or whose id begins with it.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Only jobs that were accepted at this moment or later.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-03-01T00:00:00Z")]
    from: Option<String>,
    /// Only jobs that were accepted before this moment.
    #[param(value_type = Option<String>, format = DateTime, example = "2026-04-01T00:00:00Z")]
    to: Option<String>,
}

/// A page of a task's runs, newest first.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only runs in this state.
    #[param(schema_with = words::<JobState>, required = false)]
    state: Option<String>,
}

/// A page of a job's log.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogPage {
    /// How many at most.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// The `next_cursor` of the page before, which had the same order.
    cursor: Option<String>,
    /// Which line comes first; `newest` unless given.
    #[param(schema_with = words::<LogOrder>, required = false)]
    order: Option<String>,
}

impl JobPage {
    /// The page, and which jobs it shows.
    pub(crate) fn check(self) -> Result<(Page, Filter), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let before = before(&mut found, self.cursor);
        let state = word::<JobState>(&mut found, "state", self.state);
        let kind = word::<JobKind>(&mut found, "kind", self.kind);
        let connection_id = id(&mut found, "connection_id", self.connection_id);
        let task_id = id(&mut found, "task_id", self.task_id);
        let text = text(&mut found, self.q);
        let (from, to) = (moment(&mut found, "from", self.from), moment(&mut found, "to", self.to));
        if let (Some(Some(from)), Some(Some(to))) = (from, to)
            && to < from
        {
            found.add("to", ProblemCode::InvalidValue, "it is before `from`; exchange the two");
        }
        let filter = (|| {
            Some(Filter {
                subject: task_id?.map(|id| TaskId(id).into()),
                state: state?,
                kind: kind?,
                connection_id: connection_id?.map(ConnectionId),
                text: text?,
                from: from?,
                to: to?,
                before: before?,
            })
        })();
        found.finish(page.zip(filter))
    }
}

impl RunPage {
    /// The page, and which of the task's runs it shows.
    pub(crate) fn check(self, task: TaskId) -> Result<(Page, Filter), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let before = before(&mut found, self.cursor);
        let state = word::<JobState>(&mut found, "state", self.state);
        let subject = Some(task.into());
        let filter = (|| Some(Filter { subject, state: state?, before: before?, ..Filter::default() }))();
        found.finish(page.zip(filter))
    }
}

impl LogPage {
    /// The page, its order, and the line that it begins after.
    pub(crate) fn check(self) -> Result<(Page, LogOrder, Option<i64>), ApiError> {
        let mut found = FieldErrors::default();
        let page = limit(&mut found, self.limit);
        let order =
            word::<LogOrder>(&mut found, "order", self.order).map(|given| given.unwrap_or(LogOrder::Newest));
        // A place in one order is none in the other.
        let kind = order.map_or("", LogOrder::as_str);
        let after = cursor(&mut found, kind, self.cursor, |text| text.parse().ok());
        found.finish(page.zip(order).zip(after).map(|((page, order), after)| (page, order, after)))
    }
}

impl Page {
    /// Cuts the extra row off; the cursor of the next page of jobs if there is one.
    pub(crate) fn cut_jobs<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> JobId) -> Option<String> {
        self.cut(rows, |last| encode("j", &id(last).to_string()))
    }

    /// As [`Page::cut_jobs`], for lines of a log.
    pub(crate) fn cut_log<T>(
        &self,
        rows: &mut Vec<T>,
        order: LogOrder,
        number: impl Fn(&T) -> i64,
    ) -> Option<String> {
        self.cut(rows, |last| encode(order.as_str(), &number(last).to_string()))
    }
}

fn before(found: &mut FieldErrors, given: Option<String>) -> Option<Option<JobId>> {
    cursor(found, "j", given, |text| parse_id(&text).map(JobId))
}

pub(super) fn id(found: &mut FieldErrors, field: &str, given: Option<String>) -> Option<Option<Uuid>> {
    let Some(text) = given else { return Some(None) };
    let read = parse_id(&text);
    if read.is_none() {
        found.add(field, ProblemCode::InvalidValue, "an id is expected, as the API tells it");
    }
    read.map(Some)
}

fn text(found: &mut FieldErrors, given: Option<String>) -> Option<Option<String>> {
    let Some(text) = given else { return Some(None) };
    let fits = (1..=LONGEST).contains(&text.chars().count()) && !text.contains('\0');
    if !fits {
        let detail = format!("a text of 1 to {LONGEST} characters is expected");
        found.add("q", ProblemCode::InvalidValue, detail);
    }
    fits.then_some(Some(text))
}

fn moment(found: &mut FieldErrors, field: &str, given: Option<String>) -> Option<Option<DateTime<Utc>>> {
    let Some(text) = given else { return Some(None) };
    let read = DateTime::parse_from_rfc3339(&text).ok().map(|moment| moment.to_utc());
    if read.is_none() {
        let detail = "a date and time with its offset is expected, as 2026-03-01T00:00:00Z (a `+` is \
                      written %2B in an address)";
        found.add(field, ProblemCode::InvalidValue, detail);
    }
    read.map(Some)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use serde_json::{Value, json};

    use super::{ApiError, JobPage, LogOrder, LogPage, Page, encode, limit};
    use crate::extract::field::FieldErrors;

    fn errors<T>(checked: Result<T, ApiError>) -> Vec<String> {
        match checked {
            Ok(_) => Vec::new(),
            Err(ApiError::Invalid(errors)) => {
                errors.into_iter().map(|error| format!("{} {}", error.field, error.code.as_str())).collect()
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn jobs_are_filtered_by_what_is_known() {
        let check = |given: &Value, expected: &[&str]| {
            let page: JobPage = serde_json::from_value(given.clone()).unwrap();
            assert_eq!(errors(page.check()), expected, "{given}");
        };
        let id = "0190bc2a-0000-7000-8000-000000000000";
        check(&json!({}), &[]);
        check(&json!({"state": "running", "kind": "sync"}), &[]);
        check(
            &json!({"state": "Running", "kind": "backups"}),
            &["state invalid_value", "kind invalid_value"],
        );
        check(&json!({"cursor": encode("j", "not-an-id")}), &["cursor invalid_cursor"]);
        check(&json!({"connection_id": id, "task_id": id, "q": "50%"}), &[]);
        check(
            &json!({"connection_id": "1", "task_id": "", "q": ""}),
            &["connection_id invalid_value", "task_id invalid_value", "q invalid_value"],
        );
        check(&json!({"q": "x".repeat(201)}), &["q invalid_value"]);
        check(&json!({"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T01:00:00+01:00"}), &[]);
        check(&json!({"from": "2026-03-01T00:00:01Z", "to": "2026-03-01T00:00:00Z"}), &["to invalid_value"]);
        check(
            &json!({"from": "2026-03-01", "to": "2026-03-01T00:00:00 01:00"}),
            &["from invalid_value", "to invalid_value"],
        );
    }

    #[test]
    fn a_logs_cursor_is_of_its_order() {
        let page = limit(&mut FieldErrors::default(), Some("1".to_owned())).unwrap();
        let next = |order, rows: &mut Vec<i64>| Page::cut_log(&page, rows, order, |row| *row);
        let newest = next(LogOrder::Newest, &mut vec![9, 8]).unwrap();
        let check = |order: Option<&str>, cursor: &str, expected: Result<Option<i64>, &str>| {
            let page =
                LogPage { order: order.map(str::to_owned), cursor: Some(cursor.to_owned()), limit: None };
            let found = page.check();
            match expected {
                Ok(after) => assert_eq!(found.unwrap().2, after),
                Err(error) => assert_eq!(errors(found), [error], "{order:?}"),
            }
        };
        check(None, &newest, Ok(Some(9)));
        check(Some("newest"), &newest, Ok(Some(9)));
        check(Some("oldest"), &newest, Err("cursor invalid_cursor"));
        assert_eq!(next(LogOrder::Oldest, &mut vec![1]), None);
        let odd = LogPage { order: Some("desc".to_owned()), ..LogPage::default() };
        assert_eq!(errors(odd.check()), ["order invalid_value"]);
    }
}
