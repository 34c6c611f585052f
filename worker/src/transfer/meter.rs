//! Counters of one attempt at a step, read while they grow.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use longshore_shared::domain::step::{Counts, Remains};

/// What an attempt has done so far: the step adds, the runtime samples.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counts: Mutex<Counts>,
    /// A commit was sent and its answer has not come.
    commits: AtomicBool,
}

impl Meter {
    /// Adds to the counters.
    pub(crate) fn add(&self, counts: Counts) {
        *self.lock() += counts;
    }

    /// What has been counted so far.
    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    /// A commit is about to be sent, or was answered.
    pub(crate) fn commits(&self, open: bool) {
        self.commits.store(open, Ordering::Release);
    }

    /// What is left on the target if the attempt ends here.
    pub(crate) fn remains(&self) -> Remains {
        let counts = self.counts();
        let wrote = counts.inserted + counts.updated + counts.deleted > 0;
        Remains { counts, wrote: wrote || self.commits.load(Ordering::Acquire) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // A panic between two additions leaves plain numbers behind: they stay readable.
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A length as a number of rows or bytes.
pub(crate) fn counted(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

/// A number of rows or bytes as the control plane keeps it.
pub(crate) fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
