//! What can go wrong with RabbitMQ. No variant holds the URL.

/// What can go wrong with RabbitMQ.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// The URL cannot be read.
    #[error("the URL of RabbitMQ cannot be read: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The bus is closed or closing.
    #[error("the bus is closed")]
    Closed,
    /// RabbitMQ is not connected just now; the connecting goes on.
    #[error("RabbitMQ is not connected: {why}")]
    NotConnected {
        /// Why the last try failed.
        why: String,
    },
    /// RabbitMQ takes no messages just now, being short of memory or disk.
    #[error("RabbitMQ takes no messages: {reason}")]
    Blocked {
        /// RabbitMQ's word for it.
        reason: String,
    },
    /// A message reached no queue.
    #[error("no queue of RabbitMQ takes messages for {key} from {exchange}")]
    Unroutable {
        /// The exchange that it was published to.
        exchange: &'static str,
        /// Its routing key.
        key: String,
    },
    /// RabbitMQ refused a message (a full or failing queue).
    #[error("RabbitMQ refused a message for {key}")]
    Refused {
        /// Its routing key.
        key: String,
    },
    /// RabbitMQ answers, and did not say in time that it has a message.
    #[error("RabbitMQ did not confirm a message for {key} in time")]
    Unconfirmed {
        /// Its routing key.
        key: String,
    },
    /// RabbitMQ did not answer in time.
    #[error("RabbitMQ did not answer in time: {what}")]
    Timeout {
        /// What was asked for.
        what: &'static str,
    },
    /// A queue or exchange is there already and is another than Longshore needs.
    #[error("{name} exists in RabbitMQ and is not as Longshore needs it ({reply}); {remedy}")]
    Mismatch {
        /// The queue or exchange.
        name: &'static str,
        /// RabbitMQ's words.
        reply: String,
        /// What an operator can do.
        remedy: String,
    },
    /// The delivery is no longer this process's; RabbitMQ delivers it again.
    #[error("the delivery was not settled: its channel is gone, RabbitMQ delivers it again")]
    Gone,
    /// Anything else that RabbitMQ or the way to it said.
    #[error("RabbitMQ: cannot {what}")]
    Broker {
        /// What was tried.
        what: &'static str,
        /// What came back.
        #[source]
        source: lapin::Error,
    },
}

impl BusError {
    /// Whether the message's own queue may be what is wrong, and not the way to RabbitMQ.
    pub const fn is_of_one_queue(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. } | Self::Refused { .. })
    }

    /// The whole story on one line, sources included.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Broker { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}
