//! The limits of an organisation. They hold for what is announced from then on: what runs
//! already goes on.

use axum::Json;
use longshore_shared::store::limits;

use crate::access::{Caller, Fleet};
use crate::body::NewLimits;
use crate::error::ApiError;
use crate::extract::StrictJson;
use crate::view::LimitsView;

/// Shows the limits of the token's organisation.
#[utoipa::path(get, path = "/v1/organisation/limits", operation_id = "show_limits", tag = "fleet",
    responses((status = 200, description = "the limits", body = LimitsView)))]
pub(crate) async fn show(caller: Caller<Fleet>) -> Result<Json<LimitsView>, ApiError> {
    let mut tx = caller.begin().await?;
    let max_steps = limits::steps(tx.conn(), caller.org_id()).await?;
    tx.commit().await?;
    Ok(Json(LimitsView { max_steps }))
}

/// Sets the limits of the token's organisation.
#[utoipa::path(put, path = "/v1/organisation/limits", operation_id = "set_limits", tag = "fleet", request_body = NewLimits,
    responses((status = 200, description = "the limits", body = LimitsView)))]
pub(crate) async fn set(
    caller: Caller<Fleet>,
    StrictJson(body): StrictJson<NewLimits>,
) -> Result<Json<LimitsView>, ApiError> {
    let max_steps = body.check()?;
    let mut tx = caller.begin().await?;
    limits::set_steps(tx.conn(), caller.org_id(), max_steps).await?;
    tx.commit().await?;
    Ok(Json(LimitsView { max_steps }))
}
