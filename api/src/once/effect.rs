//! The way in for every `POST`: its effect once, however often the request comes.
//!
//! Invariants: the key is taken before the handler looks at anything in the store, and what
//! was made is noted in the very transaction that makes it, so that a crash leaves both or
//! neither; a request that fails leaves its key free before it is answered; while one
//! request is at work, another with its key is answered at once and waits for no lock. A
//! `POST` gets no other transaction that can write ([`Caller::begin`] refuses), and the effect's
//! success can be made of that transaction only ([`Done`]), so none can forget this.

use std::ops::{Deref, DerefMut};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::OrgTx;
use longshore_shared::store::idempotency_keys::{self, Scope, Standing, StoredOutcome};
use uuid::Uuid;

use super::header::{HEADER, Keyed};
use crate::access::{Area, Caller};
use crate::error::{ApiError, Conflict};
use crate::state::AppState;

/// What came of a request's effect.
pub(crate) enum Once<T> {
    /// The request had it just now.
    First(T),
    /// An earlier request had it, and made or changed this; the answer is rendered anew.
    Again(Uuid),
}

/// Who sends a `POST`, and the key that the request bears.
pub(crate) struct KeyedCaller<A> {
    caller: Caller<A>,
    keyed: Option<Keyed>,
}

impl<A: Area> FromRequestParts<AppState> for KeyedCaller<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Ok(Self { caller, keyed: parts.extensions.get::<Keyed>().cloned() })
    }
}

impl<A> Deref for KeyedCaller<A> {
    type Target = Caller<A>;

    fn deref(&self) -> &Caller<A> {
        &self.caller
    }
}

impl<A> KeyedCaller<A> {
    /// Has the request's effect and notes it under the key, or finds what an earlier request made.
    /// The status is the one to answer with: that of the first answer, and of every other.
    pub(crate) async fn once<T>(
        &self,
        status: StatusCode,
        effect: impl AsyncFnOnce(KeyedTransaction) -> Result<Done<T>, ApiError>,
    ) -> Result<(StatusCode, Once<T>), ApiError> {
        let mut tx = self.transaction().await?;
        let Some(keyed) = &self.keyed else {
            let Done { tx, value, .. } = effect(KeyedTransaction { tx }).await?;
            tx.commit().await?;
            return Ok((status, Once::First(value)));
        };
        keyed.claimed_until(tx.ending());
        let scope = Scope { org_id: self.org_id(), token_id: self.token_id(), key: &keyed.key };
        match idempotency_keys::claim(tx.conn(), scope).await? {
            Standing::Free => {
                let Done { mut tx, resource, value } = effect(KeyedTransaction { tx }).await?;
                let kept = StoredOutcome {
                    request_mac: keyed.mac.to_vec(),
                    route: keyed.route.to_string(),
                    status: status.as_u16().into(),
                    resource_id: resource,
                };
                // The key belongs to the caller's organisation, wherever the effect was.
                if tx.org_id() != self.org_id() {
                    tx.turn_to(self.org_id()).await?;
                }
                idempotency_keys::keep(tx.conn(), scope, &kept).await?;
                tx.commit().await?;
                Ok((status, Once::First(value)))
            }
            Standing::InProgress => Err(ApiError::KeyInProgress),
            // Both are MACs of a secret that the asker has: their comparison tells nobody else anything.
            Standing::Done(kept) if kept.request_mac == *keyed.mac => {
                tx.commit().await?;
                keyed.replayed();
                Ok((first_status(&kept)?, Once::Again(kept.resource_id)))
            }
            Standing::Done(kept) => Err(reused(&kept.route)),
        }
    }
}

/// The transaction of a request's effect.
pub(crate) struct KeyedTransaction {
    tx: OrgTx,
}

/// An effect that succeeded: it is made to last by [`KeyedCaller::once`].
pub(crate) struct Done<T> {
    tx: OrgTx,
    resource: Uuid,
    value: T,
}

impl KeyedTransaction {
    /// The effect succeeded: it made or changed `resource`, and the answer needs `value`.
    pub(crate) fn done<T>(self, resource: Uuid, value: T) -> Done<T> {
        Done { tx: self.tx, resource, value }
    }

    /// Makes a note of a refusal last; there was no effect, and the key stays free.
    pub(crate) async fn refused(self) -> Result<(), ApiError> {
        Ok(self.tx.commit().await?)
    }
}

impl Deref for KeyedTransaction {
    type Target = OrgTx;

    fn deref(&self) -> &OrgTx {
        &self.tx
    }
}

impl DerefMut for KeyedTransaction {
    fn deref_mut(&mut self) -> &mut OrgTx {
        &mut self.tx
    }
}

/// What the first request made is not there any more, so its answer cannot be given again.
pub(crate) fn gone() -> ApiError {
    Conflict::new(
        ProblemCode::IdempotencyResourceGone,
        "what the first request with this Idempotency-Key made has been deleted since",
    )
    .into()
}

fn first_status(kept: &StoredOutcome) -> Result<StatusCode, ApiError> {
    let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(|| ApiError::internal("a kept status is none"))
}

fn reused(route: &str) -> ApiError {
    let detail = format!(
        "this key was used for another request ({route}); send the same request, or a new key for a new one"
    );
    ApiError::field(HEADER, ProblemCode::IdempotencyKeyReused, detail)
}
