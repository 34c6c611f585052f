//! Servers of each kind.

use longshore_tests::servers::{Held, MariaDb, Servers};

/// A server of a kind: the run's own, or one that lives as long as this does.
pub(crate) struct Kind {
    pub(crate) facts: MariaDb,
    _own: Option<Held>,
}

impl Kind {
    /// None if somebody chose to do without it.
    pub(crate) fn of(kind: &str, at: usize) -> Option<Self> {
        if kind == "mariadb" {
            return Some(Self { facts: Servers::of_the_run().mariadb[at].clone(), _own: None });
        }
        Servers::is_wanted(kind).then(|| {
            let own = Held::start(kind);
            Self { facts: own.mariadb[0].clone(), _own: Some(own) }
        })
    }
}
