//! What this worker holds for jobs whose steps some workers only can do.
//!
//! Invariants: a holder takes its job's own queue from the moment that it holds the point,
//! on slots of its own beside the worker's permits: a held job that waits keeps no permit
//! from others, and no held job waits for another's permit. What is held is let go when the
//! job ends (told at once, or found at a renewal), when the generation is over, when the
//! lease could not be renewed, and at the process's end. Not here: who is asked and when
//! (`shared::workflow::holders`).

mod hold;
pub(super) mod lead;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_shared::domain::id::JobId;
use longshore_shared::store::job_holders::Holder;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

pub(super) use hold::enlist;

use crate::steps::SnapshotShare;

/// Jobs that a worker holds something for at once.
const MOST_HELD: usize = 4;

/// What this worker holds, job by job.
#[derive(Default)]
pub(super) struct Holdings {
    held: Mutex<HashMap<JobId, Arc<Holding>>>,
    /// The tasks that keep them.
    pub(super) tasks: TaskTracker,
}

/// What this worker holds for one job.
pub(super) struct Holding {
    holder: Holder,
    /// What is held, once it holds the point.
    share: Mutex<Option<Arc<SnapshotShare>>>,
    /// There is news: look now.
    look: Notify,
}

impl Holdings {
    /// What is held for the job under this generation.
    pub(super) fn share(&self, job_id: JobId, generation: i32) -> Option<Arc<SnapshotShare>> {
        let held = lock(&self.held).get(&job_id).cloned()?;
        if held.holder.generation != generation {
            return None;
        }
        lock(&held.share).clone()
    }

    /// There is news of the job: its holder looks now.
    pub(super) fn look(&self, job_id: JobId) {
        if let Some(held) = lock(&self.held).get(&job_id) {
            held.look.notify_one();
        }
    }

    /// Makes room for a holding; `None`: there is none, or the job's older one is still here.
    fn add(&self, holder: Holder) -> Option<Arc<Holding>> {
        let mut held = lock(&self.held);
        if held.len() >= MOST_HELD || held.contains_key(&holder.job_id) {
            return None;
        }
        let (job_id, share, look) = (holder.job_id, Mutex::new(None), Notify::new());
        let holding = Arc::new(Holding { holder, share, look });
        held.insert(job_id, Arc::clone(&holding));
        Some(holding)
    }

    fn remove(&self, holding: &Holding) {
        lock(&self.held).remove(&holding.holder.job_id);
    }
}

impl Holding {
    fn set(&self, share: Arc<SnapshotShare>) {
        *lock(&self.share) = Some(share);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
