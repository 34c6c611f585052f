//! What a look at a server comes to.

use longshore_shared::domain::examination::{FeatureRights, ServerFacts, Stage, SyncRights};
use longshore_shared::domain::failure::Failure;

/// Where a session that is opened only to be looked at came to its end, and why.
#[derive(Clone, Debug)]
pub struct Halt {
    /// [`Stage::Tcp`], [`Stage::Tls`], [`Stage::Login`], [`Stage::Database`] or a later one.
    pub stage: Stage,
    /// Why.
    pub failure: Failure,
}

/// What a session showed that was opened only to be looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the server is.
    pub server: ServerFacts,
    /// What each feature lacks, of all features in order.
    pub features: Vec<FeatureRights>,
    /// What a sync from here and one into here need.
    pub syncs: Vec<SyncRights>,
}
