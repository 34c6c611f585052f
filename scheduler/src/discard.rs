//! Removes from the store what packages leave there: all objects of one that failed or was deleted, and of a complete
//! one those that its manifest does not name.
//!
//! Woken by a timer. Idempotent: what is removed is not there the next time, and a package is marked only once all
//! is gone. Two schedulers: the leader does it. A complete package is looked at some time after its end: a worker
//! whose lease was lost may still write under its own name, which no manifest has.

use std::collections::HashSet;
use std::time::Duration;

use longshore_shared::domain::backup::ManifestRef;
use longshore_shared::domain::id::{OrgId, PackageId};
use longshore_shared::objects::Store;
use longshore_shared::package::PackageError;
use longshore_shared::package::key::of_package;
use longshore_shared::package::reader::PackageReader;
use longshore_shared::store::packages;
use longshore_shared::telemetry::{Metric, Swept};
use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(5);
/// Packages a round.
const ROWS: i64 = 10;

/// Removes what packages leave.
#[derive(Default)]
pub(crate) struct Discard {
    /// Something could not be done: the next rounds are rare.
    troubled: bool,
}

impl Duty for Discard {
    const NAME: &'static str = "discard";

    fn pause(&self) -> Duration {
        if self.troubled { PAUSE * 12 } else { PAUSE }
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        let Some(store) = context.objects.as_ref().filter(|_| context.leadership.term().is_some()) else {
            return Ok(Round::Idle);
        };
        let mut tx = context.database.system().await?;
        let found = packages::to_sweep(tx.conn(), ROWS).await?;
        tx.commit().await?;
        self.troubled = false;
        for (org_id, id, manifest) in &found {
            match swept(context, store, (*org_id, *id), manifest.as_ref()).await {
                Ok(()) => {
                    let mut tx = context.database.system().await?;
                    packages::swept(tx.conn(), *org_id, *id).await?;
                    tx.commit().await?;
                }
                Err(error) => {
                    tracing::warn!(package.id = %id, %error, "what a package leaves in the store is not removed yet");
                    self.troubled = true;
                }
            }
        }
        Ok(if found.is_empty() || self.troubled { Round::Idle } else { Round::More })
    }
}

/// Removes all objects of the package that its manifest does not name; without one all.
async fn swept(
    context: &DutyContext,
    store: &Store,
    (org_id, id): (OrgId, PackageId),
    manifest: Option<&ManifestRef>,
) -> Result<(), PackageError> {
    let mut kept = HashSet::new();
    if let Some(named) = manifest {
        let reader = PackageReader::new(store.clone(), context.package_keys.clone(), org_id, id);
        kept.extend(reader.manifest(named).await?.parts.into_iter().map(|part| part.key));
        kept.insert(named.key.clone());
    }
    let (beginning, mut from, mut removed) = (of_package(org_id, id), None, 0);
    loop {
        let page = store.list(&beginning, from).await?;
        let goes = page.objects.into_iter().map(|object| object.key).filter(|key| !kept.contains(key));
        let goes: Vec<String> = goes.collect();
        store.delete(&goes).await?;
        removed += goes.len();
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Metric::StoreSwept.add(removed as u64, &[("what", Swept::Package.as_str())]);
    if removed > 0 {
        tracing::info!(package.id = %id, objects = removed, "what a package left in the store was removed");
    }
    Ok(())
}
