//! The properties of the messages that go out.

use lapin::BasicProperties;

/// Kept on disk.
pub(super) const PERSISTENT: u8 = 2;
/// Lost with the broker, and no loss.
pub(super) const TRANSIENT: u8 = 1;

/// Properties that every message has.
pub(super) fn properties(delivery_mode: u8) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(delivery_mode)
        .with_content_type("application/json".into())
        .with_app_id("longshore".into())
}
