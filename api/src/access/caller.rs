//! What somebody may do. A handler gets the store only through a [`Caller`], whose type
//! names the permission: what is not named is denied.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use longshore_shared::domain::actor::{Actor, Permission};
use longshore_shared::domain::id::{OrgId, TokenId};
use longshore_shared::store::tokens::Bearer;
use longshore_shared::store::{Database, OrgTx};

use crate::error::ApiError;
use crate::state::AppState;

/// A part of the API, and who may use it.
pub(crate) trait Area: Send + Sync + 'static {
    /// One of these suffices; the first is named to who lacks them all.
    const NEEDS: &'static [Permission];
}

/// Connections.
pub(crate) struct Databases;
impl Area for Databases {
    const NEEDS: &'static [Permission] = &[Permission::Database];
}

/// Sync tasks, their runs, and the end of a run.
pub(crate) struct Syncs;
impl Area for Syncs {
    const NEEDS: &'static [Permission] = &[Permission::Sync];
}

/// The organisation's own settings.
pub(crate) struct Organisation;
impl Area for Organisation {
    const NEEDS: &'static [Permission] = &[Permission::OrgAdmin];
}

/// What concerns the fleet and no organisation's databases.
pub(crate) struct Fleet;
impl Area for Fleet {
    const NEEDS: &'static [Permission] = &[Permission::PlatformAdmin];
}

/// The end of a job: each kind has its own permission, see [`Caller::must`].
pub(crate) struct Endings;
impl Area for Endings {
    const NEEDS: &'static [Permission] = &[Permission::Sync, Permission::Database];
}

/// Looking at jobs.
pub(crate) struct History;
impl Area for History {
    const NEEDS: &'static [Permission] = &[Permission::Database, Permission::Sync];
}

/// Somebody who may use an area, and the only way to their organisation's rows.
pub(crate) struct Caller<A> {
    org_id: OrgId,
    token_id: TokenId,
    token_name: String,
    held: Vec<Permission>,
    database: Database,
    posts: bool,
    area: PhantomData<A>,
}

impl<A> Caller<A> {
    /// The organisation that the token belongs to.
    pub(crate) fn org_id(&self) -> OrgId {
        self.org_id
    }

    /// The token that the request bears.
    pub(crate) fn token_id(&self) -> TokenId {
        self.token_id
    }

    /// Who they are, for what they ask for.
    pub(crate) fn actor(&self) -> Actor {
        Actor::token(self.token_id, &self.token_name)
    }

    /// An error unless they hold this permission, where a thing decides which one is needed.
    pub(crate) fn require(&self, needed: Permission) -> Result<(), ApiError> {
        match self.held.iter().any(|held| held.grants(needed)) {
            true => Ok(()),
            false => Err(ApiError::Forbidden { needed }),
        }
    }

    /// A transaction that sees this organisation; refused to a `POST`, whose effect goes
    /// through `KeyedCaller::once`.
    pub(crate) async fn begin(&self) -> Result<OrgTx, ApiError> {
        if self.posts {
            return Err(ApiError::internal("a POST began without its Idempotency-Key"));
        }
        self.transaction().await
    }

    /// The same for a `POST`, whose effect notes its key.
    pub(crate) async fn transaction(&self) -> Result<OrgTx, ApiError> {
        Ok(self.database.org(self.org_id).await?)
    }

    /// A read-only transaction that sees this organisation as of one moment.
    pub(crate) async fn read_only(&self) -> Result<OrgTx, ApiError> {
        Ok(self.database.org_moment(self.org_id).await?)
    }
}

impl Caller<Fleet> {
    /// Lets an effect see the organisation that a thing of the fleet's names: a platform
    /// administrator may do everything in all of them.
    pub(crate) async fn switch_organisation(
        &self,
        effect: &mut OrgTx,
        org_id: OrgId,
    ) -> Result<(), ApiError> {
        Ok(effect.turn_to(org_id).await?)
    }
}

impl<A: Area> FromRequestParts<AppState> for Caller<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Some(bearer) = parts.extensions.get::<Bearer>() else {
            return Err(ApiError::internal("a route without sign-in asks for its caller"));
        };
        // A word that this release does not know grants nothing.
        let held: Vec<_> =
            bearer.permissions.iter().filter_map(|word| word.parse::<Permission>().ok()).collect();
        let may = held.iter().any(|held| A::NEEDS.iter().any(|needed| held.grants(*needed)));
        match (may, A::NEEDS.first()) {
            (true, _) => Ok(Self {
                org_id: bearer.org_id,
                token_id: bearer.token_id,
                token_name: bearer.name.clone(),
                held,
                database: state.database.clone(),
                posts: parts.method == Method::POST,
                area: PhantomData,
            }),
            (false, Some(needed)) => Err(ApiError::Forbidden { needed: *needed }),
            (false, None) => Err(ApiError::internal("an area that nobody may use")),
        }
    }
}
