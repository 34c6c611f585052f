//! Publishing with confirmation: many messages on the way at once, a result for each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Confirmation};

use super::BusError;
use super::channels::{self, Channels, ConfirmChannel};
use super::connection::Link;
use super::message::{Control, StepMessage, Wire as _};
use super::patience::PATIENCE;
use super::properties::{PERSISTENT, TRANSIENT, properties};
use super::reason::{Reason, as_dead_letter};
use super::topology::{self, Address, CONTROL, DEAD, STEPS};
use crate::domain::step::Queue;
use crate::telemetry::Metric;

/// Messages on the way at once, on one channel.
const BATCH: usize = 500;
/// Before a queue that is gone is declared anew, so that RabbitMQ has told its consumers first.
const MEND_PAUSE: Duration = Duration::from_secs(1);

/// A message as it goes out.
pub(super) struct Outgoing {
    exchange: &'static str,
    key: String,
    body: Vec<u8>,
    properties: BasicProperties,
    mandatory: bool,
    /// Where it goes, if that is a queue of steps.
    address: Option<Address>,
}

impl Outgoing {
    pub(super) fn step(message: &StepMessage, queue: Queue) -> Self {
        let address = Address::of(queue, message.job_id);
        Self {
            exchange: STEPS,
            key: address.key(),
            address: Some(address),
            body: message.encode(),
            properties: properties(PERSISTENT),
            mandatory: true,
        }
    }

    /// Not mandatory: it is for the workers that are there, and there may be none.
    pub(super) fn control(control: &Control) -> Self {
        Self {
            exchange: CONTROL,
            key: String::new(),
            body: control.encode(),
            properties: properties(TRANSIENT),
            mandatory: false,
            address: None,
        }
    }

    /// For nobody, and confirmed all the same.
    pub(super) fn nobodys() -> Self {
        let (key, properties) = ("nobody".to_owned(), properties(TRANSIENT));
        Self { exchange: STEPS, key, body: Vec::new(), properties, mandatory: false, address: None }
    }

    /// A message that is put aside, with the reason beside it.
    pub(super) fn dead(body: Vec<u8>, from: Address, reason: &Reason) -> Self {
        let (body, properties) = as_dead_letter(body, &from.name(), reason);
        Self { exchange: DEAD, key: from.key(), body, properties, mandatory: true, address: None }
    }

    fn judge(&self, confirmation: &Confirmation) -> Result<(), BusError> {
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            // An unroutable message is confirmed all the same, and returned.
            Confirmation::Ack(Some(_)) => {
                Err(BusError::Unroutable { exchange: self.exchange, key: self.key.clone() })
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                Err(BusError::Refused { key: self.key.clone() })
            }
        }
    }
}

/// Publishes on pooled channels.
pub(super) struct Publisher {
    link: Link,
    channels: Channels,
}

impl Publisher {
    pub(super) fn new(link: Link) -> Self {
        Self { channels: channels::pool(link.clone()), link }
    }

    pub(super) async fn send_one(&self, message: Outgoing) -> Result<(), BusError> {
        self.send(&[message]).await.pop().unwrap_or(Ok(()))
    }

    /// Publishes and waits for all confirms. What an exchange or queue that somebody
    /// deleted kept from its way is sent a second time, after declaring the topology.
    pub(super) async fn send(&self, messages: &[Outgoing]) -> Vec<Result<(), BusError>> {
        let mut results = Vec::with_capacity(messages.len());
        for batch in messages.chunks(BATCH) {
            let batch: Vec<_> = batch.iter().collect();
            let mut done = self.send_batch(&batch).await;
            let lost: Vec<_> =
                (0..done.len()).filter(|at| done[*at].as_ref().is_err_and(is_mended)).collect();
            tell_returned(&done);
            let again: Vec<_> = lost.iter().map(|at| batch[*at]).collect();
            if !lost.is_empty() && self.mend(&again).await.is_ok() {
                for (at, result) in lost.into_iter().zip(self.send_batch(&again).await) {
                    done[at] = result;
                }
            }
            results.extend(done);
        }
        results
    }

    async fn mend(&self, lost: &[&Outgoing]) -> Result<(), BusError> {
        tokio::time::sleep(MEND_PAUSE).await;
        let live = self.link.now()?;
        topology::declare(live.connection()).await?;
        let own: HashSet<_> = lost.iter().filter_map(|message| message.address).collect();
        for address in own {
            address.declare(live.connection()).await?;
        }
        Ok(())
    }

    async fn send_batch(&self, batch: &[&Outgoing]) -> Vec<Result<(), BusError>> {
        let mut done: Vec<Option<Result<(), BusError>>> = batch.iter().map(|_| None).collect();
        let ended = match tokio::time::timeout(PATIENCE, self.channels.get()).await {
            Ok(Ok(channel)) => pump(channel, batch, &mut done).await,
            Ok(Err(error)) => Err(channels::explain(error)),
            Err(_) => Err(BusError::Timeout { what: "get a channel" }),
        };
        let rest = |message: &Outgoing| match &ended {
            Err(error) => Err(error.clone()),
            Ok(()) => Err(BusError::Unconfirmed { key: message.key.clone() }),
        };
        let each = done.into_iter().zip(batch);
        each.map(|(result, message)| result.unwrap_or_else(|| rest(message))).collect()
    }
}

/// Sends a batch and fills `done` as confirms come, until patience ends; an error is for all that
/// is not done.
async fn pump(
    channel: Object<channels::ConfirmChannels>,
    batch: &[&Outgoing],
    done: &mut [Option<Result<(), BusError>>],
) -> Result<(), BusError> {
    let live = Arc::clone(&channel.live);
    if let Some(reason) = live.blocked() {
        return Err(BusError::Blocked { reason });
    }
    let ended = tokio::select! {
        () = send_and_confirm(&channel, batch, done) => return Ok(()),
        reason = live.until_blocked() => Err(BusError::Blocked { reason }),
        () = live.over() => Err(BusError::NotConnected { why: "the connection was lost".to_owned() }),
        () = tokio::time::sleep(PATIENCE) => Ok(()),
    };
    // Confirms may still be on their way on this channel: nobody else gets it.
    drop(Object::take(channel));
    ended
}

async fn send_and_confirm(
    channel: &ConfirmChannel,
    batch: &[&Outgoing],
    done: &mut [Option<Result<(), BusError>>],
) {
    let failed = |source| BusError::Broker { what: "publish a message", source };
    // Of several queues one may be silent: each confirm counts when it comes.
    let mut confirms = FuturesUnordered::new();
    for (message, done) in batch.iter().zip(done) {
        let timer = Metric::PublishConfirm.timer();
        let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
        let (exchange, key) = (message.exchange.into(), message.key.as_str().into());
        let sent =
            channel.channel.basic_publish(exchange, key, options, &message.body, message.properties.clone());
        let sent = sent.await;
        confirms.push(async move {
            let confirmed = match sent {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            *done = Some(confirmed.map_err(failed).and_then(|confirmation| message.judge(&confirmation)));
            timer.stop(&[]);
        });
    }
    while confirms.next().await.is_some() {}
}

/// A queue that is not there is never silent: it is counted, and the log names it.
fn tell_returned(done: &[Result<(), BusError>]) {
    let is_returned = |result: &&Result<(), BusError>| matches!(result, Err(BusError::Unroutable { .. }));
    let mut returned = done.iter().filter(is_returned).peekable();
    if let Some(Err(error)) = returned.peek() {
        tracing::warn!("{error}; the queues are declared anew and what was returned is sent again");
    }
    Metric::MessagesReturned.add(u64::try_from(returned.count()).unwrap_or(u64::MAX), &[]);
}

fn is_mended(error: &BusError) -> bool {
    matches!(error, BusError::Unroutable { .. } | BusError::Broker { .. })
}
