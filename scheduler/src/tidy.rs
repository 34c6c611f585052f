//! Removes from the store what nobody knows of: objects whose package no row names, or one that is gone, and uploads in
//! parts that nobody completed, each after a time of grace.
//!
//! Woken by a timer. Idempotent: what is removed is not there the next time. Two schedulers: the leader does it.
//! Deliberately not touched: objects below other keys than packages have, and those of a package that is being
//! written or complete, which `discard` sees to.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_shared::clock;
use longshore_shared::domain::backup::PackageState;
use longshore_shared::domain::id::{OrgId, PackageId};
use longshore_shared::objects::{ObjectError, Store};
use longshore_shared::package::key;
use longshore_shared::store::packages;
use longshore_shared::telemetry::{Metric, Swept};
use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(3_600);
/// Until it is known whether this scheduler leads.
const LOOK: Duration = Duration::from_secs(2);

/// Removes what nobody knows of.
#[derive(Default)]
pub(crate) struct Tidy {
    led: bool,
}

impl Duty for Tidy {
    const NAME: &'static str = "tidy";

    fn pause(&self) -> Duration {
        if self.led { PAUSE } else { LOOK }
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        self.led = context.leadership.term().is_some();
        let Some(store) = context.objects.as_ref().filter(|_| self.led) else { return Ok(Round::Idle) };
        let grace = TimeDelta::from_std(context.config.scheduler.store_grace).unwrap_or(TimeDelta::MAX);
        let before = clock::now().checked_sub_signed(grace).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut from = None;
        loop {
            let page = match store.list(key::ALL, from).await {
                Ok(page) => page,
                Err(error) => return Ok(not_now(&error)),
            };
            let old = page.objects.into_iter().filter(|object| object.at.is_some_and(|at| at < before));
            let goes = nobodys(context, old.map(|object| object.key).collect()).await?;
            if let Err(error) = store.delete(&goes).await {
                return Ok(not_now(&error));
            }
            told(Swept::Orphan, goes.len());
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(uploads(store, before).await.map_or_else(|error| not_now(&error), |()| Round::Idle))
    }
}

/// Those of these keys whose package no row names, or one that is failed or deleted.
async fn nobodys(context: &DutyContext, keys: Vec<String>) -> Result<Vec<String>, WorkflowError> {
    let mut known: Option<((OrgId, PackageId), bool)> = None;
    let mut goes = Vec::new();
    for key in keys {
        let Some(owner) = key::owner(&key) else { continue };
        let is_nobodys = match known {
            Some((of, is_nobodys)) if of == owner => is_nobodys,
            _ => {
                let mut tx = context.database.system().await?;
                let state = packages::state(tx.conn(), owner.0, owner.1).await?;
                tx.commit().await?;
                let is_nobodys = !matches!(state, Some(PackageState::Writing | PackageState::Complete));
                known = Some((owner, is_nobodys));
                is_nobodys
            }
        };
        if is_nobodys {
            goes.push(key);
        }
    }
    Ok(goes)
}

/// Gives up uploads that began before this moment.
async fn uploads(store: &Store, before: DateTime<Utc>) -> Result<(), ObjectError> {
    let mut given_up = 0;
    for upload in store.begun().await? {
        if upload.at.is_some_and(|at| at < before) {
            store.give_up(&upload).await?;
            given_up += 1;
        }
    }
    told(Swept::Upload, given_up);
    Ok(())
}

fn told(what: Swept, many: usize) {
    Metric::StoreSwept.add(many as u64, &[("what", what.as_str())]);
    if many > 0 {
        tracing::info!(what = what.as_str(), many, "what nobody knows of was removed from the store");
    }
}

/// It is tried again an hour later; readiness and metrics tell of the store.
fn not_now(error: &ObjectError) -> Round {
    tracing::warn!(%error, "the store could not be tidied");
    Round::Idle
}
