//! What happened, in the order of time: printed as it happens, counted for the table at the
//! end. A wrong thing is noted here and the soak goes on; it decides the exit code.

#![expect(clippy::print_stdout, reason = "the chronicle is what a soak is read by")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use longshore_shared::clock;

/// How much of what is wrong is told again at the end.
const LONGEST: usize = 400;

/// What a fault strikes; a time in which it was struck may excuse something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Struck {
    /// A process of Longshore's.
    Process,
    /// Longshore's own PostgreSQL.
    Postgres,
    /// RabbitMQ.
    Broker,
    /// A customer's server, or our sessions on it.
    Customers,
    /// Messages: doubled, replayed.
    Messages,
    /// The network between a process and a server.
    Network,
}

/// A fault from its beginning to the moment when it was undone.
#[derive(Clone, Copy, Debug)]
struct Spell {
    struck: Struck,
    from: Duration,
    to: Duration,
}

/// The soak's record.
pub(crate) struct Chronicle {
    began: Instant,
    began_at: DateTime<Utc>,
    counts: RefCell<BTreeMap<String, u32>>,
    spells: RefCell<Vec<Spell>>,
    wrongs: RefCell<Vec<String>>,
}

/// A fault that is going on.
pub(crate) struct Act<'c> {
    chronicle: &'c Chronicle,
    what: String,
    struck: Struck,
    from: Duration,
}

impl Chronicle {
    /// Begins now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            began_at: clock::now(),
            counts: RefCell::default(),
            spells: RefCell::default(),
            wrongs: RefCell::default(),
        }
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells something.
    pub(crate) fn say(&self, text: &str) {
        println!("{:7.1} s  {text}", self.now().as_secs_f64());
    }

    /// Counts one of a kind.
    pub(crate) fn count(&self, kind: &str) {
        *self.counts.borrow_mut().entry(kind.to_owned()).or_default() += 1;
    }

    /// A fault begins; `kind` is counted, `detail` says on whom.
    pub(crate) fn act(&self, struck: Struck, kind: &str, detail: &str) -> Act<'_> {
        self.count(&format!("fault: {kind}"));
        let what = if detail.is_empty() { kind.to_owned() } else { format!("{kind}: {detail}") };
        self.say(&format!("[ {what}"));
        Act { chronicle: self, what, struck, from: self.now() }
    }

    /// Something that must not be. The soak will fail.
    pub(crate) fn wrong(&self, text: &str) {
        self.say(&format!("WRONG: {text}"));
        let line: Vec<_> = text.split_whitespace().collect();
        self.wrongs.borrow_mut().push(line.join(" ").chars().take(LONGEST).collect());
    }

    /// What was wrong so far.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrongs.borrow().clone()
    }

    /// How many faults of this sort overlap a time, given in seconds of the system's epoch.
    pub(crate) fn struck_between(&self, what: Struck, from: Option<f64>, to: Option<f64>) -> usize {
        let began = self.began_at.timestamp_micros() as f64 / 1e6;
        let of = |time: Option<f64>, otherwise: f64| time.map_or(otherwise, |time| time - began);
        let (from, to) = (of(from, f64::MIN), of(to, f64::MAX));
        let overlaps = |spell: &&Spell| {
            spell.struck == what && spell.from.as_secs_f64() <= to && spell.to.as_secs_f64() >= from
        };
        self.spells.borrow().iter().filter(overlaps).count()
    }

    /// The table at the end; `more` are lines of what the database tells.
    pub(crate) fn summary(&self, more: &[(String, String)]) {
        println!();
        println!("{:<46} {:>12}", "what", "how many");
        println!("{:<46} {:>12.0}", "seconds", self.now().as_secs_f64());
        for (kind, count) in self.counts.borrow().iter() {
            println!("{kind:<46} {count:>12}");
        }
        for (what, value) in more {
            println!("{what:<46} {value:>12}");
        }
        println!();
    }

    /// The last line, plain.
    pub(crate) fn verdict(&self, seed: u64) -> bool {
        let wrongs = self.wrongs();
        match wrongs.first() {
            None => println!("chaos: clean (seed {seed})"),
            Some(first) => {
                for wrong in &wrongs {
                    println!("wrong: {wrong}");
                }
                println!("chaos: FAILED (seed {seed}): {first}");
            }
        }
        wrongs.is_empty()
    }
}

impl Act<'_> {
    /// A step of the fault.
    pub(crate) fn then(&self, text: &str) {
        self.chronicle.say(&format!("| {}: {text}", self.what));
    }
}

impl Drop for Act<'_> {
    fn drop(&mut self) {
        let to = self.chronicle.now();
        let lasted = (to - self.from).as_secs_f64();
        self.chronicle.say(&format!("] {} (lasted {lasted:.1} s)", self.what));
        self.chronicle.spells.borrow_mut().push(Spell { struck: self.struck, from: self.from, to });
    }
}
