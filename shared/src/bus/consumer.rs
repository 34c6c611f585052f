//! Taking steps: a slot takes one message at a time and hoards none.
//!
//! The prefetch is one: while a delivery is in hand, RabbitMQ sends this slot no other. The
//! caller claims in PostgreSQL and works. Work that is over soon is acknowledged then, and
//! the consumer goes on ([`Delivery::ack`]); for work that lasts, the consumer is cancelled
//! and the delivery acknowledged in the middle of it ([`Delivery::release`]), and the next
//! wait consumes anew. So no message waits behind a long step, RabbitMQ's
//! acknowledgement time-out is never met, and short steps do not pay for a consumer each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use lapin::message::Delivery as RawDelivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::live::Live;
use super::message::Wire as _;
use super::patience::{is_missing, within};
use super::publisher::Outgoing;
use super::reason::Reason;
use super::topology::{self, Address};
use super::{Bus, BusError, StepMessage};
use crate::telemetry::{Metric, Taken};

/// Between two tries when something else than the connection is wrong.
const PAUSE: Duration = Duration::from_secs(1);
/// A slot that waits begins anew this often. RabbitMQ (3.10, ran) may move a consumer from a
/// deleted quorum queue to its successor and then count a message as delivered that it never sent.
const REFRESH: Duration = Duration::from_secs(20);

/// How long the end of a slot's channels is waited for; what stands longer goes with its connection.
const CLOSING: Duration = Duration::from_secs(2);

/// Asks whether a queue that is gone is wanted any more.
pub type Wanted = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// A place where the steps of one queue are taken, one after the other.
pub struct Slot {
    bus: Bus,
    address: Address,
    /// Of a queue that ends some day: asked before it is made anew.
    wanted: Option<Wanted>,
    /// The channels that are not closed yet.
    channels: TaskTracker,
    /// The channel that the next delivery comes on; taken out while waiting, so that a
    /// wait that is given up half-way closes it and its message goes back.
    open: Option<Subscription>,
}

/// A channel, and the consumer on it if there is one.
struct Subscription {
    open: Arc<Open>,
    consumer: Option<Consumer>,
}

/// A channel for one delivery at a time.
struct Open {
    channel: Channel,
    live: Arc<Live>,
    /// Whether the delivery that came on it last is settled.
    settled: AtomicBool,
    /// Whether its consumer was cancelled, so that the next wait needs a new one.
    released: AtomicBool,
    tracker: TaskTracker,
    /// The consumer that was on it last: dropped before the channel is closed, lapin would cancel it
    /// on a channel that RabbitMQ has closed meanwhile, and RabbitMQ would close the connection.
    last: Mutex<Option<Consumer>>,
    /// Lets the slot wait until it is closed.
    token: TaskTrackerToken,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        *self.open.last.lock().unwrap_or_else(PoisonError::into_inner) = self.consumer.take();
    }
}

impl Drop for Open {
    /// lapin closes a dropped channel, but not one that has a consumer nobody holds: the
    /// one whose `basic.consume` was given up before its answer came. It would hoard.
    fn drop(&mut self) {
        let channel = self.channel.clone();
        if channel.status().connected() && Handle::try_current().is_ok() {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
            let token = self.token.clone();
            self.tracker.spawn(async move {
                let _ = within("close a channel", channel.close(200, "done".into())).await;
                drop((last, token));
            });
        }
    }
}

/// Why a wait ended without a delivery.
enum Setback {
    /// The queue is gone; it is declared anew.
    Cancelled,
    /// A message was put aside.
    PutAside,
    /// The channel is of no use any more.
    Broken(BusError),
}

impl Slot {
    pub(super) fn new(bus: Bus, address: Address, wanted: Option<Wanted>) -> Self {
        Self { bus, address, wanted, channels: TaskTracker::new(), open: None }
    }

    /// Waits for a step's message, through every outage; `None` when the bus closes, or when the
    /// queue is gone and not wanted any more.
    ///
    /// May be given up at any point (in a `select!`): a message that had just arrived goes
    /// back to its queue. The delivery before may still be in hand; this one then comes on
    /// another channel.
    pub async fn next(&mut self) -> Option<Delivery> {
        let shutdown = self.bus.shared.shutdown.clone();
        loop {
            let live = self.bus.shared.consuming.wait().await.ok()?;
            let found = tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                () = live.over() => continue,
                found = self.take(&live) => found,
                // Taking anew closes the channel, since `take` holds it.
                () = tokio::time::sleep(REFRESH) => continue,
            };
            match found {
                Ok((message, raw, way)) => return Some(self.hand_out(message, raw, way)),
                Err(Setback::PutAside) => {}
                Err(Setback::Cancelled) => {
                    if !self.is_wanted().await {
                        return None;
                    }
                    tracing::warn!(bus.queue = %self.address.queue, "RabbitMQ ended a consumer; its queue is declared anew");
                    if let Err(error) = self.declare(&live).await {
                        live.abandon(&error);
                    }
                }
                Err(Setback::Broken(error)) => {
                    if live.is_good() {
                        tracing::warn!(bus.queue = %self.address.queue, "a channel broke: {}", error.told());
                        shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                    }
                }
            }
        }
    }

    /// Ends the slot: once this returns, RabbitMQ has no consumer of it, unless it does not answer.
    /// Deliveries are to be settled before.
    pub async fn close(mut self) {
        drop(self.open.take());
        self.channels.close();
        let _ = tokio::time::timeout(CLOSING, self.channels.wait()).await;
    }

    async fn is_wanted(&self) -> bool {
        match &self.wanted {
            Some(wanted) => wanted().await,
            None => true,
        }
    }

    async fn declare(&self, live: &Live) -> Result<(), BusError> {
        topology::declare(live.connection()).await?;
        self.address.declare(live.connection()).await
    }

    /// Consumes until one message has come.
    async fn take(&mut self, live: &Arc<Live>) -> Result<(StepMessage, RawDelivery, Subscription), Setback> {
        let usable = |way: &Subscription| {
            Arc::ptr_eq(&way.open.live, live)
                && way.open.channel.status().connected()
                && way.open.settled.load(Ordering::Acquire)
        };
        let mut way = match self.open.take().filter(usable) {
            Some(way) => way,
            None => self.open_channel(live).await.map_err(Setback::Broken)?,
        };
        if way.open.released.swap(false, Ordering::AcqRel) {
            way.consumer = None;
        }
        let consumer = match &mut way.consumer {
            Some(consumer) => consumer,
            none => none.insert(consume(&way.open.channel, self.address).await?),
        };
        let raw = match consumer.next().await {
            Some(Ok(raw)) => raw,
            Some(Err(source)) => return Err(Setback::Broken(BusError::Broker { what: "consume", source })),
            None => return Err(Setback::Cancelled),
        };
        match StepMessage::decode(&raw.data) {
            Ok(message) => Ok((message, raw, way)),
            Err(error) => {
                let settled = put_aside(&self.bus, self.address, raw, &Reason::from(&error)).await;
                if settled.is_ok() {
                    self.open = Some(way);
                }
                Err(Setback::PutAside)
            }
        }
    }

    async fn open_channel(&self, live: &Arc<Live>) -> Result<Subscription, BusError> {
        let channel = within("open a channel", live.connection().create_channel()).await?;
        within("limit the prefetch", channel.basic_qos(1, BasicQosOptions::default())).await?;
        let (live, tracker) = (Arc::clone(live), self.bus.shared.tracker.clone());
        let (settled, released) = (AtomicBool::new(true), AtomicBool::new(false));
        let (last, token) = (Mutex::new(None), self.channels.token());
        let open = Open { channel, live, settled, released, tracker, last, token };
        Ok(Subscription { open: Arc::new(open), consumer: None })
    }

    fn hand_out(&mut self, message: StepMessage, raw: RawDelivery, way: Subscription) -> Delivery {
        let (open, tag) = (Arc::clone(&way.open), way.consumer.as_ref().map(Consumer::tag));
        open.settled.store(false, Ordering::Release);
        self.open = Some(way);
        Delivery { message, raw: Some(raw), open, tag, bus: self.bus.clone(), address: self.address }
    }
}

async fn consume(channel: &Channel, address: Address) -> Result<Consumer, Setback> {
    let (name, options) = (address.name().into(), BasicConsumeOptions::default());
    let consuming = channel.basic_consume(name, "".into(), options, FieldTable::default());
    within("consume", consuming).await.map_err(|error| match is_missing(&error) {
        true => Setback::Cancelled,
        false => Setback::Broken(error),
    })
}

/// A step's message in hand. Settle it with one of its methods, once; dropped without, it goes back.
pub struct Delivery {
    /// The message.
    pub message: StepMessage,
    raw: Option<RawDelivery>,
    /// The channel that it came on, kept open until it is settled.
    open: Arc<Open>,
    /// The consumer that brought it.
    tag: Option<ShortString>,
    bus: Bus,
    address: Address,
}

impl Delivery {
    /// Whether RabbitMQ delivered it before.
    pub fn is_redelivered(&self) -> bool {
        self.raw.as_ref().is_some_and(|raw| raw.redelivered)
    }

    /// Done with it: the step is settled, or needs nobody any more. The slot is free, and
    /// the next message comes on the same consumer.
    ///
    /// [`BusError::Gone`] means that it will be delivered again; a claim that was won
    /// stands all the same, and the second delivery's claim will lose.
    pub async fn ack(mut self) -> Result<(), BusError> {
        let raw = self.take(Taken::Acknowledged)?;
        settle("acknowledge", raw.ack(BasicAckOptions::default())).await
    }

    /// The step is claimed and its work lasts: no other message comes to this slot until it
    /// is asked again, and this one is acknowledged. Errors as in [`Delivery::ack`].
    pub async fn release(mut self) -> Result<(), BusError> {
        if let Some(tag) = self.tag.take() {
            self.open.released.store(true, Ordering::Release);
            let cancelling = self.open.channel.basic_cancel(tag, BasicCancelOptions::default());
            within("cancel a consumer", cancelling).await?;
        }
        self.ack().await
    }

    /// Not now, or not here: it goes back to its queue for whoever asks next.
    pub async fn requeue(mut self) -> Result<(), BusError> {
        let raw = self.take(Taken::Requeued)?;
        give_back(&raw).await
    }

    fn take(&mut self, result: Taken) -> Result<RawDelivery, BusError> {
        count(self.address, result);
        self.open.settled.store(true, Ordering::Release);
        self.raw.take().ok_or(BusError::Gone)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        count(self.address, Taken::Dropped);
        let open = Arc::clone(&self.open);
        if Handle::try_current().is_ok() {
            self.bus.shared.tracker.spawn(async move {
                if give_back(&raw).await.is_ok() {
                    open.settled.store(true, Ordering::Release);
                }
            });
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("address", &self.address).field("message", &self.message).finish()
    }
}

/// Puts a message into the dead queue with its reason; without a way there, RabbitMQ puts it there bare.
async fn put_aside(bus: &Bus, from: Address, raw: RawDelivery, reason: &Reason) -> Result<(), BusError> {
    tracing::warn!(bus.queue = %from.queue, "a message is put aside: {}", reason.told);
    count(from, Taken::PutAside);
    let acker = raw.acker.clone();
    match bus.shared.publisher.send_one(Outgoing::dead(raw.data, from, reason)).await {
        Ok(()) => settle("acknowledge", acker.ack(BasicAckOptions::default())).await,
        Err(_) => settle("reject", acker.reject(BasicRejectOptions { requeue: false })).await,
    }
}

/// `nack` and not `reject`: handing back is no failure of the message.
async fn give_back(raw: &RawDelivery) -> Result<(), BusError> {
    let back = BasicNackOptions { requeue: true, multiple: false };
    settle("give a message back", raw.nack(back)).await
}

async fn settle(
    what: &'static str,
    answer: impl Future<Output = lapin::Result<bool>>,
) -> Result<(), BusError> {
    match within(what, answer).await? {
        true => Ok(()),
        false => Err(BusError::Gone),
    }
}

fn count(from: Address, result: Taken) {
    Metric::MessagesReceived.increment(&[("queue", from.queue.as_str()), ("result", result.as_str())]);
}
