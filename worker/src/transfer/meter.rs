//! Counters of one attempt at a step, read while they grow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_shared::domain::step::{Counts, Remains, Travelled};

/// What an attempt has done so far: the step adds, the runtime samples.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    counts: Mutex<Counts>,
    /// A commit was sent and its answer has not come.
    commits: AtomicBool,
    /// The tables of a step that works on several.
    journey: Mutex<Journey>,
}

/// How far the tables of a step that works on several have come.
#[derive(Debug, Default)]
struct Journey {
    /// Those that were put down.
    came: Vec<Travelled>,
    /// The one in hand, and what was counted before.
    in_hand: Option<(i32, Counts)>,
    /// Tables whose rows are part of the commit that is open.
    committing: Vec<i32>,
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

    /// This table of several is in hand from here on.
    pub(crate) fn takes(&self, number: i32) {
        self.journey().in_hand = Some((number, self.counts()));
    }

    /// Takes back what was counted since: nothing of it was committed.
    pub(crate) fn returns_to(&self, before: Counts) {
        *self.lock() = before;
    }

    /// What was counted for the table in hand so far, and whether the target holds some of it, or may do so.
    pub(crate) fn in_hand(&self) -> (Counts, bool) {
        let before = self.journey().in_hand.map(|(_, before)| before);
        let counts = before.map_or_else(Counts::default, |before| self.counts() - before);
        (counts, counts.writes() > 0 || self.commits.load(Ordering::Acquire))
    }

    /// A table is put down; what was told of it before is void.
    pub(crate) fn puts_down(&self, table: Travelled) {
        let mut journey = self.journey();
        journey.in_hand = None;
        journey.came.retain(|other| other.number != table.number);
        journey.came.push(table);
    }

    /// The next commit is of all these tables' rows; of none once it was answered.
    pub(crate) fn commits_together(&self, tables: Vec<i32>) {
        self.journey().committing = tables;
    }

    /// What came of each table of several that the attempt has come to.
    pub(crate) fn tables(&self) -> Vec<Travelled> {
        let is_open = self.commits.load(Ordering::Acquire);
        let (counts, wrote) = self.in_hand();
        let journey = self.journey();
        let mut tables = journey.came.clone();
        let mut left = |number: i32, counts: Counts, wrote: bool| {
            if wrote && !tables.iter().any(|table| table.number == number) {
                tables.push(Travelled { number, counts, wrote, ..Travelled::default() });
            }
        };
        for number in journey.committing.iter().filter(|_| is_open) {
            left(*number, Counts::default(), true);
        }
        if let Some((number, _)) = journey.in_hand {
            left(number, counts, wrote);
        }
        tables
    }

    /// What is left on the target if the attempt ends here.
    pub(crate) fn remains(&self) -> Remains {
        let (counts, tables) = (self.counts(), self.tables());
        let wrote = tables.is_empty() && (counts.writes() > 0 || self.commits.load(Ordering::Acquire));
        Remains { counts, wrote, tables }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A panic between two additions leaves plain numbers behind: they stay readable.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journey(&self) -> MutexGuard<'_, Journey> {
        self.journey.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use longshore_shared::domain::step::{Counts, Travelled};

    use super::Meter;

    fn wrote(meter: &Meter) -> Vec<(i32, bool)> {
        meter.remains().tables.iter().map(|table| (table.number, table.wrote)).collect()
    }

    #[test]
    fn what_is_left_is_told_table_by_table() {
        let meter = Meter::default();
        let inserted = |inserted| Counts { inserted, ..Counts::default() };
        meter.takes(1);
        assert_eq!(wrote(&meter), [], "nothing was committed");
        meter.add(inserted(3));
        assert_eq!(wrote(&meter), [(1, true)]);
        let (counts, wrote_one) = meter.in_hand();
        meter.puts_down(Travelled {
            number: 1,
            counts,
            wrote: wrote_one,
            done: true,
            ..Travelled::default()
        });
        meter.takes(2);
        assert_eq!(meter.in_hand(), (Counts::default(), false));
        assert_eq!(wrote(&meter), [(1, true)]);
        // A commit that nobody heard the end of may have been one.
        meter.commits(true);
        assert_eq!(wrote(&meter), [(1, true), (2, true)]);
        let remains = meter.remains();
        assert!(!remains.wrote, "each table tells for itself");
        assert_eq!((remains.counts, remains.tables[0].counts), (inserted(3), inserted(3)));
    }

    #[test]
    fn a_commit_of_many_is_in_doubt_for_all_of_them() {
        let meter = Meter::default();
        meter.commits_together(vec![4, 5]);
        assert_eq!(wrote(&meter), []);
        meter.commits(true);
        assert_eq!(wrote(&meter), [(4, true), (5, true)]);
        meter.puts_down(Travelled { number: 4, wrote: true, ..Travelled::default() });
        meter.commits(false);
        assert_eq!(wrote(&meter), [(4, true)]);
    }

    #[test]
    fn a_step_of_one_table_tells_for_itself() {
        let meter = Meter::default();
        assert!(!meter.remains().wrote);
        meter.commits(true);
        assert!(meter.remains().wrote && meter.remains().tables.is_empty());
    }
}
