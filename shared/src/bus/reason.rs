//! Why a message is put aside, and how that is told with it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::MessageError;
use super::properties::{PERSISTENT, properties};
use crate::domain::dead_letter::DeadClass;

/// Why a message was put aside, and from which queue it came; operators read these.
pub(super) const REASON: &str = "x-longshore-reason";
pub(super) const QUEUE: &str = "x-longshore-queue";
/// Of which class the reason is, and how long the body was.
pub(super) const CLASS: &str = "x-longshore-class";
pub(super) const BYTES: &str = "x-longshore-bytes";
/// Bytes of a body that go into the dead queue: more than any message of Longshore has.
const BODY_KEPT: usize = 16 * 1024;

/// Why a message is put aside.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) class: DeadClass,
    pub(super) told: String,
}

impl From<&MessageError> for Reason {
    fn from(error: &MessageError) -> Self {
        let class = match error {
            MessageError::TooLong { .. } => DeadClass::TooLong,
            MessageError::Version { .. } => DeadClass::UnknownVersion,
            MessageError::Form { .. } => DeadClass::Unreadable,
        };
        Self { class, told: error.to_string() }
    }
}

/// The body and the properties with which a message is put aside.
pub(super) fn as_dead_letter(mut body: Vec<u8>, queue: &str, reason: &Reason) -> (Vec<u8>, BasicProperties) {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut headers = FieldTable::default();
    headers.insert(REASON.into(), text(&reason.told));
    headers.insert(QUEUE.into(), text(queue));
    headers.insert(CLASS.into(), text(reason.class.as_str()));
    headers.insert(BYTES.into(), AMQPValue::LongLongInt(i64::try_from(body.len()).unwrap_or(i64::MAX)));
    body.truncate(BODY_KEPT);
    (body, properties(PERSISTENT).with_headers(headers))
}
