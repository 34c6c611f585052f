//! How long RabbitMQ may take for an answer, and what one kind of answer means.

use std::time::Duration;

use super::BusError;

/// How long RabbitMQ may take for any one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for an answer of RabbitMQ, but not for ever.
pub(super) async fn within<T>(
    what: &'static str,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BusError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|source| BusError::Broker { what, source }),
        Err(_) => Err(BusError::Timeout { what }),
    }
}

/// Whether RabbitMQ said that what was named is not there.
pub(super) fn is_missing(error: &BusError) -> bool {
    use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
    let BusError::Broker { source, .. } = error else { return false };
    matches!(source.kind(), lapin::ErrorKind::ProtocolError(reply)
        if *reply.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}
