//! From the outbox to the bus. A message that is published twice is harmless, one that
//! is not published is found by the sweep.

use std::collections::BTreeSet;

use super::WorkflowError;
use crate::bus::{Bus, StepMessage};
use crate::domain::id::{JobId, OrgId};
use crate::domain::step::Queue;
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::{Conn, Database, outbox, steps};
use crate::telemetry::{Metric, OpenSpan, Tag, Work};

/// Publishes rows of an organisation's committed transaction, with the API's rights.
pub async fn submitted(
    database: &Database,
    bus: &Bus,
    org_id: OrgId,
    owed: Vec<Owed>,
) -> Result<(), WorkflowError> {
    reach(Failpoint::SubmitAfterCommit).await?;
    let confirmed = send(bus, owed).await;
    reach(Failpoint::SubmitAfterPublish).await?;
    let mut tx = database.org(org_id).await?;
    outbox::mark_published(tx.conn(), &confirmed.ids).await?;
    tx.commit().await?;
    confirmed.outcome
}

/// Publishes rows of a fleet process's committed transaction, and marks them.
pub async fn settled(database: &Database, bus: &Bus, owed: Vec<Owed>) -> Result<(), WorkflowError> {
    if owed.is_empty() {
        return Ok(());
    }
    reach(Failpoint::DutyAfterCommit).await?;
    let Confirmed { ids, outcome, .. } = send(bus, owed).await;
    reach(Failpoint::DutyAfterPublish).await?;
    mark(database, &ids).await?;
    outcome
}

/// Publishes rows of a committed transaction; answers those that RabbitMQ confirmed, to be
/// marked by [`mark`] before the sweep takes them for lost.
pub async fn unmarked(bus: &Bus, owed: Vec<Owed>) -> (Vec<i64>, Result<(), WorkflowError>) {
    if let Err(injected) = reach(Failpoint::AnnounceBeforePublish).await {
        return (Vec::new(), Err(injected.into()));
    }
    let confirmed = send(bus, owed).await;
    if let Err(injected) = reach(Failpoint::AnnounceAfterPublish).await {
        return (Vec::new(), Err(injected.into()));
    }
    (confirmed.ids, confirmed.outcome)
}

/// Marks rows as confirmed.
pub async fn mark(database: &Database, ids: &[i64]) -> Result<(), WorkflowError> {
    let mut tx = database.system().await?;
    outbox::mark_published(tx.conn(), ids).await?;
    tx.commit().await?;
    Ok(())
}

/// What came of overdue rows.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many RabbitMQ confirmed.
    pub published: usize,
    /// Queues that did not take their messages; with the job if it is a job's own.
    pub silent: BTreeSet<(Queue, Option<JobId>)>,
    /// What kept the others.
    pub error: Option<WorkflowError>,
}

/// Publishes what nobody published in time. The rows stay locked while
/// their confirms are awaited, so that two sweeps share the work.
pub async fn overdue(
    database: &Database,
    bus: &Bus,
    age_seconds: f64,
    limit: i64,
) -> Result<Swept, WorkflowError> {
    let mut tx = database.system().await?;
    let owed = outbox::lock_overdue(tx.conn(), age_seconds, limit).await?;
    if owed.is_empty() {
        return Ok(Swept::default());
    }
    reach(Failpoint::SweepBeforePublish).await?;
    let confirmed = send(bus, owed).await;
    reach(Failpoint::SweepAfterPublish).await?;
    outbox::mark_published(tx.conn(), &confirmed.ids).await?;
    tx.commit().await?;
    let Confirmed { ids, outcome, silent } = confirmed;
    Ok(Swept { published: ids.len(), silent, error: outcome.err() })
}

/// Announces again up to `limit` steps that were announced at least `age_seconds` ago and
/// that nobody claimed; of this job only, if one is named. Answers outbox rows to publish.
pub async fn unclaimed(
    database: &Database,
    queue: Queue,
    job_id: Option<JobId>,
    age_seconds: f64,
    limit: i64,
) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let found = steps::take_unclaimed(tx.conn(), queue, job_id, age_seconds, limit).await?;
    let mut owed = Vec::new();
    for (org_id, job_id, step, trace) in found {
        owed.extend(owe_one(tx.conn(), org_id, job_id, step, trace).await?);
    }
    tx.commit().await?;
    Ok(owed)
}

async fn owe_one(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    step: steps::Announced,
    trace: Option<String>,
) -> Result<Vec<Owed>, WorkflowError> {
    Ok(super::announce::owe(conn, org_id, job_id, trace.as_deref(), &[step], 0.0).await?)
}

struct Confirmed {
    ids: Vec<i64>,
    outcome: Result<(), WorkflowError>,
    silent: BTreeSet<(Queue, Option<JobId>)>,
}

async fn send(bus: &Bus, owed: Vec<Owed>) -> Confirmed {
    let mut ids = Vec::with_capacity(owed.len());
    let mut outcome = Ok(());
    let mut messages = Vec::with_capacity(owed.len());
    let mut spans = Vec::with_capacity(owed.len());
    for row in owed {
        match serde_json::from_value::<StepMessage>(row.body) {
            Ok(mut message) => {
                spans.push(begin(&mut message, row.queue));
                let own = (row.queue == Queue::Job).then_some(message.job_id);
                ids.push((row.id, (row.queue, own)));
                messages.push((row.queue, message));
            }
            Err(error) => outcome = Err(crate::store::StoreError::from(error).into()),
        }
    }
    let mut confirmed = Vec::with_capacity(ids.len());
    let results = bus.publish_all(messages).await;
    let mut silent = BTreeSet::new();
    for (((id, place), span), result) in ids.into_iter().zip(spans).zip(results) {
        if let Some(span) = span {
            span.end(result.is_err());
        }
        match result {
            Ok(()) => confirmed.push(id),
            Err(error) => {
                if error.is_of_one_queue() {
                    silent.insert(place);
                }
                outcome = Err(error.into());
            }
        }
    }
    Metric::OutboxPublished.add(u64::try_from(confirmed.len()).unwrap_or(u64::MAX), &[]);
    Confirmed { ids: confirmed, outcome, silent }
}

/// The span of the message's way; what the message leads to is below it.
fn begin(message: &mut StepMessage, queue: Queue) -> Option<OpenSpan> {
    let mut span = message.trace?.begin_if_sent(Work::Publish);
    message.trace = Some(span.context());
    span.tag(Tag::Job, &message.job_id);
    span.tag(Tag::Step, &message.step_id);
    span.tag(Tag::Kind, &message.kind);
    span.tag(Tag::Queue, &queue);
    Some(span)
}
