//! What a step reads from and writes to the store, and what of the control plane is not one table's.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::PackageId;
use longshore_shared::domain::step::StepKind;
use longshore_shared::objects::Store;
use longshore_shared::package::manifest::Manifest;
use longshore_shared::package::reader::PackageReader;
use longshore_shared::package::writer::PackageWriter;
use longshore_shared::store::{job_tables, packages, steps};
use serde_json::Value;
use std::sync::Arc;

use super::Attempt;
use crate::steps::error::StepError;

impl Attempt {
    /// The bucket, if this worker has one.
    pub(in crate::steps) fn package_store(&self) -> Result<Store, Failure> {
        self.resources.store.clone().ok_or_else(|| {
            Failure::permanent(FailureCode::NoStore, "this worker has no bucket to keep packages in")
        })
    }

    /// Writes parts of a package under the attempt's own name.
    pub(in crate::steps) fn package_writer(&self, package_id: PackageId) -> Result<PackageWriter, Failure> {
        let (store, keys) = (self.package_store()?, Arc::clone(&self.resources.package_keys));
        let lease = &self.step.lease;
        Ok(PackageWriter::new(store, keys, lease.org_id, package_id, lease.step_id, lease.token))
    }

    /// Reads a package of the job's organisation.
    pub(in crate::steps) fn package_reader(&self, package_id: PackageId) -> Result<PackageReader, Failure> {
        let (store, keys) = (self.package_store()?, Arc::clone(&self.resources.package_keys));
        Ok(PackageReader::new(store, keys, self.step.lease.org_id, package_id))
    }

    /// The manifest of a package that is complete.
    pub(in crate::steps) async fn manifest(&self, package_id: PackageId) -> Result<Manifest, StepError> {
        let mut tx = self.resources.database.system().await?;
        let found = packages::manifest(tx.conn(), self.step.lease.org_id, package_id).await?;
        tx.commit().await?;
        let found = found.ok_or_else(|| {
            Failure::permanent(FailureCode::PackageGone, "the package is not complete, or was deleted")
        })?;
        Ok(self.package_reader(package_id)?.manifest(&found).await.map_err(Failure::from)?)
    }

    /// The plans of the job's tables, by their numbers.
    pub(in crate::steps) async fn table_plans(&self) -> Result<Vec<(i32, Value)>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = job_tables::plans(tx.conn(), lease.org_id, lease.job_id, None).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// What the job's finished steps of these kinds told, in the order of the steps.
    pub(in crate::steps) async fn details_of_job(&self, kinds: &[StepKind]) -> Result<Vec<Value>, StepError> {
        let lease = &self.step.lease;
        let mut tx = self.resources.database.system().await?;
        let found = steps::details_of_job(tx.conn(), lease.org_id, lease.job_id, kinds).await?;
        tx.commit().await?;
        Ok(found)
    }
}
