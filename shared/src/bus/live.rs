//! A connection that stands, lent out until it is over.

use lapin::Connection;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::BusError;

/// A connection that stands, as far as is known.
pub(super) struct Live {
    connection: Connection,
    blocked: watch::Sender<Option<String>>,
    over: CancellationToken,
}

impl Live {
    pub(super) fn new(connection: Connection) -> Self {
        let (blocked, _) = watch::channel(None);
        Self { connection, blocked, over: CancellationToken::new() }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether it is still the one to use.
    pub(super) fn is_good(&self) -> bool {
        !self.over.is_cancelled() && self.connection.status().connected()
    }

    /// Becomes ready when it is no longer the one to use.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Says that something is wrong with it that only a new connection mends.
    pub(super) fn abandon(&self, why: &BusError) {
        if !self.over.is_cancelled() {
            tracing::warn!("a connection to RabbitMQ is given up: {}", why.told());
        }
        self.over.cancel();
    }

    /// Says that its time is over.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Notes that RabbitMQ takes no messages, and why, or that it takes them; answers what was noted before.
    pub(super) fn block(&self, reason: Option<String>) -> Option<String> {
        self.blocked.send_replace(reason)
    }

    /// RabbitMQ's reason for taking no messages, if it takes none.
    pub(super) fn blocked(&self) -> Option<String> {
        self.blocked.borrow().clone()
    }

    /// Becomes ready when RabbitMQ takes no messages any more; says why.
    pub(super) async fn until_blocked(&self) -> String {
        let mut reasons = self.blocked.subscribe();
        // The borrow must not live over the wait below: it is not `Send`.
        let reason = reasons.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match reason {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}
