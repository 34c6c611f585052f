//! A message that was put aside, as it is kept for an operator.
//!
//! Whoever reaches the broker can send anything, so nothing of a message is believed and
//! none of it is kept as it came: texts are bounded and escaped to visible ASCII, a body is
//! kept as its first characters, and only if it cannot be read.

use super::id::{JobId, OrgId, StepId};
use super::words;

words! {
    /// Why a message was put aside.
    DeadClass {
        /// It is not what a message should be.
        Unreadable = "unreadable",
        /// It is longer than any message of Longshore.
        TooLong = "too_long",
        /// It is of a version that the reader did not know.
        UnknownVersion = "unknown_version",
        /// RabbitMQ delivered it again and again, and nobody settled it.
        DeliveredTooOften = "delivered_too_often",
        /// Anything else.
        Other = "other",
    }
}

/// Characters of a text from outside that are kept.
pub const TEXT_KEPT: usize = 300;
/// Bytes of an unreadable body that are shown.
pub const BYTES_SHOWN: usize = 64;

/// A message that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why, for counting.
    pub class: DeadClass,
    /// Why, for reading.
    pub reason: String,
    /// The queue that it came from.
    pub queue: String,
    /// The length of its body.
    pub bytes: u64,
    /// The beginning of a body that cannot be read.
    pub excerpt: Option<String>,
    /// What a body that can be read says.
    pub step: Option<DeadStep>,
    /// The same for the same message from the same queue for the same reason.
    pub fingerprint: [u8; 32],
}

/// The step that a readable message announces; nothing of it needs to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadStep {
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step_id: StepId,
    /// Its kind's word.
    pub kind: String,
}

words! {
    /// What came of a replay.
    Replay {
        /// The step is announced again.
        Announced = "announced",
        /// It needs no message: it waits for its turn, or a worker has it.
        InHand = "in_hand",
        /// The message cannot be read.
        Unreadable = "unreadable",
        /// There is no such step any more.
        StepGone = "step_gone",
        /// The step has ended.
        StepEnded = "step_ended",
        /// Its job has ended or is ending.
        JobEnded = "job_ended",
    }
}

impl Replay {
    /// Whether nothing can come of a replay, now or later.
    pub const fn is_refused(self) -> bool {
        !matches!(self, Self::Announced | Self::InHand)
    }
}

/// Bytes from outside as visible ASCII, at most `longest` characters.
pub fn told(bytes: &[u8], longest: usize) -> String {
    let mut text = String::new();
    for byte in bytes {
        let escaped = byte.escape_ascii().to_string();
        if text.len() + escaped.len() > longest.saturating_sub(1) {
            text.push('~');
            break;
        }
        text.push_str(&escaped);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Replay, TEXT_KEPT, told};

    #[test]
    fn what_comes_from_outside_is_bounded_and_visible() {
        let check = |given: &[u8], longest: usize, expected: &str| {
            assert_eq!(told(given, longest), expected, "{given:?}");
        };
        check(b"", 300, "");
        check(b"{\"v\":9}", 300, "{\\\"v\\\":9}");
        check(b"a\r\nSet: 1\x1b[2J\0\x7f", 300, "a\\r\\nSet: 1\\x1b[2J\\x00\\x7f");
        check("ü".as_bytes(), 300, "\\xc3\\xbc");
        check(b"abcdef", 4, "abc~");
        check(b"ab\xff", 5, "ab~");
        assert_eq!(told(&[0xff; 1_000_000], TEXT_KEPT).len(), 297);
    }

    #[test]
    fn what_may_still_come_to_something_is_not_refused() {
        let kept: Vec<_> = Replay::ALL.iter().filter(|replay| !replay.is_refused()).collect();
        assert_eq!(kept, [&Replay::Announced, &Replay::InHand]);
    }
}
