//! Reads a package's objects, each proven before it is used.

use std::sync::Arc;

use bytes::Bytes;

use super::PackageError;
use super::key;
use super::keyring::PackageKeys;
use super::manifest::{Manifest, PartEntry, VERSION};
use super::part::PartText;
use super::seal::{Place, open};
use crate::domain::backup::ManifestRef;
use crate::domain::id::{OrgId, PackageId};
use crate::objects::{Store, Trouble};

/// No manifest is larger: hundreds of thousands of tables.
const LARGEST_MANIFEST: u64 = 512 << 20;
/// A part's text has hardly more than 16 MiB, unless one row of it has.
const LARGEST_PART: u64 = 2 << 30;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct PackageReader {
    store: Store,
    keys: Arc<PackageKeys>,
    org_id: OrgId,
    package_id: PackageId,
}

impl PackageReader {
    /// Of one organisation's package.
    pub fn new(store: Store, keys: Arc<PackageKeys>, org_id: OrgId, package_id: PackageId) -> Self {
        Self { store, keys, org_id, package_id }
    }

    /// The manifest that the package's row names.
    ///
    /// Errors: [`PackageError::Damaged`] where it is another one, or of another package or organisation.
    pub async fn manifest(&self, named: &ManifestRef) -> Result<Manifest, PackageError> {
        let content = self.get(&named.key, named.bytes, LARGEST_MANIFEST, &named.hash).await?;
        let manifest: Manifest = serde_json::from_slice(&content)
            .map_err(|error| PackageError::Damaged(format!("the manifest does not read: {error}")))?;
        if manifest.version > VERSION {
            let what =
                format!("the manifest is of version {}, and this release knows {VERSION}", manifest.version);
            return Err(PackageError::Damaged(what));
        }
        if (manifest.org_id, manifest.package_id) != (self.org_id, self.package_id) {
            return Err(PackageError::Damaged("the manifest is another package's".to_owned()));
        }
        Ok(manifest)
    }

    /// A part: its object in memory, proven; its text comes piece by piece.
    pub async fn part(&self, part: &PartEntry) -> Result<PartText, PackageError> {
        let packed = self.get(&part.key, part.stored_bytes, LARGEST_PART, &part.stored_hash).await?;
        PartText::new(packed, part.raw_bytes, &part.raw_hash)
    }

    /// The content of an object that has so many bytes with this hash.
    async fn get(&self, key: &str, bytes: u64, most: u64, hash: &str) -> Result<Bytes, PackageError> {
        if key::owner(key) != Some((self.org_id, self.package_id)) {
            return Err(PackageError::Damaged("an object lies in another package".to_owned()));
        }
        let most = usize::try_from(bytes.min(most)).unwrap_or(usize::MAX);
        let object = self.store.read_whole(key, most).await.map_err(|error| match error.trouble {
            Trouble::Refused => PackageError::Damaged(format!("an object cannot be read: {}", error.said)),
            _ => error.into(),
        })?;
        if object.len() as u64 != bytes || blake3::hash(&object).to_hex().as_str() != hash {
            return Err(PackageError::Damaged("an object is another one than was written".to_owned()));
        }
        let place = Place { org_id: self.org_id, package_id: self.package_id, key };
        open(&self.keys, place, &object)
    }
}
