//! What a step reads from the control plane: plans, and what other steps told.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::id::StepId;
use longshore_shared::domain::step::{Owed, StepKind};
use longshore_shared::store::job_tables::{self, Remembered};
use longshore_shared::store::{RowError, StoreError, jobs, steps};
use serde_json::Value;

use super::context::Context;
use super::table::TablePlan;
use crate::steps::attempt::read;
use crate::steps::error::StepError;

impl Context {
    /// The plan of the step's table.
    pub(super) async fn table(&self) -> Result<TablePlan, StepError> {
        let numbers = [self.step.table_number.unwrap_or(-1)];
        let mut plans = self.plans(Some(&numbers)).await?;
        Ok(plans.pop().ok_or_else(|| StoreError::Row(RowError::Absent("a step's table")))?)
    }

    /// The plans of the job's tables that have one (a refused table has none).
    pub(super) async fn plans(&self, numbers: Option<&[i32]>) -> Result<Vec<TablePlan>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::plans(tx.conn(), lease.org_id, lease.job_id, numbers).await?;
        tx.commit().await?;
        let plans = found.iter().filter(|(_, plan)| !plan.is_null()).map(|(_, plan)| read(plan, "plan"));
        Ok(plans.collect::<Result<_, Failure>>()?)
    }

    /// The plans of the job's tables that have one, with their numbers.
    pub(super) async fn numbered_plans(&self) -> Result<Vec<(i32, TablePlan)>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::plans(tx.conn(), lease.org_id, lease.job_id, None).await?;
        tx.commit().await?;
        let plans = found.iter().filter(|(_, plan)| !plan.is_null());
        Ok(plans.map(|(number, plan)| Ok((*number, read(plan, "plan")?))).collect::<Result<_, Failure>>()?)
    }

    /// The plans of those of these tables of which something is left to do, with their numbers.
    pub(super) async fn unfinished(&self, numbers: &[i32]) -> Result<Vec<(i32, TablePlan)>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::unfinished(tx.conn(), lease.org_id, lease.job_id, numbers).await?;
        tx.commit().await?;
        Ok(found
            .iter()
            .map(|(number, plan)| Ok((*number, read(plan, "plan")?)))
            .collect::<Result<_, Failure>>()?)
    }

    /// Number and name of each table that has failed already.
    pub(super) async fn failed_tables(&self) -> Result<Vec<(i32, String)>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::all_failed(tx.conn(), lease.org_id, lease.job_id).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// How the task's last completed job cut the tables.
    pub(super) async fn remembered(&self) -> Result<Vec<Remembered>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::remembered(tx.conn(), lease.org_id, lease.job_id).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// When the job's first step began: one time for all of its steps and all of their attempts.
    pub(super) async fn job_began(&self) -> Result<DateTime<Utc>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let job = jobs::find(tx.conn(), lease.org_id, lease.job_id).await?;
        tx.commit().await?;
        let job = job.ok_or_else(|| StoreError::Row(RowError::Absent("a step's job")))?;
        Ok(job.started_at.unwrap_or(job.created_at))
    }

    /// All steps of the job.
    pub(super) async fn step_ids(&self) -> Result<Vec<StepId>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let ids = steps::ids(tx.conn(), lease.org_id, lease.job_id).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// What tables of the target are still to get.
    pub(super) async fn owed(&self) -> Result<HashMap<String, Owed>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let owed = job_tables::owed(tx.conn(), lease.org_id, self.target().id, lease.job_id).await?;
        tx.commit().await?;
        Ok(owed)
    }

    /// What the table's finished steps of these kinds told, if they told anything.
    pub(super) async fn details(&self, kinds: &[StepKind]) -> Result<Vec<Value>, StepError> {
        self.details_of(self.step.table_number.unwrap_or(-1), kinds).await
    }

    /// As [`Context::details`], of another table.
    pub(super) async fn details_of(&self, number: i32, kinds: &[StepKind]) -> Result<Vec<Value>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let details = steps::details(tx.conn(), lease.org_id, lease.job_id, number, kinds).await?;
        tx.commit().await?;
        Ok(details)
    }
}
