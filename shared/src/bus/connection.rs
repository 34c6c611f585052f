//! A connection that is always being made, held or made again.
//!
//! One task owns each [`Link`]: it connects (pauses grow, with jitter), declares the
//! topology, lends the connection out as [`Live`], watches it, and on any trouble ends
//! it and begins anew. Users never mend anything; they wait for the next `Live`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt as _;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::live::Live;
use super::patience::{PATIENCE, within};
use super::{BusError, topology};
use crate::telemetry::{BusLink, Metric};

/// A dead peer is noticed after two of these.
const HEARTBEAT_SECONDS: u16 = 15;
/// A connection that held this long was a good one: the pauses begin small again.
const GOOD: Duration = Duration::from_secs(10);
/// lapin tells of trouble by an event; this is for trouble that it does not tell of.
const GLANCE: Duration = Duration::from_secs(1);

#[derive(Clone)]
enum State {
    Away { why: String },
    Here(Arc<Live>),
    Closed,
}

/// The lasting handle on a connection that comes and goes.
#[derive(Clone)]
pub(super) struct Link {
    state: watch::Receiver<State>,
}

impl Link {
    /// Starts the task that keeps the connection.
    pub(super) fn open(
        mut uri: AMQPUri,
        purpose: &str,
        role: BusLink,
        tracker: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout.get_or_insert(patience);
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let away = State::Away { why: "the first connection is being made".to_owned() };
        let (sender, state) = watch::channel(away);
        let name = format!("{purpose} {}", role.as_str());
        let keeper = Keeper { uri, name, role, state: sender, shutdown: shutdown.clone() };
        tracker.spawn(keeper.keep());
        Self { state }
    }

    /// The connection, if it stands now.
    pub(super) fn now(&self) -> Result<Arc<Live>, BusError> {
        match &*self.state.borrow() {
            State::Here(live) => Ok(Arc::clone(live)),
            State::Away { why } => Err(BusError::NotConnected { why: why.clone() }),
            State::Closed => Err(BusError::Closed),
        }
    }

    /// The connection, as soon as it stands; an error only when the bus closes.
    pub(super) async fn wait(&self) -> Result<Arc<Live>, BusError> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| match state {
            State::Here(live) => live.is_good(),
            State::Away { .. } => false,
            State::Closed => true,
        });
        match settled.await.as_deref() {
            Ok(State::Here(live)) => Ok(Arc::clone(live)),
            _ => Err(BusError::Closed),
        }
    }
}

struct Keeper {
    uri: AMQPUri,
    name: String,
    role: BusLink,
    state: watch::Sender<State>,
    shutdown: CancellationToken,
}

impl Keeper {
    async fn keep(self) {
        let mut pauses = pauses();
        while !self.shutdown.is_cancelled() {
            match self.shutdown.run_until_cancelled(self.connect()).await {
                None => break,
                Some(Ok(live)) => {
                    let since = Instant::now();
                    self.lend(live).await;
                    if since.elapsed() > GOOD {
                        pauses = self::pauses();
                    }
                }
                Some(Err(error)) => self.away(error.told()),
            }
            let pause = pauses.next().unwrap_or(GOOD);
            self.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        self.state.send_replace(State::Closed);
    }

    async fn connect(&self) -> Result<Arc<Live>, BusError> {
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let connection = within("connect", connecting).await?;
        if let Err(error) = topology::declare(&connection).await {
            farewell(&connection).await;
            return Err(error);
        }
        Ok(Arc::new(Live::new(connection)))
    }

    /// Lends the connection out until it is over, and ends it.
    async fn lend(&self, live: Arc<Live>) {
        tracing::info!(bus.link = self.role.as_str(), "RabbitMQ is connected");
        self.state.send_replace(State::Here(Arc::clone(&live)));
        let labels = [("link", self.role.as_str())];
        Metric::BusConnected.set(1.0, &labels);
        let why = self.shutdown.run_until_cancelled(self.watch(&live)).await;
        Metric::BusConnected.set(0.0, &labels);
        match why {
            Some(why) => {
                Metric::BusReconnects.increment(&[]);
                self.away(why);
            }
            None => drop(self.state.send_replace(State::Closed)),
        }
        if live.block(None).is_some() {
            Metric::BusBlocked.set(0.0, &[]);
        }
        live.end();
        farewell(live.connection()).await;
    }

    /// Watches until the connection is lost or given up; says why.
    async fn watch(&self, live: &Live) -> String {
        let events = live.connection().events_listener();
        tokio::pin!(events);
        let mut glances = tokio::time::interval(GLANCE);
        loop {
            let mut why = "the connection was closed".to_owned();
            tokio::select! {
                () = live.over() => return "the connection was given up".to_owned(),
                _ = glances.tick() => {}
                Some(event) = events.next() => match event {
                    Event::ConnectionBlocked(reason) => self.block(live, Some(reason)),
                    Event::ConnectionUnblocked => self.block(live, None),
                    // Also told of a channel's errors, after which the connection still stands.
                    Event::Error(error) => why = error.to_string(),
                    _ => {}
                },
            }
            if !live.connection().status().connected() {
                return why;
            }
        }
    }

    fn block(&self, live: &Live, reason: Option<String>) {
        let was = live.block(reason.clone());
        match (was, reason) {
            (None, Some(reason)) => {
                Metric::BusBlocked.set(1.0, &[]);
                tracing::warn!(bus.link = self.role.as_str(), "RabbitMQ takes no messages: {reason}");
            }
            (Some(_), None) => {
                Metric::BusBlocked.set(0.0, &[]);
                tracing::info!(bus.link = self.role.as_str(), "RabbitMQ takes messages again");
            }
            _ => {}
        }
    }

    /// Notes why there is no connection; logged when it is another reason than before.
    fn away(&self, why: String) {
        let known = matches!(&*self.state.borrow(), State::Away { why: before } if *before == why);
        if !known {
            tracing::warn!(bus.link = self.role.as_str(), "RabbitMQ is not connected: {why}");
            self.state.send_replace(State::Away { why });
        }
    }
}

/// 0.2 s, 0.4 s … 2 s, each with jitter, without end.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Ends a connection in good order if it still can be; a blocked one cannot.
async fn farewell(connection: &Connection) {
    if connection.status().connected() && !connection.status().blocked() {
        let closing = connection.close(200, "farewell".into());
        let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn pauses_grow_and_never_end() {
        let pauses: Vec<_> = super::pauses().take(1_000).collect();
        assert_eq!(pauses.len(), 1_000);
        assert!(pauses[0] < Duration::from_millis(500));
        assert!(pauses[20..].iter().all(|pause| (2..=4).contains(&pause.as_secs())), "{:?}", &pauses[20..30]);
    }
}
