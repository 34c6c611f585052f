//! Writes a package's objects under the name of one attempt.

use std::sync::Arc;

use bytes::Bytes;

use super::PackageError;
use super::key::Attempt;
use super::keyring::PackageKeys;
use super::manifest::{Manifest, PartEntry, Section};
use super::part::PackedPart;
use super::seal::{Place, seal};
use crate::domain::backup::ManifestRef;
use crate::domain::id::{OrgId, PackageId, StepId};
use crate::objects::Store;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct PackageWriter {
    store: Store,
    keys: Arc<PackageKeys>,
    org_id: OrgId,
    package_id: PackageId,
    attempt: Attempt,
}

impl PackageWriter {
    /// For one attempt at a step, told by its fencing token.
    pub fn new(
        store: Store,
        keys: Arc<PackageKeys>,
        org_id: OrgId,
        package_id: PackageId,
        step_id: StepId,
        token: i64,
    ) -> Self {
        Self { store, keys, org_id, package_id, attempt: Attempt { step_id, token } }
    }

    /// Writes a part, by its number within the step.
    pub async fn part(
        &self,
        number: u32,
        packed: PackedPart,
        sections: Vec<Section>,
    ) -> Result<PartEntry, PackageError> {
        let key = self.attempt.part(self.org_id, self.package_id, number);
        let PackedPart { packed, raw_bytes, raw_hash } = packed;
        let (stored_bytes, stored_hash) = self.put(&key, &packed).await?;
        Ok(PartEntry { key, raw_bytes, raw_hash, stored_bytes, stored_hash, sections })
    }

    /// Writes the manifest: the last object of a package.
    pub async fn manifest(&self, manifest: &Manifest) -> Result<ManifestRef, PackageError> {
        let key = self.attempt.manifest(self.org_id, self.package_id);
        let unmade = |error: serde_json::Error| PackageError::Unmade(format!("the manifest: {error}"));
        let content = serde_json::to_vec(manifest).map_err(unmade)?;
        let (bytes, hash) = self.put(&key, &content.into()).await?;
        Ok(ManifestRef { key, hash, bytes })
    }

    /// Answers the object's bytes and their hash.
    async fn put(&self, key: &str, content: &Bytes) -> Result<(u64, String), PackageError> {
        let place = Place { org_id: self.org_id, package_id: self.package_id, key };
        let object = seal(&self.keys, place, content)?;
        let told = (object.len() as u64, blake3::hash(&object).to_hex().to_string());
        self.store.put(key, object).await?;
        Ok(told)
    }
}
