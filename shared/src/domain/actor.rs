//! Who asks, and what they may do. Denied is what no permission grants.

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
