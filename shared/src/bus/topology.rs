//! Exchanges and queues: one table, declared whole by everybody at each connect; and jobs'
//! own queues, declared when they are needed.
//!
//! The arguments of a quorum queue cannot be changed later; a change of this table needs
//! new names (`.v2`) and a time in which both are consumed.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind, ExchangeKind};

use super::BusError;
use super::patience::within;
use crate::domain::id::JobId;
use crate::domain::step::Queue;

/// Steps, by queue.
pub(super) const STEPS: &str = "longshore.steps.v1";
/// What all workers are told.
pub(super) const CONTROL: &str = "longshore.control.v1";
/// Progress, by organisation and job.
pub(super) const PROGRESS: &str = "longshore.progress.v1";
/// What nobody could read, or what was delivered too often; and its queue.
pub(super) const DEAD: &str = "longshore.dead.v1";

/// Deliveries after which a message is put aside; without a limit 4.x would drop it at its own.
const DELIVERY_LIMIT: i64 = 20;
/// A job's own queue that nobody uses is gone after so long (in milliseconds).
const JOB_QUEUE_KEPT: i64 = 600_000;
/// The dead are for an operator's eye; the oldest make room.
const DEAD_KEPT: i64 = 10_000;

const EXCHANGES: &[(&str, ExchangeKind)] = &[
    (STEPS, ExchangeKind::Direct),
    (CONTROL, ExchangeKind::Fanout),
    (PROGRESS, ExchangeKind::Topic),
    (DEAD, ExchangeKind::Fanout),
];

/// A durable quorum queue.
struct QueueRow {
    name: &'static str,
    exchange: &'static str,
    key: &'static str,
    dead: bool,
}

const QUEUES: &[QueueRow] = &[
    steps_queue(Queue::Interactive),
    steps_queue(Queue::First),
    steps_queue(Queue::Bulk),
    QueueRow { name: DEAD, exchange: DEAD, key: "", dead: true },
];

const fn steps_queue(queue: Queue) -> QueueRow {
    QueueRow { name: queue_name(queue), exchange: STEPS, key: queue.as_str(), dead: false }
}

/// Where steps are announced: a queue of the fleet, or a job's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// The class, for people and for metrics.
    pub(super) queue: Queue,
    /// Whose own queue it is.
    job_id: Option<JobId>,
}

impl Address {
    /// Where the steps of this class of this job go.
    pub(super) fn of(queue: Queue, job_id: JobId) -> Self {
        Self { queue, job_id: (queue == Queue::Job).then_some(job_id) }
    }

    /// A queue of the fleet.
    pub(super) const fn fleet(queue: Queue) -> Self {
        Self { queue, job_id: None }
    }

    /// The queue's name.
    pub(super) fn name(&self) -> String {
        self.with_job(queue_name(self.queue))
    }

    /// The routing key that leads there.
    pub(super) fn key(&self) -> String {
        self.with_job(self.queue.as_str())
    }

    fn with_job(&self, word: &str) -> String {
        self.job_id.map_or_else(|| word.to_owned(), |job_id| format!("{word}.{job_id}"))
    }

    /// Declares what is not in the table: a job's own queue.
    pub(super) async fn declare(&self, connection: &Connection) -> Result<(), BusError> {
        if self.job_id.is_none() {
            return Ok(());
        }
        let channel = within("open a channel", connection.create_channel()).await?;
        let mut arguments = steps_arguments();
        arguments.insert("x-expires".into(), AMQPValue::LongLongInt(JOB_QUEUE_KEPT));
        let (name, options) = (self.name(), QueueDeclareOptions::durable());
        let declared = channel.queue_declare(name.as_str().into(), options, arguments);
        within("declare a job's queue", declared).await?;
        let (key, options) = (self.key(), QueueBindOptions::default());
        let bound = channel.queue_bind(name.into(), STEPS.into(), key.into(), options, FieldTable::default());
        within("bind a job's queue", bound).await?;
        within("close a channel", channel.close(200, "declared".into())).await
    }
}

/// The queue that holds a class of steps; of jobs' own queues what their names begin with.
const fn queue_name(queue: Queue) -> &'static str {
    match queue {
        Queue::Interactive => "longshore.interactive.v1",
        Queue::First => "longshore.first.v1",
        Queue::Bulk => "longshore.bulk.v1",
        Queue::Job => "longshore.job.v1",
    }
}

impl QueueRow {
    fn arguments(&self) -> FieldTable {
        if !self.dead {
            return steps_arguments();
        }
        let mut arguments = quorum();
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(DEAD_KEPT));
        arguments
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

fn steps_arguments() -> FieldTable {
    let mut arguments = quorum();
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD.into()));
    arguments
}

/// Declares the whole table; harmless when it stands already.
pub(super) async fn declare(connection: &Connection) -> Result<(), BusError> {
    let channel = within("open a channel", connection.create_channel()).await?;
    for (name, kind) in EXCHANGES {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare((*name).into(), kind.clone(), durable, FieldTable::default());
        within("declare an exchange", declared).await.map_err(|error| explain(error, "exchange", name))?;
    }
    for queue in QUEUES {
        let options = QueueDeclareOptions::durable();
        let declared = channel.queue_declare(queue.name.into(), options, queue.arguments());
        within("declare a queue", declared).await.map_err(|error| explain(error, "queue", queue.name))?;
        let (key, options) = (queue.key.into(), QueueBindOptions::default());
        let bound =
            channel.queue_bind(queue.name.into(), queue.exchange.into(), key, options, FieldTable::default());
        within("bind a queue", bound).await?;
    }
    within("close a channel", channel.close(200, "declared".into())).await
}

fn explain(error: BusError, what: &str, name: &'static str) -> BusError {
    let BusError::Broker { source, .. } = &error else { return error };
    let ErrorKind::ProtocolError(reply) = source.kind() else { return error };
    if *reply.kind() != AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) {
        return error;
    }
    let remedy = format!(
        "look what it holds and delete it (`rabbitmqctl delete_queue {name}` for a queue), Longshore declares \
         the {what} anew; or give Longshore a virtual host of its own"
    );
    BusError::Mismatch { name, reply: reply.get_message().to_string(), remedy }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::{Address, EXCHANGES, QUEUES, queue_name};
    use crate::domain::step::Queue;

    #[test]
    fn a_jobs_own_queue_has_its_id() {
        let job = Uuid::from_u128(7).into();
        let own = Address::of(Queue::Job, job);
        assert_eq!(own.name(), "longshore.job.v1.00000000-0000-0000-0000-000000000007");
        assert_eq!(own.key(), "job.00000000-0000-0000-0000-000000000007");
        let bulk = Address::of(Queue::Bulk, job);
        assert_eq!((bulk.name(), bulk.key()), ("longshore.bulk.v1".to_owned(), "bulk".to_owned()));
        assert_eq!(bulk, Address::fleet(Queue::Bulk));
    }

    #[test]
    fn every_class_of_steps_has_its_queue() {
        let declared: BTreeSet<_> = QUEUES.iter().map(|queue| queue.name).collect();
        assert_eq!(declared.len(), QUEUES.len());
        assert!(Queue::FLEET.iter().all(|queue| declared.contains(queue_name(*queue))));
        let exchanges: BTreeSet<_> = EXCHANGES.iter().map(|(name, _)| *name).collect();
        assert!(QUEUES.iter().all(|queue| exchanges.contains(queue.exchange)));
    }

    #[test]
    fn what_is_delivered_too_often_is_put_aside_and_not_dropped() {
        for queue in QUEUES {
            let arguments = queue.arguments();
            let has = |key: &str| arguments.contains_key(key);
            assert!(has("x-queue-type"), "{}", queue.name);
            assert_eq!(has("x-delivery-limit"), has("x-dead-letter-exchange"), "{}", queue.name);
            assert!(has("x-delivery-limit") || has("x-max-length"), "{}", queue.name);
        }
    }
}
