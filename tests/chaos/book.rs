//! What the load asked for and what it was told: held against the database at the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What is known of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// Somebody asked for its end, and the request may have arrived.
    pub(crate) cancel_asked: bool,
    /// The final state that an API told; it can never change.
    pub(crate) told: Option<String>,
}

/// All jobs whose id an API told.
#[derive(Default)]
pub(crate) struct Book {
    entries: RefCell<BTreeMap<String, Entry>>,
    most: Cell<i64>,
}

impl Book {
    /// One more job may come to be: of a request without a key each time that it is sent.
    pub(crate) fn may_be_made(&self) {
        self.most.set(self.most.get() + 1);
    }

    /// How many jobs people may have made at most.
    pub(crate) fn most(&self) -> i64 {
        self.most.get()
    }

    /// An API accepted this job: from now on it may not be lost.
    pub(crate) fn accepted(&self, job: &str) {
        self.entries.borrow_mut().entry(job.to_owned()).or_default();
    }

    /// Its end is going to be asked for.
    pub(crate) fn cancel_asked(&self, job: &str) {
        self.entries.borrow_mut().entry(job.to_owned()).or_default().cancel_asked = true;
    }

    /// An API told this final state; answers what was told before, if it was another one.
    pub(crate) fn told(&self, job: &str, state: &str) -> Option<String> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(job.to_owned()).or_default();
        let before = entry.told.replace(state.to_owned());
        before.filter(|before| before != state)
    }

    /// What is known of a job.
    pub(crate) fn entry(&self, job: &str) -> Entry {
        self.entries.borrow().get(job).cloned().unwrap_or_default()
    }

    /// Every job that was accepted.
    pub(crate) fn jobs(&self) -> Vec<String> {
        self.entries.borrow().keys().cloned().collect()
    }
}
