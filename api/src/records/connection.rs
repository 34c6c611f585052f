//! A connection's secrets, and the refusal of a name that another one has.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::{OrgTx, StoreError, connections};
use longshore_shared::vault::{Sealer, Secret, SecretAddress};

use super::secret;
use crate::body::unknown_connection;
use crate::error::{ApiError, Conflict, FieldError};

/// Whether the database account's password is among them.
pub(crate) fn has_password(secrets: &[(SecretName, Secret)]) -> bool {
    secrets.iter().any(|(name, _)| *name == SecretName::Password)
}

/// Seals a secret for the connection's present version, and stores it.
pub(crate) async fn seal(
    tx: &mut OrgTx,
    sealer: &Sealer,
    connection: &Connection,
    name: SecretName,
    secret: &Secret,
) -> Result<(), ApiError> {
    let Connection { org_id, id, version, .. } = *connection;
    let place = SecretAddress { org_id, owner: id.into(), name, version };
    secret::seal(tx, sealer, place, secret).await
}

/// A connection that a job is to use, locked against deletion and edits; one that is not there is told by `field`.
pub(crate) async fn usable_one(
    tx: &mut OrgTx,
    field: &'static str,
    id: ConnectionId,
) -> Result<Connection, ApiError> {
    let org_id = tx.org_id();
    connections::find_for_use(tx.conn(), org_id, id).await?.ok_or_else(|| {
        let (code, detail) = unknown_connection();
        ApiError::Invalid(vec![FieldError::new(field, code, &*detail)])
    })
}

/// A name that another connection has is told as such.
pub(crate) fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Taken { constraint } if constraint == "connections_name" => Conflict {
            field: Some("name"),
            ..Conflict::new(ProblemCode::NameTaken, "a connection of this name is there already")
        }
        .into(),
        other => other.into(),
    }
}
