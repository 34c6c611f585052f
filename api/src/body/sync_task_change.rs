//! The body that edits a sync task: only what is given changes.

use chrono::{DateTime, Utc};
use longshore_shared::domain::schedule::Overlap;
use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Selection, TargetBusy, TargetTriggers,
};
use longshore_shared::store::sync_tasks::SyncTask;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::conditions::{Conditions, covered, filters, zone};
use super::confirming::Confirming;
use super::new_schedule::NewSchedule;
use super::new_sync_task::{Mode, catch_up, is_given, max_delete_percent, schedule, selection};
use crate::error::ApiError;
use crate::extract::field::{Change, Field, FieldErrors, Object, name};
use crate::word::{Word, optional_words};

/// What is to change in a sync task; a field that is left out stays as it is, but each edit of one
/// that writes to a protected target by itself is confirmed anew. Source and
/// target are the task's identity: for others, make another task.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncTaskChange {
    /// Unique in the organisation, without regard to case.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    #[serde(default)]
    name: Field<String>,
    /// All tables, or those that `tables` names.
    #[schema(value_type = Option<Mode>)]
    #[serde(default)]
    mode: Field<Mode>,
    /// Names or patterns of a selective sync.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000)]
    #[serde(default)]
    tables: Field<Vec<String>>,
    /// Names or patterns that a selective sync leaves out.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000)]
    #[serde(default)]
    exclude: Field<Vec<String>>,
    /// Conditions on the rows of tables, all of them anew; `{}`: none.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    #[serde(default, rename = "where")]
    conditions: Field<Conditions>,
    /// The time zone of the conditions' dates and times: an IANA name or an offset.
    #[schema(value_type = Option<String>, max_length = 60)]
    #[serde(default)]
    where_time_zone: Field<String>,
    /// What happens to a row that both sides have with other content.
    #[schema(schema_with = optional_words::<ConflictPolicy>, required = false)]
    #[serde(default)]
    policy: Field<Word<ConflictPolicy>>,
    /// Rows that only the target has are deleted.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    delete_extra: Field<bool>,
    /// How many hundredths of a table's rows a run may delete without `confirm_deletes`.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 100)]
    #[serde(default)]
    max_delete_percent: Field<i32>,
    /// What happens to a differing table without a key.
    #[schema(schema_with = optional_words::<Keyless>, required = false)]
    #[serde(default)]
    keyless: Field<Word<Keyless>>,
    /// What happens to an existing target table with triggers.
    #[schema(schema_with = optional_words::<TargetTriggers>, required = false)]
    #[serde(default)]
    target_triggers: Field<Word<TargetTriggers>>,
    /// What one unfit table means for the others.
    #[schema(schema_with = optional_words::<OnMismatch>, required = false)]
    #[serde(default)]
    on_mismatch: Field<Word<OnMismatch>>,
    /// What happens when another job writes the same tables of the target.
    #[schema(schema_with = optional_words::<TargetBusy>, required = false)]
    #[serde(default)]
    target_busy: Field<Word<TargetBusy>>,
    /// When the task runs by itself; null: never again.
    #[schema(value_type = Option<NewSchedule>)]
    #[serde(default)]
    schedule: Change<Object<NewSchedule>>,
    /// Whether the schedule fires.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    enabled: Field<bool>,
    /// What happens to a run while another one goes on.
    #[schema(schema_with = optional_words::<Overlap>, required = false)]
    #[serde(default)]
    overlap: Field<Word<Overlap>>,
    /// How late a due time may still fire; 0: never.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 604_800)]
    #[serde(default)]
    catch_up_seconds: Field<i32>,
    /// The target connection's name, if that is protected and the schedule fires.
    #[schema(value_type = Option<String>, max_length = 200)]
    #[serde(default)]
    confirm_target: Field<String>,
    /// The target's stored password again, if that is protected and the schedule fires.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    target_password: Field<Secret>,
}

impl SyncTaskChange {
    /// The task as it is to be, or everything that is wrong with the fields. Its next run
    /// is another one only if its schedule changes, or begins or ceases to fire.
    pub(crate) fn apply(
        self,
        task: SyncTask,
        now: DateTime<Utc>,
    ) -> Result<(SyncTask, Confirming), ApiError> {
        let mut found = FieldErrors::default();
        let mut task = task;
        let read = found.optional("name", self.name, "a text");
        set(&mut task.name, found.checked("name", read, |text| name(&text)));
        let spec = &mut task.spec;
        if is_given(&self.mode) || is_given(&self.tables) || is_given(&self.exclude) {
            let given = whole(&spec.selection, self.mode, self.tables, self.exclude);
            set(&mut spec.selection, selection(&mut found, given.0, given.1, given.2));
        }
        set(&mut spec.filters, filters(&mut found, self.conditions));
        covered(&mut found, &spec.filters, &spec.selection);
        set(&mut spec.filter_zone, zone(&mut found, self.where_time_zone));
        word(&mut found, "policy", self.policy, &mut spec.policy);
        set(&mut spec.delete_extra, found.optional("delete_extra", self.delete_extra, "true or false"));
        set(&mut spec.max_delete_percent, max_delete_percent(&mut found, self.max_delete_percent));
        word(&mut found, "keyless", self.keyless, &mut spec.keyless);
        word(&mut found, "target_triggers", self.target_triggers, &mut spec.target_triggers);
        word(&mut found, "on_mismatch", self.on_mismatch, &mut spec.on_mismatch);
        word(&mut found, "target_busy", self.target_busy, &mut spec.target_busy);
        let timing = &mut task.timing;
        let fired = timing.firing().cloned();
        match self.schedule {
            Change::Stays => {}
            Change::Goes => timing.schedule = None,
            Change::Is(given) => timing.schedule = schedule(&mut found, given),
        }
        set(&mut timing.enabled, found.optional("enabled", self.enabled, "true or false"));
        word(&mut found, "overlap", self.overlap, &mut timing.overlap);
        set(&mut timing.catch_up_seconds, catch_up(&mut found, self.catch_up_seconds));
        if timing.firing() != fired.as_ref() {
            timing.next_run_at = timing.firing().and_then(|schedule| schedule.next_after(now));
        }
        let confirming = Confirming::read(&mut found, self.confirm_target, self.target_password);
        found.finish(Some((task, confirming)))
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn word<T: longshore_shared::domain::Vocabulary>(
    found: &mut FieldErrors,
    field: &str,
    given: Field<Word<T>>,
    place: &mut T,
) {
    set(place, found.optional(field, given, &Word::<T>::choices()).map(|word| word.0));
}

/// The selection as if all of it had been given: what is not is taken from the old one.
fn whole(
    old: &Selection,
    mode: Field<Mode>,
    tables: Field<Vec<String>>,
    exclude: Field<Vec<String>>,
) -> (Field<Mode>, Field<Vec<String>>, Field<Vec<String>>) {
    let or = |given: Field<Vec<String>>, old: &Vec<String>| match given {
        Field::Absent => Field::Valid(old.clone()),
        given => given,
    };
    match (old, mode) {
        (Selection::Selective { tables: old_tables, exclude: old_exclude }, mode) => match mode {
            Field::Valid(Mode::Full) => (Field::Valid(Mode::Full), tables, exclude),
            Field::Absent => {
                (Field::Valid(Mode::Selective), or(tables, old_tables), or(exclude, old_exclude))
            }
            mode => (mode, or(tables, old_tables), or(exclude, old_exclude)),
        },
        (Selection::Full, Field::Absent) => (Field::Valid(Mode::Full), tables, exclude),
        (Selection::Full, mode) => (mode, tables, exclude),
    }
}

#[cfg(test)]
mod tests;
