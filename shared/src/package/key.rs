//! The one maker of packages' keys in the store.
//!
//! `org/<org>/packages/<package>/<step>-<token>/<name>`: no two attempts write under one name, so a worker whose
//! lease is lost overwrites nothing.

use crate::domain::id::{OrgId, PackageId, StepId};

/// What all packages' keys begin with.
pub const ALL: &str = "org/";

/// The name of a manifest within its attempt's folder.
const MANIFEST: &str = "manifest.json";

/// What the keys of a package's objects begin with.
pub fn of_package(org_id: OrgId, package_id: PackageId) -> String {
    format!("{ALL}{org_id}/packages/{package_id}/")
}

/// Where one attempt at a step writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The step.
    pub step_id: StepId,
    /// The fencing token of its claim.
    pub token: i64,
}

impl Attempt {
    fn folder(&self, org_id: OrgId, package_id: PackageId) -> String {
        format!("{}{}-{}/", of_package(org_id, package_id), self.step_id.0.simple(), self.token)
    }

    /// The key of a part, by its number within the step.
    pub fn part(&self, org_id: OrgId, package_id: PackageId, number: u32) -> String {
        format!("{}{number}", self.folder(org_id, package_id))
    }

    /// The key of the manifest.
    pub fn manifest(&self, org_id: OrgId, package_id: PackageId) -> String {
        format!("{}{MANIFEST}", self.folder(org_id, package_id))
    }
}

/// Whose package a key belongs to; none: it is no package's.
pub fn owner(key: &str) -> Option<(OrgId, PackageId)> {
    let mut parts = key.strip_prefix(ALL)?.split('/');
    let org_id = OrgId(parts.next()?.parse().ok()?);
    (parts.next()? == "packages").then_some(())?;
    let package_id = PackageId(parts.next()?.parse().ok()?);
    parts.next().map(|_| (org_id, package_id))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_tell_whose_they_are() {
        let (org_id, package_id) = (OrgId(Uuid::from_u128(1)), PackageId(Uuid::from_u128(2)));
        let attempt = Attempt { step_id: StepId(Uuid::from_u128(3)), token: 4 };
        let key = attempt.part(org_id, package_id, 5);
        assert_eq!(
            key,
            "org/00000000-0000-0000-0000-000000000001/packages/00000000-0000-0000-0000-000000000002/\
             00000000000000000000000000000003-4/5"
        );
        assert!(attempt.manifest(org_id, package_id).starts_with(&of_package(org_id, package_id)));
        assert_eq!(owner(&key), Some((org_id, package_id)));
        for strange in ["", "org/", "org/x/packages/y/1", "other/1", &key[..86]] {
            assert_eq!(owner(strange), None, "{strange}");
        }
    }
}
