//! What lets a job write to a protected connection (C9): a person named it and knew its password.
//!
//! Comes before anything else of the job, so that nothing was written when it fails. Idempotent:
//! it compares, and lets go of the copy of a password that was compared already.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::job::Trigger;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::connections::edits;
use longshore_shared::store::{secrets, target_confirmations};
use longshore_shared::vault::Secret;

use crate::steps::attempt::Attempt;
use crate::steps::error::StepError;
use crate::steps::secrets::{changed, open_one};

/// What asks.
struct Asking<'a> {
    attempt: &'a Attempt,
    target: &'a Connection,
}

/// An error unless the attempt's job may write to its target.
pub(super) async fn confirm(attempt: &Attempt, target: &Connection) -> Result<(), StepError> {
    if !target.protected {
        return Ok(());
    }
    attempt.check_lease()?;
    let asking = Asking { attempt, target };
    match attempt.step.job.trigger() {
        Trigger::Person => asking.confirmed_with_the_run().await,
        Trigger::Schedule => asking.confirmed_with_the_schedule().await,
    }
}

impl Asking<'_> {
    async fn confirmed_with_the_run(&self) -> Result<(), StepError> {
        let (target, job_id) = (self.target, self.attempt.step.job.id);
        let mut tx = self.attempt.resources.database.system().await?;
        let given = secrets::of(tx.conn(), target.org_id, job_id).await?;
        tx.commit().await?;
        let given = open_one(&self.attempt.resources.opener, target, &given, SecretName::TargetPassword)?;
        let given = given.ok_or_else(|| void(target, "became protected after this run was asked for"))?;
        // Where none is stored the server itself compares, at the login.
        if target.ask_password || given.is(&self.stored().await?) {
            return Ok(());
        }
        Err(wrong(target).into())
    }

    async fn confirmed_with_the_schedule(&self) -> Result<(), StepError> {
        let (target, job_id) = (self.target, self.attempt.step.job.id);
        let mut tx = self.attempt.resources.database.system().await?;
        let found = target_confirmations::of_job(tx.conn(), target.org_id, job_id).await?;
        tx.commit().await?;
        let found = found.ok_or_else(|| void(target, "was never confirmed for this task's schedule"))?;
        if (found.target_id, found.reach) != (target.id, target.reach) {
            return Err(void(target, "leads elsewhere since this task's schedule was confirmed").into());
        }
        let Some(given) = found.given else { return Ok(()) };
        let given = [given];
        let opened = open_one(&self.attempt.resources.opener, target, &given, SecretName::TargetPassword)?;
        if !opened.ok_or_else(|| wrong(target))?.is(&self.stored().await?) {
            return Err(wrong(target).into());
        }
        // The password was the stored one: its copy goes.
        let [given] = given;
        let mut tx = self.attempt.resources.database.system().await?;
        secrets::delete_one(tx.conn(), &given).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The target's stored password.
    async fn stored(&self) -> Result<Secret, StepError> {
        let target = self.target;
        let mut tx = self.attempt.resources.database.system().await?;
        let sealed = edits::secrets(tx.conn(), target).await?;
        tx.commit().await?;
        let opened = open_one(&self.attempt.resources.opener, target, &sealed, SecretName::Password)?;
        Ok(opened.ok_or_else(|| changed(target))?)
    }
}

fn wrong(target: &Connection) -> Failure {
    Failure::permanent(
        FailureCode::ConfirmationFailed,
        format!(
            "connection {} is protected, and the password that was given to confirm it is not the stored one; nothing \
             was written",
            target.name
        ),
    )
}

fn void(target: &Connection, why: &str) -> Failure {
    Failure::permanent(
        FailureCode::ConfirmationVoid,
        format!("connection {} is protected, and {why}; nothing was written", target.name),
    )
}
