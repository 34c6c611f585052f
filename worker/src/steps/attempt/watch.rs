//! Whether a step that stands still waits for something that works.
//!
//! A connection may be dead without a word: a firewall forgot it, a cable was cut. The
//! kernel would notice after a quarter of an hour. So a step that makes no progress is
//! looked at from outside, over another connection: while a server works for one of its
//! sessions (a long ALTER, a checksum, a wait for a lock) all is well; when every session
//! waits for this worker while this worker waits for them, one of them is dead. A server
//! that lets nobody in is as good as dead. Two looks in a row decide.

use std::time::Duration;

use futures::future::try_join_all;
use longshore_shared::domain::failure::{Failure, FailureCode};

use super::{Attempt, Side, log_in};
use crate::steps::error::StepError;
use crate::tunnel::Sharing;

/// Between two looks; with two looks and a login's time a minute is kept.
const EVERY: Duration = Duration::from_secs(15);

impl Attempt {
    /// Resolves, with the reason, once a connection of the step is dead; else never.
    pub(crate) async fn dead_connection(&self) -> Failure {
        let (mut last, mut suspicious) = (self.meter.counts(), 0);
        loop {
            tokio::time::sleep(EVERY).await;
            let now = self.meter.counts();
            let moved = now != last;
            last = now;
            suspicious = if moved || self.is_worked_for().await { 0 } else { suspicious + 1 };
            if suspicious >= 2 && self.meter.counts() == last {
                return dead();
            }
        }
    }

    /// Whether one of the servers works for one of the step's sessions, or there is none.
    async fn is_worked_for(&self) -> bool {
        let sides = self.opened().map(|side| self.busy(side));
        match try_join_all(sides).await {
            Ok(found) if found.iter().all(Option::is_none) => true,
            Ok(found) => found.into_iter().flatten().any(|busy| busy > 0),
            // A server that turns us away is alive; its sessions get the benefit of the doubt.
            Err(failure) => failure.code == FailureCode::TooManyConnections || !failure.is_transient(),
        }
    }

    async fn busy(&self, side: &Side) -> Result<Option<usize>, Failure> {
        let ids = side.at_work();
        if ids.is_empty() {
            return Ok(None);
        }
        let login = match log_in(&self.resources, side, self.step.lease.job_id, Sharing::Shared).await {
            Ok(login) => login,
            Err(StepError::Failed(failure)) => return Err(failure),
            // Our own trouble says nothing about the customer's servers.
            Err(_) => return Ok(None),
        };
        side.driver().busy_sessions(&login, &ids).await.map(Some)
    }
}

fn dead() -> Failure {
    Failure::transient(
        FailureCode::ConnectionDead,
        "a connection to the source or the target is dead: neither side hears the other any more",
    )
}
