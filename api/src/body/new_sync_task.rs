//! The body that makes a sync task.

use chrono::{DateTime, Utc};
use longshore_shared::clock;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::id::{ConnectionId, OrgId, ScheduleId, TaskId};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::schedule::{Overlap, Schedule, Timing};
use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Selection, SyncSpec, TargetBusy, TargetTriggers,
};
use longshore_shared::store::sync_tasks::SyncTask;
use longshore_shared::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::conditions::{Conditions, LONGEST, covered, filters, table_name, zone};
use super::confirming::Confirming;
use super::new_schedule::NewSchedule;
use crate::error::{ApiError, Conflict};
use crate::extract::field::{Field, FieldErrors, Object, name};
use crate::extract::path::parse_id;
use crate::word::{Word, optional_words, words};

/// A week.
const MOST_CATCH_UP: i32 = 604_800;
/// More names than this are better written as patterns.
const MOST: usize = 5_000;

/// A sync task to be made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSyncTask {
    /// Unique in the organisation, without regard to case.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "shop to reporting")]
    #[serde(default)]
    name: Field<String>,
    /// The connection that is read.
    #[schema(value_type = uuid::Uuid, required = true)]
    #[serde(default)]
    source_id: Field<String>,
    /// The connection that is written.
    #[schema(value_type = uuid::Uuid, required = true)]
    #[serde(default)]
    target_id: Field<String>,
    /// All tables, or those that `tables` names.
    #[schema(value_type = Mode, inline, required = true)]
    #[serde(default)]
    mode: Field<Mode>,
    /// Names or patterns (`*` any run, `?` one character) of a selective sync.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000, example = json!(["orders", "customer*"]))]
    #[serde(default)]
    tables: Field<Vec<String>>,
    /// Names or patterns that a selective sync leaves out.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000)]
    #[serde(default)]
    exclude: Field<Vec<String>>,
    /// Of these tables only the rows that meet the condition are covered, on both sides: SQL on the
    /// table's own columns, without other tables or chance, by the table's name, no pattern. `NOW()` is
    /// when the run's first step began, one time for all of its tables, on both sides.
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"orders": "created_at >= '2024-01-01'"}))]
    #[serde(default, rename = "where")]
    conditions: Field<Conditions>,
    /// The time zone of the conditions' dates and times, and of `NOW()` there: an IANA name or an offset;
    /// UTC unless given, whatever zone the servers are in. A TIMESTAMP column is compared with the
    /// moment that a literal is in this zone; a DATETIME column has no zone and is compared as it stands.
    #[schema(value_type = Option<String>, max_length = 60, example = "Europe/Berlin")]
    #[serde(default)]
    where_time_zone: Field<String>,
    /// What happens to a row that both sides have with other content: the source's
    /// overwrites it, or the target's stays.
    #[schema(schema_with = words::<ConflictPolicy>, required = true)]
    #[serde(default)]
    policy: Field<Word<ConflictPolicy>>,
    /// Rows that only the target has are deleted; false unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    delete_extra: Field<bool>,
    /// A run that would delete more than so many hundredths of a table's rows fails before it
    /// deletes any of them, unless it is submitted with `confirm_deletes`; 50 unless given.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 100)]
    #[serde(default)]
    max_delete_percent: Field<i32>,
    /// What happens to a differing table without a key; `refuse` unless given.
    #[schema(schema_with = optional_words::<Keyless>, required = false)]
    #[serde(default)]
    keyless: Field<Word<Keyless>>,
    /// What happens to an existing target table with triggers; `refuse` unless given.
    #[schema(schema_with = optional_words::<TargetTriggers>, required = false)]
    #[serde(default)]
    target_triggers: Field<Word<TargetTriggers>>,
    /// What one unfit table means for the others; `fail` unless given.
    #[schema(schema_with = optional_words::<OnMismatch>, required = false)]
    #[serde(default)]
    on_mismatch: Field<Word<OnMismatch>>,
    /// What happens when another job writes the same tables of the target: this one waits
    /// for it, or fails; `wait` unless given.
    #[schema(schema_with = optional_words::<TargetBusy>, required = false)]
    #[serde(default)]
    target_busy: Field<Word<TargetBusy>>,
    /// When the task runs by itself; never unless given.
    #[schema(value_type = Option<NewSchedule>)]
    #[serde(default)]
    schedule: Field<Object<NewSchedule>>,
    /// Whether the schedule fires; true unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    enabled: Field<bool>,
    /// What happens to a run while another one goes on: a due time is skipped and a
    /// person's run refused, or one run waits; `skip` unless given.
    #[schema(schema_with = optional_words::<Overlap>, required = false)]
    #[serde(default)]
    overlap: Field<Word<Overlap>>,
    /// How late a due time may still fire when no scheduler was there in time; 0: never;
    /// 3600 unless given.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 604_800)]
    #[serde(default)]
    catch_up_seconds: Field<i32>,
    /// The task is made though a connection was never verified, or was unreachable when it was tested last
    /// (409 `connection_not_verified`, `connection_unreachable`); false unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    allow_untested: Field<bool>,
    /// The target connection's name, if that is protected and the schedule fires.
    #[schema(value_type = Option<String>, max_length = 200)]
    #[serde(default)]
    confirm_target: Field<String>,
    /// The target's stored password again, if that is protected and the schedule fires.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    target_password: Field<Secret>,
}

/// Which tables a task covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// All tables.
    Full,
    /// Those that `tables` names.
    Selective,
}

/// Whether a task is made with connections that nobody has seen to work.
pub(crate) struct AllowUntested(pub(crate) bool);

type Objection = (ProblemCode, String);

impl NewSyncTask {
    /// The task, or everything that is wrong with the fields; its connections are only
    /// named so far.
    pub(crate) fn check(
        self,
        org_id: OrgId,
        id: TaskId,
        now: DateTime<Utc>,
    ) -> Result<(SyncTask, Confirming, AllowUntested), ApiError> {
        let mut found = FieldErrors::default();
        let read = found.required("name", self.name, "a text");
        let name = found.checked("name", read, |text| name(&text));
        let source_id = connection(&mut found, "source_id", self.source_id);
        let target_id = connection(&mut found, "target_id", self.target_id);
        if source_id.is_some() && source_id == target_id {
            found.add("target_id", ProblemCode::SameDatabase, "source and target are the same connection");
        }
        let selection = selection(&mut found, self.mode, self.tables, self.exclude);
        let filters = filters(&mut found, self.conditions);
        if let (Some(selection), Some(filters)) = (&selection, &filters) {
            covered(&mut found, filters, selection);
        }
        let filter_zone = zone(&mut found, self.where_time_zone);
        let policy = found.required("policy", self.policy, &Word::<ConflictPolicy>::choices());
        let delete_extra = found.optional("delete_extra", self.delete_extra, "true or false");
        let most_deleted = max_delete_percent(&mut found, self.max_delete_percent);
        let keyless = found.optional("keyless", self.keyless, &Word::<Keyless>::choices());
        let triggers =
            found.optional("target_triggers", self.target_triggers, &Word::<TargetTriggers>::choices());
        let mismatch = found.optional("on_mismatch", self.on_mismatch, &Word::<OnMismatch>::choices());
        let busy = found.optional("target_busy", self.target_busy, &Word::<TargetBusy>::choices());
        let schedule = schedule(&mut found, self.schedule);
        let enabled = found.optional("enabled", self.enabled, "true or false").unwrap_or(true);
        let overlap = found.optional("overlap", self.overlap, &Word::<Overlap>::choices());
        let catch_up = catch_up(&mut found, self.catch_up_seconds);
        let untested = found.optional("allow_untested", self.allow_untested, "true or false");
        let confirming = Confirming::read(&mut found, self.confirm_target, self.target_password);
        let whole = (|| {
            let usual = SyncSpec::new(selection?, policy?.0);
            let spec = SyncSpec {
                filters: filters.unwrap_or_default(),
                filter_zone: filter_zone.unwrap_or_default(),
                delete_extra: delete_extra.unwrap_or(usual.delete_extra),
                max_delete_percent: most_deleted.unwrap_or(usual.max_delete_percent),
                keyless: keyless.map_or(usual.keyless, |word| word.0),
                target_triggers: triggers.map_or(usual.target_triggers, |word| word.0),
                on_mismatch: mismatch.map_or(usual.on_mismatch, |word| word.0),
                target_busy: busy.map_or(usual.target_busy, |word| word.0),
                ..usual
            };
            let next_run_at = schedule
                .as_ref()
                .filter(|_| enabled)
                .and_then(|schedule: &Schedule| schedule.next_after(now));
            let usual = Timing::on_demand(ScheduleId(clock::fresh_id()));
            let timing = Timing {
                schedule,
                enabled,
                overlap: overlap.map_or(usual.overlap, |word| word.0),
                catch_up_seconds: catch_up.unwrap_or(usual.catch_up_seconds),
                next_run_at,
                ..usual
            };
            Some(SyncTask {
                org_id,
                id,
                name: name?,
                source_id: source_id?,
                target_id: target_id?,
                spec,
                timing,
                version: 1,
                created_at: now,
            })
        })();
        found.finish(whole.map(|task| (task, confirming, AllowUntested(untested.unwrap_or(false)))))
    }
}

pub(super) fn schedule(found: &mut FieldErrors, given: Field<Object<NewSchedule>>) -> Option<Schedule> {
    let given = found.optional("schedule", given, "an object with `cron` or `every`, and `time_zone`");
    given.and_then(|given| found.within("schedule", |found| given.0.check(found)))
}

pub(super) fn catch_up(found: &mut FieldErrors, given: Field<i32>) -> Option<i32> {
    let expected = format!("a whole number from 0 to {MOST_CATCH_UP}");
    let read = found.optional("catch_up_seconds", given, &expected);
    found.checked("catch_up_seconds", read, |seconds| match (0..=MOST_CATCH_UP).contains(&seconds) {
        true => Ok(seconds),
        false => Err((ProblemCode::InvalidValue, format!("{expected} is expected"))),
    })
}

pub(super) fn max_delete_percent(found: &mut FieldErrors, given: Field<i32>) -> Option<i32> {
    let expected = "a whole number from 0 to 100";
    let read = found.optional("max_delete_percent", given, expected);
    found.checked("max_delete_percent", read, |percent| match (0..=100).contains(&percent) {
        true => Ok(percent),
        false => Err((ProblemCode::InvalidValue, format!("{expected} is expected"))),
    })
}

/// Whether the two connections may be a task's source and target.
pub(crate) fn fits(source: &Connection, target: &Connection) -> Result<(), ApiError> {
    if source.engine.group() != target.engine.group() {
        let detail =
            format!("rows cannot move from {} to {} without translation", source.engine, target.engine);
        return Err(Conflict {
            field: Some("target_id"),
            ..Conflict::new(ProblemCode::EngineMismatch, detail)
        }
        .into());
    }
    if place(source) == place(target) {
        return Err(ApiError::field(
            "target_id",
            ProblemCode::SameDatabase,
            "source and target are the same database",
        ));
    }
    if target.engine.is_system_database(&target.database) {
        let detail = "the target's database belongs to the server itself and is never written";
        return Err(ApiError::field("target_id", ProblemCode::SystemDatabase, detail));
    }
    Ok(())
}

/// Where a connection leads by its words. What these do not tell (a server of several names, one
/// that a tunnel leads to as well) a job's plan finds out.
fn place(of: &Connection) -> (Vec<(&str, u16)>, &str, u16, &str) {
    let hops = of.hops.iter().map(|hop| (hop.host.as_str(), hop.port)).collect();
    (hops, &of.host, of.port, &of.database)
}

pub(super) fn connection(found: &mut FieldErrors, field: &str, given: Field<String>) -> Option<ConnectionId> {
    let read = found.required(field, given, "a connection's id");
    // An id that cannot be one is answered like an id that nobody has.
    found.checked(field, read, |text| parse_id(&text).map(ConnectionId).ok_or_else(unknown_connection))
}

/// What is said about a connection that is not there, or not this organisation's.
pub(crate) fn unknown_connection() -> Objection {
    (ProblemCode::UnknownConnection, "there is no such connection".to_owned())
}

pub(super) fn selection(
    found: &mut FieldErrors,
    mode: Field<Mode>,
    tables: Field<Vec<String>>,
    exclude: Field<Vec<String>>,
) -> Option<Selection> {
    let mode = found.required("mode", mode, "full or selective");
    let (given_tables, given_exclude) = (is_given(&tables), is_given(&exclude));
    let tables = found.optional("tables", tables, "a list of names or patterns");
    let exclude = found.optional("exclude", exclude, "a list of names or patterns");
    match mode? {
        Mode::Full => {
            for (field, given) in [("tables", given_tables), ("exclude", given_exclude)] {
                if given {
                    found.add(
                        field,
                        ProblemCode::InvalidValue,
                        "a full sync takes all tables; leave it out, or choose selective",
                    );
                }
            }
            Some(Selection::Full)
        }
        Mode::Selective => {
            if !given_tables {
                found.add("tables", ProblemCode::Required, "a selective sync needs at least one table");
            }
            let tables = found.checked("tables", tables, |names| patterns(names, 1));
            let exclude =
                found.checked("exclude", Some(exclude.unwrap_or_default()), |names| patterns(names, 0));
            Some(Selection::Selective { tables: tables?, exclude: exclude? })
        }
    }
}

pub(super) fn is_given<T>(given: &Field<T>) -> bool {
    !matches!(given, Field::Absent)
}

pub(super) fn patterns(names: Vec<String>, least: usize) -> Result<Vec<String>, Objection> {
    if names.len() < least {
        return Err((ProblemCode::Required, "at least one table is needed".to_owned()));
    }
    if names.len() > MOST {
        return Err((ProblemCode::TooLong, format!("at most {MOST} names are taken; use patterns")));
    }
    for (place, name) in names.iter().enumerate() {
        if table_name(name).is_err() {
            let place = place + 1;
            return Err((
                ProblemCode::InvalidValue,
                format!("name {place}: 1 to {LONGEST} characters without NUL are taken"),
            ));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
