//! SSH hosts' keys that a person has confirmed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use longshore_shared::domain::hop::Hop;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::reach;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::connections::{self, checks};
use longshore_shared::store::secrets;
use longshore_shared::vault::Secret;

use crate::access::Databases;
use crate::body::{HostKey, NewHostKey};
use crate::error::{ApiError, Conflict};
use crate::extract::{Id, StrictJson};
use crate::once::{KeyedCaller, Once};
use crate::records::connection::seal;
use crate::state::AppState;
use crate::view::ConnectionView;

/// Confirms the host key of a hop; from then on no other key is passed there. One that takes the
/// place of another (`replaces`) asks for the hop's password again (`secret_needed`), if it logs
/// in by one: no stored password goes to a host that it was not given for. A private key stays:
/// a login by it gives nothing away.
#[utoipa::path(post, path = "/v1/connections/{id}/host-keys", operation_id = "confirm_host_key", tag = "connections", request_body = NewHostKey,
    params(("id" = uuid::Uuid, Path, description = "the connection")),
    responses((status = 200, description = "the connection", body = ConnectionView)))]
pub(crate) async fn confirm(
    caller: KeyedCaller<Databases>,
    State(state): State<AppState>,
    Id(id): Id<ConnectionId>,
    StrictJson(body): StrictJson<NewHostKey>,
) -> Result<(StatusCode, Json<ConnectionView>), ApiError> {
    let mut key = body.check()?;
    let (org_id, password) = (caller.org_id(), key.password.take());
    let confirmed = caller.once(StatusCode::OK, async |mut effect| {
        let found = checks::lock(effect.conn(), org_id, id).await?;
        let mut connection = found.ok_or(ApiError::NotFound)?;
        let pinned = pin(&mut connection.hops, &key)?;
        let hop = SecretName::HopPassword(key.hop);
        let password = needed(&pinned, reach::needed(&connection).contains(&hop), password)?;
        if pinned != Pinned::Already {
            checks::set_hops(effect.conn(), org_id, id, &connection.hops).await?;
            connection.version += 1;
        }
        if let Some(password) = password {
            secrets::keep(effect.conn(), org_id, id, &reach::stored_but(&connection, hop)).await?;
            seal(&mut effect, &state.sealer, &connection, hop, &password).await?;
        }
        Ok(effect.done(id.0, pinned))
    });
    let (status, once) = confirmed.await?;
    if let Once::First(Pinned::Instead(before)) = once {
        tracing::warn!(
            connection.id = %id, hop = key.hop, host_key.before = before, host_key.after = key.fingerprint,
            token.id = %caller.token_id(), "a confirmed host key was replaced"
        );
    }
    let mut tx = caller.read_only().await?;
    let found = connections::find(tx.conn(), org_id, id).await?;
    tx.commit().await?;
    Ok((status, Json(found.ok_or(ApiError::NotFound)?.into())))
}

/// What the confirmation of a key has changed.
#[derive(Debug, PartialEq, Eq)]
enum Pinned {
    /// Nothing.
    Already,
    /// The hop had none.
    First,
    /// It had this one.
    Instead(String),
}

/// Pins the key.
fn pin(hops: &mut [Hop], key: &HostKey) -> Result<Pinned, ApiError> {
    let count = hops.len();
    let Some(hop) = hops.get_mut(key.hop - 1) else {
        let detail = format!("the connection has {count} hops");
        return Err(ApiError::field("hop", ProblemCode::OutOfRange, detail));
    };
    let before = match &hop.host_key {
        Some(pinned) if *pinned == key.fingerprint => return Ok(Pinned::Already),
        Some(pinned) if key.replaces.as_ref() != Some(pinned) => return Err(changed(key.hop, pinned)),
        None if key.replaces.is_some() => {
            let detail = "no key of this hop was confirmed before; leave it out";
            return Err(ApiError::field("replaces", ProblemCode::InvalidValue, detail));
        }
        Some(_) | None => hop.host_key.replace(key.fingerprint.clone()),
    };
    Ok(before.map_or(Pinned::First, Pinned::Instead))
}

/// The hop's password, which has to be there exactly if it would go to a host with another key.
fn needed(pinned: &Pinned, by_password: bool, given: Option<Secret>) -> Result<Option<Secret>, ApiError> {
    let is_needed = by_password && matches!(pinned, Pinned::Instead(_));
    match (&given, is_needed) {
        (None, true) => {
            let detail = "the host shows another key: give the hop's password again, as for another host";
            Err(ApiError::field("password", ProblemCode::SecretNeeded, detail))
        }
        (Some(_), false) => {
            let detail = "a password is taken only where a key is replaced of a hop that logs in by one";
            Err(ApiError::field("password", ProblemCode::NotAsked, detail))
        }
        _ => Ok(given),
    }
}

fn changed(hop: usize, pinned: &str) -> ApiError {
    Conflict { field: Some("fingerprint"), hint: Some(
            "ask the host's administrator whether its key was changed; if it was, name the old fingerprint in `replaces`",
        ), ..Conflict::new(ProblemCode::HostKeyChanged, format!("another key of hop {hop} was confirmed before: {pinned}")) }
    .into()
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::hop::{Hop, HopLogin};

    use super::{HostKey, Pinned, pin};

    #[test]
    fn a_confirmed_key_is_replaced_by_its_name_only() {
        let check =
            |pinned: Option<&str>, hop, shown: &str, replaces: Option<&str>, expected: Option<Pinned>| {
                let mut hops = [Hop {
                    host: "h".to_owned(),
                    port: 22,
                    username: "u".to_owned(),
                    login: HopLogin::Key,
                    host_key: pinned.map(str::to_owned),
                }];
                let key = HostKey {
                    hop,
                    fingerprint: shown.to_owned(),
                    replaces: replaces.map(str::to_owned),
                    password: None,
                };
                let found = pin(&mut hops, &key).ok();
                assert_eq!(found, expected, "{pinned:?} {hop} {shown} {replaces:?}");
                let is_new = expected.is_some_and(|pinned| pinned != Pinned::Already);
                let now = if is_new { Some(shown) } else { pinned };
                assert_eq!(hops[0].host_key.as_deref(), now);
            };
        check(None, 1, "a", None, Some(Pinned::First));
        check(None, 2, "a", None, None);
        check(None, 1, "a", Some("b"), None);
        check(Some("a"), 1, "a", None, Some(Pinned::Already));
        check(Some("a"), 1, "b", None, None);
        check(Some("a"), 1, "b", Some("c"), None);
        check(Some("a"), 1, "b", Some("a"), Some(Pinned::Instead("a".to_owned())));
    }
}
