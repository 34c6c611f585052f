//! The way in for every `POST`: its effect once, however often the request comes.
//!
//! Invariants: the key is taken before the handler looks at anything in the store, and what
//! was made is noted in the very transaction that makes it, so that a crash leaves both or
//! neither; a request that fails leaves its key free before it is answered; while one
//! request is at work, another with its key is answered at once and waits for no lock. A
//! `POST` gets no other transaction that can write ([`Caller::begin`] refuses), so none can forget this.

use longshore_shared::domain::problem::ProblemCode;
use std::ops::{Deref, DerefMut};

use axum::http::StatusCode;
use longshore_shared::domain::id::{OrgId, TokenId};
use longshore_shared::store::OrgTx;
use longshore_shared::store::idempotency_keys::{self, Scope, Standing, StoredOutcome};
use uuid::Uuid;

use super::caller::Caller;
use super::idempotency::{HEADER, Keyed};
use crate::error::{ApiError, Conflict};

/// Whether the effect is still to come.
pub(crate) enum Once {
    /// It is: in this transaction, which [`KeyedTransaction::done`] ends.
    First(KeyedTransaction),
    /// An earlier request had it; the answer is rendered anew.
    Again(Outcome),
}

/// What a request made or changed, and how it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// The status of the first answer, and of every other.
    pub(crate) status: StatusCode,
    /// What was made or changed.
    pub(crate) resource: Uuid,
}

impl<A> Caller<A> {
    /// Begins a request's effect, or finds what its first coming made.
    pub(crate) async fn once(&self) -> Result<Once, ApiError> {
        let mut tx = self.transaction().await?;
        let Some(keyed) = self.keyed() else {
            return Ok(Once::First(KeyedTransaction {
                tx,
                home: self.org_id(),
                token_id: self.token_id(),
                keyed: None,
            }));
        };
        keyed.claimed_until(tx.ending());
        let scope = Scope { org_id: tx.org_id(), token_id: self.token_id(), key: &keyed.key };
        match idempotency_keys::claim(tx.conn(), scope).await? {
            Standing::Free => {
                let (home, token_id, keyed) = (self.org_id(), self.token_id(), Some(keyed.clone()));
                Ok(Once::First(KeyedTransaction { tx, home, token_id, keyed }))
            }
            Standing::InProgress => Err(ApiError::KeyInProgress),
            // Both are MACs of a secret that the asker has: their comparison tells nobody else anything.
            Standing::Done(kept) if kept.request_mac == *keyed.mac => {
                tx.commit().await?;
                keyed.replayed();
                Ok(Once::Again(made(&kept)?))
            }
            Standing::Done(kept) => Err(reused(&kept.route)),
        }
    }
}

/// The transaction of a request's effect.
pub(crate) struct KeyedTransaction {
    tx: OrgTx,
    /// The caller's organisation, which the key belongs to.
    home: OrgId,
    token_id: TokenId,
    keyed: Option<Keyed>,
}

impl KeyedTransaction {
    /// Notes under the request's key what it made, and makes both last.
    pub(crate) async fn done(mut self, status: StatusCode, resource: Uuid) -> Result<Outcome, ApiError> {
        if let Some(keyed) = self.keyed.take() {
            let kept = StoredOutcome {
                request_mac: keyed.mac.to_vec(),
                route: keyed.route.to_string(),
                status: status.as_u16().into(),
                resource_id: resource,
            };
            if self.tx.org_id() != self.home {
                self.tx.turn_to(self.home).await?;
            }
            let scope = Scope { org_id: self.home, token_id: self.token_id, key: &keyed.key };
            idempotency_keys::keep(self.tx.conn(), scope, &kept).await?;
        }
        self.tx.commit().await?;
        Ok(Outcome { status, resource })
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
    Conflict {
        hint: Some("send a new key to make it anew"),
        ..Conflict::new(
            ProblemCode::IdempotencyResourceGone,
            "what the first request with this Idempotency-Key made has been deleted since",
        )
    }
    .into()
}

fn made(kept: &StoredOutcome) -> Result<Outcome, ApiError> {
    let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| ApiError::internal("a kept status is none"))?;
    Ok(Outcome { status, resource: kept.resource_id })
}

fn reused(route: &str) -> ApiError {
    let detail = format!(
        "this key was used for another request ({route}); send the same request, or a new key for a new one"
    );
    ApiError::field(HEADER, ProblemCode::IdempotencyKeyReused, detail)
}
