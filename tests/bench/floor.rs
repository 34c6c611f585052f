//! The least that any such engine pays: bare commits on PostgreSQL, bare confirmed messages
//! through RabbitMQ, on the same servers in the same run.

#![expect(clippy::disallowed_types, reason = "the floor is lapin without anything around it")]

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use longshore_tests::control_plane::{ControlPlane, pool};
use sqlx::PgPool;

/// As large as an announcement.
const BODY: &[u8] = &[b'x'; 220];

/// A table, a queue, and the ways to both.
pub(crate) struct Floor {
    pool: PgPool,
    connection: Connection,
    queue: String,
}

/// One end of the queue: publishes and takes.
pub(crate) struct Lane {
    pool: PgPool,
    channel: Channel,
    consumer: Consumer,
    queue: String,
}

impl Floor {
    pub(crate) async fn new(control: &ControlPlane, amqp_url: &str) -> Self {
        control
            .run("CREATE TABLE floor (id uuid PRIMARY KEY, state text NOT NULL, body jsonb NOT NULL)")
            .await;
        let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let queue = "floor".to_owned();
        channel
            .queue_declare(queue.as_str().into(), QueueDeclareOptions::durable(), arguments)
            .await
            .unwrap();
        Self { pool: pool(&control.admin_url, 32), connection, queue }
    }

    pub(crate) async fn lane(&self) -> Lane {
        let channel = self.connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
        let queue = self.queue.clone();
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default())
            .await
            .unwrap();
        Lane { pool: self.pool.clone(), channel, consumer, queue }
    }
}

impl Lane {
    /// A row and its commit.
    pub(crate) async fn insert(&self) -> uuid::Uuid {
        let id = longshore_shared::clock::fresh_id();
        let mut tx = self.pool.begin().await.unwrap();
        sqlx::query("INSERT INTO floor VALUES ($1, 'announced', '{}')")
            .bind(id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A change of a row and its commit; the transaction's time.
    pub(crate) async fn update(&self, id: uuid::Uuid) -> DateTime<Utc> {
        let mut tx = self.pool.begin().await.unwrap();
        let sql = "UPDATE floor SET state = 'running' WHERE id = $1 RETURNING now()";
        let at = sqlx::query_scalar(sql).bind(id).fetch_one(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        at
    }

    /// A persistent message and its confirm.
    pub(crate) async fn publish(&self) {
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent =
            self.channel.basic_publish("".into(), self.queue.as_str().into(), options, BODY, properties);
        sent.await.unwrap().await.unwrap();
    }

    /// The next message, acknowledged.
    pub(crate) async fn take(&mut self) {
        let delivery = self.consumer.next().await.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
}
