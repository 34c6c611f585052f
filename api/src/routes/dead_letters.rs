//! Messages that were put aside: shown to platform administrators, and replayed.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use longshore_shared::domain::dead_letter::{DeadStep, Replay};
use longshore_shared::domain::id::{DeadLetterId, OrgId};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::dead_letters;
use longshore_shared::store::outbox::Owed;
use longshore_shared::workflow::{dead_letters as workflow, publish};

use crate::access::{Caller, Fleet};
use crate::error::{ApiError, Conflict};
use crate::extract::{DeadLetterPage, Id, NoFields, StrictQuery};
use crate::once::{KeyedCaller, KeyedTransaction, Once, gone};
use crate::records::submission::PATIENCE;
use crate::state::AppState;
use crate::view::{DeadLetterView, List, ReplaysView};

/// Messages that one request replays at most.
const MOST: i64 = 200;

/// Lists messages that were put aside, newest first.
#[utoipa::path(get, path = "/v1/dead-letters", operation_id = "list_dead_letters", tag = "fleet",
    params(DeadLetterPage), responses((status = 200, description = "a page", body = List<DeadLetterView>)))]
pub(crate) async fn list(
    caller: Caller<Fleet>,
    StrictQuery(page): StrictQuery<DeadLetterPage>,
) -> Result<Json<List<DeadLetterView>>, ApiError> {
    let (page, class, before) = page.check()?;
    let mut tx = caller.begin().await?;
    let mut found = dead_letters::list(tx.conn(), class, before, page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_dead_letters(&mut found, |kept| kept.id);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Announces the message's step again, if it still waits to be claimed. Again is harmless.
#[utoipa::path(post, path = "/v1/dead-letters/{id}/replay", operation_id = "replay_dead_letter", tag = "fleet",
    request_body = Option<NoFields>, params(("id" = uuid::Uuid, Path, description = "the message")),
    responses((status = 200, description = "the message, and what came of the replay", body = DeadLetterView)))]
pub(crate) async fn replay(
    caller: KeyedCaller<Fleet>,
    State(state): State<AppState>,
    Id(id): Id<DeadLetterId>,
    _: NoFields,
) -> Result<Json<DeadLetterView>, ApiError> {
    let replayed = caller.once(StatusCode::OK, async |mut effect| {
        let found = dead_letters::find(effect.conn(), id).await?.ok_or(ApiError::NotFound)?;
        let step = found.step.ok_or_else(|| refusal(Replay::Unreadable))?;
        let (replay, owed) = one(&caller, &mut effect, id, &step).await?;
        if replay.is_refused() {
            effect.refused().await?;
            return Err(refusal(replay));
        }
        Ok(effect.done(id.0, BTreeMap::from([(step.org_id, owed)])))
    });
    if let (_, Once::First(owed)) = replayed.await? {
        announce(&state, owed).await;
    }
    let mut tx = caller.read_only().await?;
    let found = dead_letters::find(tx.conn(), id).await?;
    tx.commit().await?;
    Ok(Json(found.ok_or_else(gone)?.into()))
}

/// Replays messages that were not replayed since they were put aside, the oldest first.
#[utoipa::path(post, path = "/v1/dead-letters/replay", operation_id = "replay_dead_letters", tag = "fleet",
    request_body = Option<NoFields>,
    responses((status = 200, description = "what came of at most 200 replays", body = ReplaysView)))]
pub(crate) async fn replay_all(
    caller: KeyedCaller<Fleet>,
    State(state): State<AppState>,
    _: NoFields,
) -> Result<Json<ReplaysView>, ApiError> {
    let replayed = caller.once(StatusCode::OK, async |mut effect| {
        let found = dead_letters::to_replay(effect.conn(), MOST).await?;
        let more = i64::try_from(found.len()).is_ok_and(|found| found == MOST);
        let (mut replays, mut owed) = (Vec::with_capacity(found.len()), BTreeMap::new());
        for (id, step) in found {
            let (replay, rows) = one(&caller, &mut effect, id, &step).await?;
            replays.push(replay);
            owed.entry(step.org_id).or_insert_with(Vec::new).extend(rows);
        }
        Ok(effect.done(caller.org_id().0, (ReplaysView::of(&replays, more), owed)))
    });
    let (_, Once::First((view, owed))) = replayed.await? else { return Err(told_once()) };
    announce(&state, owed).await;
    Ok(Json(view))
}

async fn one(
    caller: &Caller<Fleet>,
    effect: &mut KeyedTransaction,
    id: DeadLetterId,
    step: &DeadStep,
) -> Result<(Replay, Vec<Owed>), ApiError> {
    caller.switch_organisation(effect, step.org_id).await?;
    let (replay, owed) = workflow::replay(effect.conn(), step).await?;
    dead_letters::set_replay(effect.conn(), id, replay).await?;
    Ok((replay, owed))
}

/// What came of many replays is counted once and kept nowhere.
fn told_once() -> ApiError {
    Conflict {
        hint: Some("list the messages to see what came of each; send a new key to replay more"),
        ..Conflict::new(
            ProblemCode::IdempotencyAnswerGone,
            "a request with this Idempotency-Key has replayed them; its counts were not kept",
        )
    }
    .into()
}

/// Publishes what is owed, if RabbitMQ is quick about it; else the scheduler does.
async fn announce(state: &AppState, owed: BTreeMap<OrgId, Vec<Owed>>) {
    let published = async {
        for (org_id, owed) in owed {
            publish::submitted(&state.database, &state.bus, org_id, owed).await?;
        }
        Ok::<_, longshore_shared::workflow::WorkflowError>(())
    };
    match tokio::time::timeout(PATIENCE, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the scheduler announces what is replayed"),
        Err(_) => tracing::warn!("RabbitMQ is slow; the scheduler announces what is replayed"),
    }
}

fn refusal(replay: Replay) -> ApiError {
    let (code, detail) = match replay {
        Replay::StepGone => (ProblemCode::StepGone, "there is no such step any more"),
        Replay::StepEnded => (ProblemCode::StepEnded, "the step has ended"),
        Replay::JobEnded => (ProblemCode::JobEnded, "the step's job has ended or is ending"),
        Replay::Unreadable | Replay::Announced | Replay::InHand => {
            (ProblemCode::DeadLetterUnreadable, "the message cannot be read, so there is nothing to replay")
        }
    };
    Conflict::new(code, detail).into()
}
