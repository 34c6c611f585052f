//! That a person means it: the name of a protected connection, and a password given again.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::sync_tasks::SyncTask;
use longshore_shared::vault::Secret;

use super::text;
use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};

/// What confirms that a task's schedule may write to a protected target.
#[derive(Debug, Default)]
pub(crate) struct Confirming {
    name: Option<String>,
    password: Option<Secret>,
}

impl Confirming {
    pub(super) fn read(found: &mut FieldErrors, name: Field<String>, password: Field<Secret>) -> Self {
        let read = found.optional("confirm_target", name, NAME);
        let name = found.checked("confirm_target", read, |name| match name.chars().count() > LONGEST_NAME {
            true => Err((ProblemCode::TooLong, format!("at most {LONGEST_NAME} characters are taken"))),
            false => Ok(name),
        });
        Self { name, password: secret(found, "target_password", password) }
    }

    /// The password to keep with the task, if its schedule writes to a protected target; or why
    /// the task cannot run by itself.
    pub(crate) fn check(
        self,
        task: &SyncTask,
        source: &Connection,
        target: &Connection,
    ) -> Result<Option<Secret>, ApiError> {
        let mut found = FieldErrors::default();
        if task.timing.schedule.is_some() {
            for asking in [source, target].into_iter().filter(|connection| connection.ask_password) {
                let detail = format!(
                    "connection {} does not store its password, so nothing runs by itself; store it, or leave the \
                     schedule out",
                    asking.name
                );
                found.add("schedule", ProblemCode::PasswordNotStored, detail);
            }
        }
        let fires = task.timing.firing().is_some();
        let confirmed = (fires && target.protected).then_some(target.name.as_str());
        let given = self.name.map_or(Field::Absent, Field::Valid);
        name(&mut found, "confirm_target", given, confirmed);
        let why = confirmed.map(protected);
        let password = wanted(&mut found, "target_password", self.password, why);
        found.finish(Some(password))
    }
}

/// A connection has no longer name.
const LONGEST_NAME: usize = 200;
const NAME: &str = "the connection's name, as a text,";

/// The name that confirms, if one is `expected`.
pub(super) fn name(found: &mut FieldErrors, field: &str, given: Field<String>, expected: Option<&str>) {
    let before = found.count();
    let given = found.optional(field, given, NAME);
    match (given, expected) {
        _ if found.count() > before => {}
        (None, None) => {}
        (Some(given), Some(expected)) if given == expected => {}
        (None, Some(expected)) => {
            let detail =
                format!("connection {expected} is protected: give its name to confirm that you mean it");
            found.add(field, ProblemCode::ConfirmationNeeded, detail);
        }
        (Some(_), Some(_)) => {
            found.add(
                field,
                ProblemCode::ConfirmationWrong,
                "it is not the name of the protected connection",
            );
        }
        (Some(_), None) => {
            found.add(field, ProblemCode::NotAsked, "nothing is to be confirmed here; leave it out");
        }
    }
}

/// A password in a body.
pub(super) fn secret(found: &mut FieldErrors, field: &str, given: Field<Secret>) -> Option<Secret> {
    let read = found.optional(field, given, "a text (it may be empty)");
    found.checked(field, read, text::password)
}

/// The password, which has to be there exactly if there is a reason for it.
pub(super) fn wanted(
    found: &mut FieldErrors,
    field: &str,
    given: Option<Secret>,
    why: Option<String>,
) -> Option<Secret> {
    match (&given, why) {
        (None, Some(why)) => found.add(field, ProblemCode::SecretNeeded, why),
        (Some(_), None) => {
            let detail = "the connection stores its password and is not protected; leave it out";
            found.add(field, ProblemCode::NotAsked, detail);
        }
        _ => {}
    }
    given
}

/// Why the password of a protected connection is wanted.
pub(super) fn protected(name: &str) -> String {
    format!("connection {name} is protected: give its account's password again")
}
