//! What is told to everybody who listens: control to the workers, progress to the APIs.
//!
//! Both are lossy: who is not connected misses it. A listener has an exclusive queue that
//! goes with its connection, and gets a new one with the next.

use std::time::Duration;

use futures::StreamExt as _;
use lapin::Channel;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Link;
use super::live::Live;
use super::message::{Control, Wire};
use super::patience::within;
use super::properties::{TRANSIENT, properties};
use super::topology::{CONTROL, PROGRESS};
use super::{BusError, Shared};
use crate::domain::progress::StepProgress;

/// Samples that wait to be sent; more are dropped.
const OUT: usize = 1_024;
/// Messages that a subscriber may lag behind.
const IN: usize = 4_096;
/// Messages that RabbitMQ keeps for a listener that does not read.
const QUEUED: i64 = 10_000;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// An exchange that is listened to.
pub(super) struct Source<T> {
    exchange: &'static str,
    key: &'static str,
    decode: fn(&[u8]) -> Result<T, super::MessageError>,
}

/// What all workers are told.
pub(super) const CONTROL_IN: Source<Control> =
    Source { exchange: CONTROL, key: "", decode: <Control as Wire>::decode };

/// All progress.
pub(super) const PROGRESS_IN: Source<StepProgress> =
    Source { exchange: PROGRESS, key: "#", decode: <StepProgress as Wire>::decode };

/// Starts to listen, for as long as the bus lives.
pub(super) fn listen<T: Wire>(source: &'static Source<T>, shared: &Shared) -> broadcast::Sender<T> {
    let (sender, _) = broadcast::channel(IN);
    let (link, shutdown, subscribers) = (shared.consuming.clone(), shared.shutdown.clone(), sender.clone());
    shared.tracker.spawn(async move {
        while let Ok(live) = link.wait().await {
            let heard = tokio::select! {
                () = shutdown.cancelled() => break,
                () = live.over() => continue,
                heard = hear(source, &live, &subscribers) => heard,
            };
            if let (Err(error), true) = (heard, live.is_good()) {
                tracing::warn!(bus.exchange = source.exchange, "listening was broken off: {}", error.told());
            }
            shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    });
    sender
}

async fn hear<T: Wire>(
    source: &Source<T>,
    live: &Live,
    subscribers: &broadcast::Sender<T>,
) -> Result<(), BusError> {
    let channel = within("open a channel", live.connection().create_channel()).await?;
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongLongInt(QUEUED));
    let own = QueueDeclareOptions::exclusive().auto_delete();
    let queue = within("declare a queue", channel.queue_declare("".into(), own, limits)).await?;
    let (name, bind) = (queue.name().clone(), QueueBindOptions::default());
    let bound = channel.queue_bind(
        name.clone(),
        source.exchange.into(),
        source.key.into(),
        bind,
        FieldTable::default(),
    );
    within("bind a queue", bound).await?;
    let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consuming = channel.basic_consume(name, "".into(), unacknowledged, FieldTable::default());
    let mut consumer = within("consume", consuming).await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery.map_err(|source| BusError::Broker { what: "listen", source })?;
        match (source.decode)(&delivery.data) {
            // An error means that nobody subscribes just now.
            Ok(message) => drop(subscribers.send(message)),
            Err(error) => tracing::debug!(bus.exchange = source.exchange, "{error}"),
        }
    }
    Ok(())
}

/// Sends progress, without confirmation and without ever being waited for.
pub(super) struct Reporter {
    samples: mpsc::Sender<StepProgress>,
}

impl Reporter {
    pub(super) fn start(link: Link, tracker: &TaskTracker, shutdown: &CancellationToken) -> Self {
        let (samples, waiting) = mpsc::channel(OUT);
        let shutdown = shutdown.clone();
        tracker.spawn(async move {
            shutdown.run_until_cancelled(send_all(link, waiting)).await;
        });
        Self { samples }
    }

    pub(super) fn report(&self, progress: StepProgress) {
        // Full or closed: the next sample tells more than this one.
        let _ = self.samples.try_send(progress);
    }
}

async fn send_all(link: Link, mut samples: mpsc::Receiver<StepProgress>) {
    let mut open: Option<Channel> = None;
    while let Some(sample) = samples.recv().await {
        let Ok(live) = link.now() else { continue };
        if live.blocked().is_some() {
            continue;
        }
        let sent = async {
            let channel = match open.take().filter(|channel| channel.status().connected()) {
                Some(channel) => channel,
                None => within("open a channel", live.connection().create_channel()).await?,
            };
            send(&channel, &sample).await.map(|()| channel)
        };
        // Whatever went wrong, the channel is dropped with it, and the sample too.
        match sent.await {
            Ok(channel) => open = Some(channel),
            Err(error) => tracing::debug!("progress was not sent: {}", error.told()),
        }
    }
}

async fn send(channel: &Channel, sample: &StepProgress) -> Result<(), BusError> {
    let key = format!("{}.{}", sample.org_id, sample.job_id);
    let body = sample.encode();
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(PROGRESS.into(), key.into(), options, &body, properties(TRANSIENT));
    within("send progress", sent).await.map(drop)
}
