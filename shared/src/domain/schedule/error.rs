//! Why a schedule was refused.

/// One thing that is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}: {reason}; {remedy}", position_text(*.position))]
pub struct ScheduleError {
    /// What is wrong, by its name in a [`super::Draft`]: `cron`, `at`, `time_zone`, …
    pub field: &'static str,
    /// The field is needed and was not given.
    pub missing: bool,
    /// Which of a cron expression's fields, from 1 (minute) to 5 (day of week); 6 is a
    /// field too many. `None` where it is not one field's fault.
    pub position: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub remedy: String,
}

/// Everything that is wrong with a schedule, field by field; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleErrors(pub Vec<ScheduleError>);

impl std::fmt::Display for ScheduleErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&told.join(". "))
    }
}

impl std::error::Error for ScheduleErrors {}

impl ScheduleError {
    pub(super) fn cron(position: Option<usize>, reason: String, remedy: &str) -> Self {
        Self { position, ..Self::wrong("cron", reason, remedy) }
    }

    pub(super) fn time_zone(reason: String, remedy: String) -> Self {
        Self { remedy, ..Self::wrong("time_zone", reason, "") }
    }

    pub(super) fn wrong(field: &'static str, reason: impl Into<String>, remedy: &str) -> Self {
        Self { field, missing: false, position: None, reason: reason.into(), remedy: remedy.to_owned() }
    }

    pub(super) fn missing(field: &'static str, reason: &str, remedy: &str) -> Self {
        Self { missing: true, ..Self::wrong(field, reason, remedy) }
    }
}

fn position_text(position: Option<usize>) -> String {
    position.map(|p| format!(" field {p}")).unwrap_or_default()
}
