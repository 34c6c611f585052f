//! RabbitMQ, and nothing else: steps are announced, progress and cancellation are told.
//!
//! Invariants: a message is a wake-up and never the truth, so it may come twice or not
//! at all; it holds no secret and no data. A step's message is durable, mandatory and
//! confirmed. A [`Slot`] hoards nothing: its consumer is cancelled before a delivery is
//! handed out. Publishing and consuming have connections of their own, since a broker
//! that is short of memory stops reading from publishers. Whatever breaks, everything is
//! torn down and built anew (topology, channels, consumers); lapin's own recovery is off,
//! because it hides from a consumer that its message was delivered a second time.
//! Not here: when something is published, claimed or tried again (`workflow`), and
//! delayed messages (the pause is a column of the outbox).

#![expect(clippy::disallowed_types, reason = "the owner room opens its own gate")]

mod channels;
mod connection;
mod consumer;
mod dead;
mod error;
mod fanout;
mod live;
mod message;
mod patience;
mod properties;
mod publisher;
mod reason;
mod topology;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::domain::id::JobId;
use crate::domain::progress::StepProgress;
use crate::domain::step::Queue;
use crate::telemetry::BusLink;

use connection::Link;
use patience::within;
use publisher::{Outgoing, Publisher};
use topology::Address;

pub use consumer::{Delivery, Slot, Wanted};
pub use dead::DeadLetters;
pub use error::BusError;
pub use message::{Control, MessageError, StepMessage};

/// How long a soft close may take.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// The process's way to RabbitMQ; a clone shares it.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
}

struct Shared {
    publishing: Link,
    consuming: Link,
    publisher: Publisher,
    progress_out: fanout::Reporter,
    progress_in: OnceLock<broadcast::Sender<StepProgress>>,
    control_in: OnceLock<broadcast::Sender<Control>>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    /// Ends the tasks when the last clone goes without a close.
    _abandoned: DropGuard,
}

impl Bus {
    /// Begins to connect, in the background and for as long as it takes; returns at once.
    ///
    /// `purpose` is what RabbitMQ shows as the connection's name. The only error is a
    /// URL that is none. Must be called inside a tokio runtime.
    pub fn connect(url: &str, purpose: &str) -> Result<Self, BusError> {
        let uri: AMQPUri = url.parse().map_err(|reason: String| BusError::Url { reason })?;
        let (tracker, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let open = |role| Link::open(uri.clone(), purpose, role, &tracker, &shutdown);
        let (publishing, consuming) = (open(BusLink::Publish), open(BusLink::Consume));
        let shared = Shared {
            publisher: Publisher::new(publishing.clone()),
            progress_out: fanout::Reporter::start(publishing.clone(), &tracker, &shutdown),
            publishing,
            consuming,
            progress_in: OnceLock::new(),
            control_in: OnceLock::new(),
            _abandoned: shutdown.clone().drop_guard(),
            tracker,
            shutdown,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether both connections stand; what is wrong if not, without a secret.
    pub fn ready(&self) -> Result<(), BusError> {
        self.shared.publishing.now().and_then(|_| self.shared.consuming.now()).map(drop)
    }

    /// Waits until both connections stand; an error only when the bus closes.
    pub async fn wait_ready(&self) -> Result<(), BusError> {
        self.shared.publishing.wait().await?;
        self.shared.consuming.wait().await.map(drop)
    }

    /// Announces a step; `Ok` means that RabbitMQ has it on disk and in its queue.
    ///
    /// Fails at once when RabbitMQ is not connected or takes no messages, and within half a
    /// minute when it does not answer. After an error the message may still arrive.
    pub async fn publish(&self, message: &StepMessage, queue: Queue) -> Result<(), BusError> {
        let mut results = self.publish_all(vec![(queue, message.clone())]).await;
        results.pop().unwrap_or(Ok(()))
    }

    /// Announces many steps at once; a result for each, in their order.
    pub async fn publish_all(&self, messages: Vec<(Queue, StepMessage)>) -> Vec<Result<(), BusError>> {
        let outgoing: Vec<_> =
            messages.iter().map(|(queue, message)| Outgoing::step(message, *queue)).collect();
        self.shared.publisher.send(&outgoing).await
    }

    /// Tells all workers something; `Ok` means that RabbitMQ has passed it on to those who listen.
    pub async fn tell(&self, control: &Control) -> Result<(), BusError> {
        self.shared.publisher.send_one(Outgoing::control(control)).await
    }

    /// Whether RabbitMQ confirms a message that no queue takes.
    pub async fn takes_messages(&self) -> Result<(), BusError> {
        self.shared.publisher.send_one(Outgoing::nobodys()).await
    }

    /// Tells how far a step has come; never waits, and drops the sample when it cannot be sent.
    pub fn report(&self, progress: StepProgress) {
        self.shared.progress_out.report(progress);
    }

    /// A place where deliveries of `queue` are taken, one after the other.
    pub fn slot(&self, queue: Queue) -> Slot {
        Slot::new(self.clone(), Address::fleet(queue), None)
    }

    /// As [`Bus::slot`], of a job's own queue, which is made if it is not there and `wanted`.
    pub fn slot_of_job(&self, job_id: JobId, wanted: Wanted) -> Slot {
        Slot::new(self.clone(), Address::of(Queue::Job, job_id), Some(wanted))
    }

    /// What all workers are told, from now on. A subscriber that lags loses the oldest.
    pub fn control(&self) -> broadcast::Receiver<Control> {
        let start = || fanout::listen(&fanout::CONTROL_IN, &self.shared);
        self.shared.control_in.get_or_init(start).subscribe()
    }

    /// The progress of all steps of all organisations, from now on. A subscriber that lags loses the oldest.
    pub fn progress(&self) -> broadcast::Receiver<StepProgress> {
        let start = || fanout::listen(&fanout::PROGRESS_IN, &self.shared);
        self.shared.progress_in.get_or_init(start).subscribe()
    }

    /// How many messages wait in a queue (those in a consumer's hands not counted).
    pub async fn depth(&self, queue: Queue) -> Result<u32, BusError> {
        self.depth_of(Address::fleet(queue)).await
    }

    /// As [`Bus::depth`], of a job's own queue.
    pub async fn depth_of_job(&self, job_id: JobId) -> Result<u32, BusError> {
        self.depth_of(Address::of(Queue::Job, job_id)).await
    }

    /// Makes a job's own queue, so that its first message finds it.
    pub async fn make_job_queue(&self, job_id: JobId) -> Result<(), BusError> {
        let live = self.shared.consuming.now()?;
        Address::of(Queue::Job, job_id).declare(live.connection()).await
    }

    /// Deletes a job's own queue with all it holds. Nobody is to consume it: RabbitMQ 3.10 may close
    /// the connection of a consumer whose quorum queue is deleted under it.
    pub async fn delete_job_queue(&self, job_id: JobId) -> Result<(), BusError> {
        self.delete(Address::of(Queue::Job, job_id)).await
    }

    async fn delete(&self, address: Address) -> Result<(), BusError> {
        let live = self.shared.consuming.now()?;
        let channel = within("open a channel", live.connection().create_channel()).await?;
        let deleted = channel.queue_delete(address.name().into(), QueueDeleteOptions::default());
        within("delete a queue", deleted).await?;
        within("close a channel", channel.close(200, "deleted".into())).await
    }

    /// Deletes a queue of steps that takes no messages although RabbitMQ does, and makes it anew.
    /// What it held is gone: those steps are to be announced again. `job_id`: whose own it is.
    pub async fn remake(&self, queue: Queue, job_id: Option<JobId>) -> Result<(), BusError> {
        let address = job_id.map_or_else(|| Address::fleet(queue), |job_id| Address::of(queue, job_id));
        self.delete(address).await?;
        let live = self.shared.consuming.now()?;
        topology::declare(live.connection()).await?;
        address.declare(live.connection()).await
    }

    async fn depth_of(&self, address: Address) -> Result<u32, BusError> {
        let live = self.shared.consuming.now()?;
        // A channel of its own: a queue that is not there closes it.
        let channel = within("open a channel", live.connection().create_channel()).await?;
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel.queue_declare(address.name().into(), passive, FieldTable::default());
        let found = within("ask for a queue's depth", declared).await?;
        Ok(found.message_count())
    }

    /// Ends the connections in good order; what is unacknowledged is delivered to others.
    ///
    /// Settle deliveries in hand before; [`Slot::next`] returns `None` from now on.
    pub async fn close(&self) {
        self.shared.shutdown.cancel();
        self.shared.tracker.close();
        if tokio::time::timeout(CLOSING_TIMEOUT, self.shared.tracker.wait()).await.is_err() {
            tracing::warn!("RabbitMQ did not answer the farewell; its connections are dropped");
        }
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("ready", &self.ready().is_ok()).finish()
    }
}
