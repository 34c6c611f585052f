//! A secret that a request brings: sealed for its place, and stored there.

use longshore_shared::store::{OrgTx, secrets};
use longshore_shared::vault::{Sealer, Secret, SecretAddress};

use crate::error::ApiError;

/// Seals a secret for its place, and stores it.
pub(crate) async fn seal(
    tx: &mut OrgTx,
    sealer: &Sealer,
    place: SecretAddress,
    secret: &Secret,
) -> Result<(), ApiError> {
    let sealed = sealer.seal(secret, &place)?;
    Ok(secrets::insert(tx.conn(), &place, &sealed).await?)
}
