//! Webhooks: who is told of the ends of jobs. Their secrets are made here, shown once, and
//! sealed for the workers, who sign and deliver.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SubsecRound as _;
use longshore_shared::clock;
use longshore_shared::domain::id::WebhookId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::domain::webhook::Webhook;
use longshore_shared::store::{OrgTx, webhook_deliveries, webhooks};
use longshore_shared::vault::{Secret, SecretAddress};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use crate::access::{Caller, Organisation};
use crate::body::{NewWebhook, WebhookChange};
use crate::error::{ApiError, Conflict};
use crate::extract::{Id, ListPage, NoFields, StrictJson, StrictQuery};
use crate::once::{KeyedCaller, Once, gone};
use crate::records::secret::seal;
use crate::state::AppState;
use crate::view::{DeliveryView, List, MadeWebhook, WebhookView};

/// An organisation has no use for more, and each is told of every job.
const MOST: i64 = 20;

/// Registers a webhook; the answer holds its secret, which is never shown again.
#[utoipa::path(post, path = "/v1/webhooks", operation_id = "create_webhook", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, description = "registered", body = MadeWebhook,
        headers(("Location" = String, description = "where it is")))))]
pub(crate) async fn create(
    caller: KeyedCaller<Organisation>,
    State(state): State<AppState>,
    StrictJson(body): StrictJson<NewWebhook>,
) -> Result<impl IntoResponse, ApiError> {
    let (org_id, id) = (caller.org_id(), WebhookId(clock::fresh_id()));
    let webhook = body.check(state.webhooks, org_id, id, clock::now().trunc_subsecs(6))?;
    let secret = fresh_secret()?;
    let place = SecretAddress::once(org_id, id, SecretName::SigningKey);
    let made = caller.once(StatusCode::CREATED, async |mut effect| {
        if webhooks::count(effect.conn(), org_id).await? >= MOST {
            return Err(too_many());
        }
        webhooks::insert(effect.conn(), &webhook).await?;
        seal(&mut effect, &state.sealer, place, &secret).await?;
        Ok(effect.done(id.0, ()))
    });
    let (status, Once::First(())) = made.await? else { return Err(not_kept()) };
    let location = [(header::LOCATION, format!("/v1/webhooks/{id}"))];
    Ok((status, location, Json(MadeWebhook::of(webhook, secret.reveal()))))
}

/// Lists webhooks, newest first.
#[utoipa::path(get, path = "/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks", params(ListPage),
    responses((status = 200, description = "a page", body = List<WebhookView>)))]
pub(crate) async fn list(
    caller: Caller<Organisation>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<WebhookView>>, ApiError> {
    let (page, before) = page.by_id()?;
    let mut tx = caller.begin().await?;
    let mut found = webhooks::list(tx.conn(), caller.org_id(), before.map(WebhookId), page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_id(&mut found, |webhook| webhook.id.0);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Shows a webhook.
#[utoipa::path(get, path = "/v1/webhooks/{id}", operation_id = "show_webhook", tag = "webhooks",
    params(("id" = uuid::Uuid, Path, description = "the webhook")),
    responses((status = 200, description = "the webhook", body = WebhookView)))]
pub(crate) async fn show(
    caller: Caller<Organisation>,
    Id(id): Id<WebhookId>,
) -> Result<Json<WebhookView>, ApiError> {
    let mut tx = caller.begin().await?;
    let found = found(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(found.into()))
}

/// Changes a webhook. What is not named stays as it is.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", operation_id = "change_webhook", tag = "webhooks",
    params(("id" = uuid::Uuid, Path, description = "the webhook")), request_body = WebhookChange,
    responses((status = 200, description = "the webhook as it is now", body = WebhookView)))]
pub(crate) async fn change(
    caller: Caller<Organisation>,
    State(state): State<AppState>,
    Id(id): Id<WebhookId>,
    StrictJson(body): StrictJson<WebhookChange>,
) -> Result<Json<WebhookView>, ApiError> {
    let mut tx = caller.begin().await?;
    let before = found(&mut tx, id).await?;
    let webhook = body.check(state.webhooks, before)?;
    webhooks::update(tx.conn(), &webhook).await?;
    if !webhook.enabled {
        webhook_deliveries::drop_pending(tx.conn(), caller.org_id(), id).await?;
    }
    tx.commit().await?;
    Ok(Json(webhook.into()))
}

/// Deletes a webhook, its secret, and what it is still owed.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks",
    params(("id" = uuid::Uuid, Path, description = "the webhook")),
    responses((status = 204, description = "deleted")))]
pub(crate) async fn delete(
    caller: Caller<Organisation>,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = caller.begin().await?;
    if !webhooks::delete(tx.conn(), caller.org_id(), id).await? {
        return Err(ApiError::NotFound);
    }
    webhook_deliveries::drop_pending(tx.conn(), caller.org_id(), id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what a webhook was told and is still to be told, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries", tag = "webhooks",
    params(("id" = uuid::Uuid, Path, description = "the webhook"), ListPage),
    responses((status = 200, description = "a page", body = List<DeliveryView>)))]
pub(crate) async fn deliveries(
    caller: Caller<Organisation>,
    Id(id): Id<WebhookId>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<DeliveryView>>, ApiError> {
    let (page, before) = page.by_id()?;
    let before = before.map(Into::into);
    let mut tx = caller.begin().await?;
    found(&mut tx, id).await?;
    let mut found = webhook_deliveries::list(tx.conn(), caller.org_id(), id, before, page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_id(&mut found, |delivery| delivery.id.0);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Sends the webhook an event `ping`, which is delivered like any other.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks", request_body = Option<NoFields>,
    params(("id" = uuid::Uuid, Path, description = "the webhook")),
    responses((status = 202, description = "accepted: the delivery", body = DeliveryView)))]
pub(crate) async fn test(
    caller: KeyedCaller<Organisation>,
    Id(id): Id<WebhookId>,
    _: NoFields,
) -> Result<impl IntoResponse, ApiError> {
    let made = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        if !found(&mut effect, id).await?.enabled {
            return Err(switched_off());
        }
        let delivery = webhook_deliveries::insert_ping(effect.conn(), caller.org_id(), id).await?;
        Ok(effect.done(delivery.id.0, delivery))
    });
    let (status, once) = made.await?;
    let delivery = match once {
        Once::First(delivery) => delivery,
        Once::Again(made) => {
            let mut tx = caller.read_only().await?;
            let found = webhook_deliveries::find(tx.conn(), caller.org_id(), id, made.into()).await?;
            tx.commit().await?;
            found.ok_or_else(gone)?
        }
    };
    Ok((status, Json(DeliveryView::from(delivery))))
}

async fn found(tx: &mut OrgTx, id: WebhookId) -> Result<Webhook, ApiError> {
    let org_id = tx.org_id();
    webhooks::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)
}

/// `whsec_` and 256 random bits, as Standard Webhooks says.
fn fresh_secret() -> Result<Secret, ApiError> {
    let mut random = [0; 32];
    OsRng.try_fill_bytes(&mut random).map_err(ApiError::internal)?;
    Ok(Secret::new(format!("whsec_{}", STANDARD.encode(random))))
}

fn too_many() -> ApiError {
    Conflict::new(ProblemCode::TooManyWebhooks, format!("an organisation has at most {MOST} webhooks")).into()
}

/// The secret is not kept where it could be shown again.
fn not_kept() -> ApiError {
    Conflict {
        hint: Some("delete that webhook and make one with a new key"),
        ..Conflict::new(
            ProblemCode::IdempotencyAnswerGone,
            "the first request with this Idempotency-Key made the webhook; its secret is not shown again",
        )
    }
    .into()
}

fn switched_off() -> ApiError {
    Conflict::new(ProblemCode::WebhookDisabled, "the webhook is switched off").into()
}
