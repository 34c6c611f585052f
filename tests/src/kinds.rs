//! A customers' server of one kind, for as long as a test needs it.

use std::ops::Deref;

use crate::servers::{Held, MariaDb, Servers};

/// A server of a kind.
pub struct Kind {
    facts: MariaDb,
    own: Option<Held>,
}

impl Kind {
    /// The run's, which other tests use at the same time: what is set for the whole server stays as
    /// it is. Of `mariadb` there are two, and `at` says which. None if somebody chose to do without it.
    ///
    /// Where one test runs by hand, without the run's servers of the other kinds, it is its own.
    pub fn shared(kind: &str, at: usize) -> Option<Self> {
        if kind != "mariadb" && !Servers::is_wanted(kind) {
            return None;
        }
        let mut of_kind = Servers::of_the_run().mariadb.iter().filter(|server| server.kind() == kind);
        let at = if kind == "mariadb" { at } else { 0 };
        match of_kind.nth(at) {
            Some(facts) => Some(Self { facts: facts.clone(), own: None }),
            None => Self::own(kind),
        }
    }

    /// One that this test alone uses. None if somebody chose to do without it.
    pub fn own(kind: &str) -> Option<Self> {
        Self::own_with(kind, &[])
    }

    /// As [`Kind::own`], with options of it: `mysql9=partial_revokes=ON`.
    pub fn own_with(kind: &str, options: &[&str]) -> Option<Self> {
        let own = Servers::is_wanted(kind).then(|| Held::start_with(kind, options))?;
        Some(Self { facts: own.mariadb[0].clone(), own: Some(own) })
    }

    /// What is to outlive a stack that has schemas on it.
    pub fn into_held(self) -> Option<Held> {
        self.own
    }
}

impl Deref for Kind {
    type Target = MariaDb;

    fn deref(&self) -> &MariaDb {
        &self.facts
    }
}
