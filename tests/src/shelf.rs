//! A place in the bucket that one test's processes keep their packages in, and what lies there.
//!
//! The manifest and the parts are read by `shared`'s reader: what it proves is proven by its own tests, and what the
//! parts hold is compared with the source by others' means.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_shared::config::{Environment, Objects};
use longshore_shared::domain::backup::ManifestRef;
use longshore_shared::domain::id::{OrgId, PackageId};
use longshore_shared::objects::Store;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::package::manifest::Manifest;
use longshore_shared::package::reader::PackageReader;
use uuid::Uuid;

use crate::control_plane::ControlPlane;
use crate::place;
use crate::servers::Bucket;

/// The place.
pub struct Shelf {
    settings: Vec<(&'static str, String)>,
    keys: PathBuf,
}

/// A package that is complete, to be read.
pub struct Shelved {
    /// What it holds.
    pub manifest: Manifest,
    /// Reads it.
    pub reader: PackageReader,
}

impl Shelf {
    /// A fresh place in the bucket, behind `port`, with keys to seal with.
    pub fn new(bucket: &Bucket, port: u16, keys: &Path) -> Self {
        let settings = vec![
            ("S3_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("S3_BUCKET", bucket.name.clone()),
            ("S3_PREFIX", format!("test/{}", place::fresh_name())),
            ("S3_ACCESS_KEY_ID", bucket.key.clone()),
            ("S3_SECRET_ACCESS_KEY", bucket.secret.clone()),
            ("PACKAGE_KEYS", keys.display().to_string()),
        ];
        Self { settings, keys: keys.to_owned() }
    }

    /// As a process is told of it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        self.settings.clone()
    }

    /// The store, as a process has it.
    pub async fn store(&self) -> Store {
        let named: Vec<(String, &str)> =
            self.settings.iter().map(|(name, value)| (format!("LONGSHORE_{name}"), value.as_str())).collect();
        let pairs: Vec<(&str, &str)> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let objects = Objects::from_env(&Environment::of(pairs)).expect("the settings are right");
        Store::open(&objects).await.expect("a bucket is named")
    }

    /// The keys of all objects that lie there.
    pub async fn objects(&self) -> Vec<String> {
        let (store, mut found, mut from) = (self.store().await, Vec::new(), None);
        loop {
            let page = store.list("", from).await.expect("the bucket is listed");
            found.extend(page.objects.into_iter().map(|object| object.key));
            from = page.next;
            if from.is_none() {
                return found;
            }
        }
    }

    /// A package by its id.
    pub async fn package(&self, control: &ControlPlane, id: &str) -> Shelved {
        let sql = |what: &str| format!("SELECT {what} FROM packages WHERE id = '{id}'");
        let named = ManifestRef {
            key: control.value(&sql("manifest_key")).await,
            hash: control.value(&sql("manifest_hash")).await,
            bytes: control.value::<i64>(&sql("manifest_bytes")).await.try_into().expect("bytes"),
        };
        let org: Uuid = control.value(&sql("org_id")).await;
        let keys = Arc::new(PackageKeys::read(Some(&self.keys)).expect("the keyring reads"));
        let package_id = PackageId(id.parse().expect("an id"));
        let reader = PackageReader::new(self.store().await, keys, OrgId(org), package_id);
        Shelved {
            manifest: reader.manifest(&named).await.expect("the manifest is as it was written"),
            reader,
        }
    }
}

impl Shelved {
    /// A table's rows as the bulk text of its engine, in the order of the package.
    pub async fn rows(&self, table: &str) -> Vec<u8> {
        let at = self.manifest.tables.iter().position(|one| one.name == table).expect("the table is in it");
        let mut found = Vec::new();
        for part in &self.manifest.parts {
            if !part.sections.iter().any(|section| section.table as usize == at) {
                continue;
            }
            let mut text = Vec::new();
            let mut reading = self.reader.part(part).await.expect("the part is as it was written");
            while let Some(piece) = reading.piece().expect("the part is as it was written") {
                text.extend_from_slice(&piece);
            }
            let mut from = 0;
            for section in &part.sections {
                let to = from + usize::try_from(section.bytes).expect("bytes");
                if section.table as usize == at {
                    found.extend_from_slice(&text[from..to]);
                }
                from = to;
            }
        }
        found
    }
}

/// Rows of a bulk text: line feeds that no backslash stands before.
pub fn count(text: &[u8]) -> u64 {
    let (mut escaped, mut rows) = (false, 0);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => rows += 1,
            _ => {}
        }
    }
    rows
}
