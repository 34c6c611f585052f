//! Exchanges and queues: one table, declared whole by everybody at each connect.
//!
//! The arguments of a quorum queue cannot be changed later; a change of this table needs
//! new names (`.v2`) and a time in which both are consumed.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind, ExchangeKind};

use super::BusError;
use super::connection::within;
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

/// The queue that holds a class of steps.
pub(super) const fn queue_name(queue: Queue) -> &'static str {
    match queue {
        Queue::Interactive => "longshore.interactive.v1",
        Queue::First => "longshore.first.v1",
        Queue::Bulk => "longshore.bulk.v1",
    }
}

impl QueueRow {
    fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut put = |key: &str, value| {
            arguments.insert(key.into(), value);
        };
        put("x-queue-type", AMQPValue::LongString("quorum".into()));
        if self.dead {
            put("x-max-length", AMQPValue::LongLongInt(DEAD_KEPT));
        } else {
            put("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT));
            put("x-dead-letter-exchange", AMQPValue::LongString(DEAD.into()));
        }
        arguments
    }
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

    use super::{EXCHANGES, QUEUES, queue_name};
    use crate::domain::step::Queue;

    #[test]
    fn every_class_of_steps_has_its_queue() {
        let declared: BTreeSet<_> = QUEUES.iter().map(|queue| queue.name).collect();
        assert_eq!(declared.len(), QUEUES.len());
        assert!(Queue::ALL.iter().all(|queue| declared.contains(queue_name(*queue))));
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
