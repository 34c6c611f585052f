//! A message that was put aside, as it is shown.

use chrono::{DateTime, Utc};
use longshore_shared::domain::dead_letter::{DeadClass, Replay};
use longshore_shared::store::dead_letters::StoredLetter;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, words};

/// A message that was put aside. Its body is not kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterView {
    id: Uuid,
    #[schema(schema_with = words::<DeadClass>)]
    class: Word<DeadClass>,
    /// Why it was put aside, a sentence.
    reason: String,
    /// The queue that it came from.
    queue: String,
    /// The length of its body.
    bytes: i64,
    /// How often the same message was put aside.
    count: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    /// The step that it announces, if it can be read; it need not exist.
    #[schema(required = true)]
    step: Option<DeadStepView>,
    /// The beginning of a body that cannot be read; everything but visible ASCII is escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<String>,
    /// When it was replayed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed_at: Option<DateTime<Utc>>,
    /// What came of that.
    #[schema(schema_with = words::<Replay>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Word<Replay>>,
}

/// What a message says of its step.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DeadStep)]
struct DeadStepView {
    org_id: Uuid,
    job_id: Uuid,
    step_id: Uuid,
    kind: String,
}

/// What came of many replays.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Replays)]
pub(crate) struct ReplaysView {
    /// Steps that are announced again.
    announced: usize,
    /// Steps that need no message: they wait for their turn, or a worker has them.
    in_hand: usize,
    /// Messages of steps or jobs that have ended or are gone.
    refused: usize,
    /// Whether there are more: ask again.
    more: bool,
}

impl ReplaysView {
    /// Counts what came of each.
    pub(crate) fn of(replays: &[Replay], more: bool) -> Self {
        let refused = replays.iter().filter(|replay| replay.is_refused()).count();
        let announced = replays.iter().filter(|replay| **replay == Replay::Announced).count();
        Self { announced, in_hand: replays.len() - refused - announced, refused, more }
    }
}

impl From<StoredLetter> for DeadLetterView {
    fn from(kept: StoredLetter) -> Self {
        Self {
            id: kept.id.0,
            class: Word(kept.class),
            reason: kept.reason,
            queue: kept.queue,
            bytes: kept.bytes,
            count: kept.count,
            first_at: kept.first_at,
            last_at: kept.last_at,
            step: kept.step.map(|step| DeadStepView {
                org_id: step.org_id.0,
                job_id: step.job_id.0,
                step_id: step.step_id.0,
                kind: step.kind,
            }),
            excerpt: kept.excerpt,
            replayed_at: kept.replayed.map(|(at, _)| at),
            replay: kept.replayed.map(|(_, replay)| Word(replay)),
        }
    }
}
