//! The dead queue: what is put aside goes in with its reason, and is taken out to be kept.
//!
//! A message is put aside by us (unreadable: our headers say why) or by RabbitMQ itself
//! (delivered too often: its `x-death` says so). Nothing that comes from outside is kept as
//! it came; see [`crate::domain::dead_letter`]. Taken messages go back by themselves unless
//! they are settled.

use lapin::Channel;
use lapin::message::{BasicGetMessage, Delivery as RawDelivery};
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, FieldTable};
use sha2::{Digest as _, Sha256};

use super::message::Wire as _;
use super::patience::{is_missing, within};
use super::reason::{BYTES, CLASS, QUEUE, REASON, Reason};
use super::topology::{self, DEAD};
use super::{Bus, BusError, MessageError, StepMessage};
use crate::domain::dead_letter::{BYTES_SHOWN, DeadClass, DeadLetter, DeadStep, TEXT_KEPT, told};

/// RabbitMQ's own note on what it put aside.
const DEATH: &str = "x-death";

/// Messages of the dead queue in hand; dropped without a settlement, they go back.
pub struct DeadLetters {
    /// What they were, in the order in which they were put aside.
    pub letters: Vec<DeadLetter>,
    channel: Channel,
    last: u64,
}

impl DeadLetters {
    /// They are kept elsewhere: RabbitMQ forgets them.
    pub async fn settle(self) -> Result<(), BusError> {
        if self.letters.is_empty() {
            return Ok(());
        }
        let all = self.channel.basic_ack(self.last, BasicAckOptions { multiple: true });
        within("acknowledge dead letters", all).await?;
        // The close is answered after the acknowledgement was taken.
        within("close a channel", self.channel.close(200, "settled".into())).await
    }
}

impl Bus {
    /// Takes at most `limit` messages out of the dead queue; none if there are none.
    pub async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, BusError> {
        let live = self.shared.consuming.now()?;
        let channel = within("open a channel", live.connection().create_channel()).await?;
        let mut taken = DeadLetters { letters: Vec::new(), channel, last: 0 };
        while taken.letters.len() < limit {
            let getting = taken.channel.basic_get(DEAD.into(), BasicGetOptions::default());
            match within("take a dead letter", getting).await {
                Ok(Some(BasicGetMessage { delivery, .. })) => {
                    taken.last = delivery.delivery_tag;
                    taken.letters.push(read(&delivery));
                }
                Ok(None) => break,
                Err(error) if is_missing(&error) => {
                    topology::declare(live.connection()).await?;
                    taken.letters.clear();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

fn read(raw: &RawDelivery) -> DeadLetter {
    let (headers, body) = (raw.properties.headers().clone().unwrap_or_default(), &raw.data);
    let death = headers.inner().get(DEATH).and_then(first_table);
    let of_death = |name: &str| death.and_then(|death| death.inner().get(name)).and_then(text);
    let of_us = |name: &str| headers.inner().get(name).and_then(text);
    let queue = of_us(QUEUE).or_else(|| of_death("queue"));
    let queue = told(queue.unwrap_or(b"unknown"), TEXT_KEPT);
    let bytes = headers.inner().get(BYTES).and_then(AMQPValue::as_long_long_int);
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    let decoded = StepMessage::decode(body);
    let reason = why(of_us(CLASS), of_us(REASON), of_death("reason"), decoded.as_ref().err());
    let step = decoded.ok().map(|message| DeadStep {
        org_id: message.org_id,
        job_id: message.job_id,
        step_id: message.step_id,
        kind: told(message.kind.as_bytes(), TEXT_KEPT),
    });
    let bytes = bytes.unwrap_or(body.len().try_into().unwrap_or(u64::MAX));
    DeadLetter {
        fingerprint: fingerprint(&queue, reason.class, bytes, body),
        class: reason.class,
        reason: reason.told,
        queue,
        bytes,
        excerpt: step.is_none().then(|| told(body.get(..BYTES_SHOWN).unwrap_or(body), TEXT_KEPT)),
        step,
    }
}

/// Our own word, or what the body shows, or RabbitMQ's word.
fn why(
    class: Option<&[u8]>,
    reason: Option<&[u8]>,
    death: Option<&[u8]>,
    error: Option<&MessageError>,
) -> Reason {
    let ours = class.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    match (ours, reason, death, error) {
        (Some(class), Some(reason), ..) => Reason { class, told: told(reason, TEXT_KEPT) },
        (.., Some(error)) => error.into(),
        (.., Some(b"delivery_limit"), None) => Reason {
            class: DeadClass::DeliveredTooOften,
            told: "RabbitMQ delivered it again and again, and nobody settled it".to_owned(),
        },
        (_, reason, death, None) => {
            let told = reason.or(death).map(|reason| told(reason, TEXT_KEPT));
            Reason { class: DeadClass::Other, told: told.unwrap_or_else(|| "nobody said why".to_owned()) }
        }
    }
}

fn first_table(value: &AMQPValue) -> Option<&FieldTable> {
    match value {
        AMQPValue::FieldArray(deaths) => deaths.as_slice().first().and_then(first_table),
        AMQPValue::FieldTable(table) => Some(table),
        _ => None,
    }
}

fn text(value: &AMQPValue) -> Option<&[u8]> {
    match value {
        AMQPValue::LongString(text) => Some(text.as_bytes()),
        AMQPValue::ShortString(text) => Some(text.as_str().as_bytes()),
        _ => None,
    }
}

fn fingerprint(queue: &str, class: DeadClass, bytes: u64, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(bytes.to_le_bytes());
    for part in [queue.as_bytes(), class.as_str().as_bytes(), body] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{DeadClass, Reason, why};
    use crate::bus::StepMessage;
    use crate::bus::message::Wire as _;

    #[test]
    fn the_reason_is_ours_or_the_bodys_or_rabbitmqs() {
        let unreadable = StepMessage::decode(b"{").unwrap_err();
        let check = |class: Option<&str>, death: Option<&str>, readable: bool, expected| {
            let error = (!readable).then_some(&unreadable);
            let (word, reason) = (class.map(str::as_bytes), class.map(|_| "why".as_bytes()));
            let Reason { class, .. } = why(word, reason, death.map(str::as_bytes), error);
            assert_eq!(class, expected);
        };
        check(Some("too_long"), None, false, DeadClass::TooLong);
        check(Some("forged"), None, true, DeadClass::Other);
        check(None, Some("delivery_limit"), true, DeadClass::DeliveredTooOften);
        check(None, Some("rejected"), false, DeadClass::Unreadable);
        check(None, Some("maxlen"), true, DeadClass::Other);
        check(None, None, true, DeadClass::Other);
    }
}
