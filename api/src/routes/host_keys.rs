//! SSH hosts' keys that a person has confirmed.

use axum::Json;
use axum::http::StatusCode;
use longshore_shared::domain::hop::Hop;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::store::connections::{self, checks};

use crate::error::{ApiError, Conflict};
use crate::extract::{Caller, Databases, HostKey, Id, NewHostKey, Once, StrictJson};
use crate::view::ConnectionView;

/// Confirms the host key of a hop; from then on no other key is passed there.
#[utoipa::path(post, path = "/v1/connections/{id}/host-keys", operation_id = "confirm_host_key", tag = "connections", request_body = NewHostKey,
    params(("id" = uuid::Uuid, Path, description = "the connection")),
    responses((status = 200, description = "the connection", body = ConnectionView)))]
pub(crate) async fn confirm(
    caller: Caller<Databases>,
    Id(id): Id<ConnectionId>,
    StrictJson(body): StrictJson<NewHostKey>,
) -> Result<(StatusCode, Json<ConnectionView>), ApiError> {
    let key = body.check()?;
    let org_id = caller.org_id();
    let made = match caller.once().await? {
        Once::First(mut effect) => {
            let found = checks::lock(effect.conn(), org_id, id).await?;
            let mut hops = found.ok_or(ApiError::NotFound)?.hops;
            if pin(&mut hops, key)? {
                checks::set_hops(effect.conn(), org_id, id, &hops).await?;
            }
            effect.done(StatusCode::OK, id.0).await?
        }
        Once::Again(made) => made,
    };
    let mut tx = caller.moment().await?;
    let found = connections::find(tx.conn(), org_id, id).await?;
    tx.commit().await?;
    Ok((made.status, Json(found.ok_or(ApiError::NotFound)?.into())))
}

/// Pins the key; answers whether anything has changed.
fn pin(hops: &mut [Hop], key: HostKey) -> Result<bool, ApiError> {
    let count = hops.len();
    let Some(hop) = hops.get_mut(key.hop - 1) else {
        let detail = format!("the connection has {count} hops");
        return Err(ApiError::field("hop", "out_of_range", detail));
    };
    match &hop.host_key {
        Some(pinned) if *pinned == key.fingerprint => return Ok(false),
        Some(pinned) if key.replaces.as_ref() != Some(pinned) => return Err(changed(key.hop, pinned)),
        None if key.replaces.is_some() => {
            let detail = "no key of this hop was confirmed before; leave it out";
            return Err(ApiError::field("replaces", "invalid_value", detail));
        }
        Some(_) | None => {}
    }
    hop.host_key = Some(key.fingerprint);
    Ok(true)
}

fn changed(hop: usize, pinned: &str) -> ApiError {
    Conflict {
        code: "host_key_changed",
        detail: format!("another key of hop {hop} was confirmed before: {pinned}"),
        field: Some("fingerprint"),
        hint: Some(
            "ask the host's administrator whether its key was changed; if it was, name the old fingerprint in `replaces`",
        ),
        ..Conflict::default()
    }
    .into()
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::hop::{Hop, HopLogin};

    use super::{HostKey, pin};

    #[test]
    fn a_confirmed_key_is_replaced_by_its_name_only() {
        let check =
            |pinned: Option<&str>, hop, shown: &str, replaces: Option<&str>, expected: Option<bool>| {
                let mut hops = [Hop {
                    host: "h".to_owned(),
                    port: 22,
                    username: "u".to_owned(),
                    login: HopLogin::Key,
                    host_key: pinned.map(str::to_owned),
                }];
                let key =
                    HostKey { hop, fingerprint: shown.to_owned(), replaces: replaces.map(str::to_owned) };
                let found = pin(&mut hops, key).ok();
                assert_eq!(found, expected, "{pinned:?} {hop} {shown} {replaces:?}");
                let now = if expected == Some(true) { Some(shown) } else { pinned };
                assert_eq!(hops[0].host_key.as_deref(), now);
            };
        check(None, 1, "a", None, Some(true));
        check(None, 2, "a", None, None);
        check(None, 1, "a", Some("b"), None);
        check(Some("a"), 1, "a", None, Some(false));
        check(Some("a"), 1, "b", None, None);
        check(Some("a"), 1, "b", Some("c"), None);
        check(Some("a"), 1, "b", Some("a"), Some(true));
    }
}
