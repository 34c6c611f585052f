//! A transaction's beginning, which nobody can leave half done.
//!
//! Whoever waits for a transaction may stop to: a time-out, a soft stop, a client that goes.
//! sqlx 0.9 hands a connection whose `BEGIN` is under way back to its pool as if nothing had
//! begun; its next user would then work in a transaction that is older than it thinks, and
//! whose `now()` is (a lease that has lapsed when it is given), and a single statement would
//! not last at all. So a beginning that is dropped goes on by itself until there is a
//! transaction that can be rolled back.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::runtime::Handle;

type Begun = Result<Transaction<'static, Postgres>, sqlx::Error>;

/// A beginning under way.
pub(super) struct Begin {
    rest: Option<BoxFuture<'static, Begun>>,
}

impl Begin {
    /// With `BEGIN`, or with a statement that says more.
    pub(super) fn new(pool: &PgPool, statement: Option<&'static str>) -> Self {
        let pool = pool.clone();
        let rest = async move {
            match statement {
                None => pool.begin().await,
                Some(statement) => pool.begin_with(statement).await,
            }
        };
        Self { rest: Some(rest.boxed()) }
    }
}

impl Future for Begin {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun> {
        let Some(rest) = &mut self.rest else { return Poll::Pending };
        let begun = std::task::ready!(rest.poll_unpin(context));
        self.rest = None;
        Poll::Ready(begun)
    }
}

impl Drop for Begin {
    fn drop(&mut self) {
        // The pool's close waits for it, since it holds a connection.
        if let Some(rest) = self.rest.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(rest.map(drop));
        }
    }
}
