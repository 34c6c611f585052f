//! Why a schedule was refused.

/// A schedule that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}: {reason}; {remedy}", position_text(*.position))]
pub struct ScheduleError {
    /// What is wrong: `cron` or `time_zone`.
    pub field: &'static str,
    /// Which of the expression's fields, from 1 (minute) to 5 (day of week); 6 is a
    /// field too many. `None` where it is not one field's fault.
    pub position: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub remedy: String,
}

impl ScheduleError {
    pub(super) fn cron(position: Option<usize>, reason: String, remedy: &str) -> Self {
        Self { field: "cron", position, reason, remedy: remedy.to_owned() }
    }

    pub(super) fn time_zone(reason: String, remedy: String) -> Self {
        Self { field: "time_zone", position: None, reason, remedy }
    }
}

fn position_text(position: Option<usize>) -> String {
    position.map(|p| format!(" field {p}")).unwrap_or_default()
}
