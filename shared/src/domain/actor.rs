//! Who asks, and what they may do. Denied is what no permission grants.

use uuid::Uuid;

use super::id::{ScheduleId, TokenId};
use super::words;

words! {
    /// What somebody may do.
    Permission {
        /// Connections, packages, backups and the history.
        Database = "database",
        /// Sync tasks and their runs.
        Sync = "sync",
        /// Migrations of schemas.
        Migration = "migration",
        /// Everything in the organisation, and its people and settings.
        OrgAdmin = "org_admin",
        /// Everything in all organisations.
        PlatformAdmin = "platform_admin",
    }
}

impl Permission {
    /// Whether who holds this permission may do what `needed` stands for.
    pub fn grants(self, needed: Self) -> bool {
        match self {
            Self::PlatformAdmin => true,
            Self::OrgAdmin => needed != Self::PlatformAdmin,
            Self::Database | Self::Sync | Self::Migration => self == needed,
        }
    }
}

words! {
    /// What kind of somebody asks.
    ActorKind {
        /// A person who signed in.
        User = "user",
        /// A program, or a person, with an API token.
        Token = "token",
        /// A schedule.
        Schedule = "schedule",
    }
}

/// Who asked for something, by the name that they had then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// Their row; `None`: a schedule of Longshore's own.
    pub id: Option<Uuid>,
    /// What they were called.
    pub name: String,
}

impl Actor {
    /// Who bears this token.
    pub fn token(id: TokenId, name: &str) -> Self {
        Self { kind: ActorKind::Token, id: Some(id.0), name: name.to_owned() }
    }

    /// The schedule of what bears this name.
    pub fn schedule(id: ScheduleId, name: &str) -> Self {
        Self { kind: ActorKind::Schedule, id: Some(id.0), name: name.to_owned() }
    }

    /// A schedule of Longshore's own.
    pub fn longshore(name: &str) -> Self {
        Self { kind: ActorKind::Schedule, id: None, name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::Permission::{self, Database, Migration, OrgAdmin, PlatformAdmin, Sync};

    #[test]
    fn nothing_is_granted_by_accident() {
        let check = |held: Permission, granted: &[Permission]| {
            for needed in Permission::ALL {
                assert_eq!(held.grants(*needed), granted.contains(needed), "{held} for {needed}");
            }
        };
        check(Database, &[Database]);
        check(Sync, &[Sync]);
        check(Migration, &[Migration]);
        check(OrgAdmin, &[Database, Sync, Migration, OrgAdmin]);
        check(PlatformAdmin, &[Database, Sync, Migration, OrgAdmin, PlatformAdmin]);
    }
}
