//! `longshore-api admin-token`: a platform administrator's token in a file.
//!
//! The file is the only place where the token stands; the database keeps its digest.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_shared::clock;
use longshore_shared::config::TokenConfig;
use longshore_shared::domain::actor::Permission;
use longshore_shared::domain::id::{OrgId, TokenId};
use longshore_shared::store::{Database, SystemTx, organisations, tokens};
use longshore_shared::vault::Secret;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use super::DEFAULT_ORGANISATION;
use crate::access::sha256;

/// Writes a fresh token to `path` (mode 0600), unless the token there is still valid.
pub async fn admin_token(config: &TokenConfig, path: &Path) -> anyhow::Result<()> {
    let system = Database::new(config.system_database.url.reveal(), 1, "longshore-admin-token")?;
    let mut tx = system.system().await.context("LONGSHORE_SYSTEM_DATABASE_URL: cannot connect")?;
    if is_valid(&mut tx, path).await? {
        tracing::info!(file = %path.display(), "the token in the file is still valid");
        return Ok(());
    }
    let token = fresh_token()?;
    let org = organisations::ensure(tx.conn(), OrgId(clock::fresh_id()), DEFAULT_ORGANISATION).await?;
    let (id, all) = (TokenId(clock::fresh_id()), [Permission::PlatformAdmin.to_string()]);
    tokens::insert(tx.conn(), org, id, "admin", &sha256(token.reveal()), &all).await?;
    // The file first: a token that nobody holds is worse than a file to be written again.
    write(path, &token).with_context(|| format!("cannot write {}", path.display()))?;
    tx.commit().await?;
    system.close().await;
    tracing::info!(file = %path.display(), token.id = %id, "wrote an administrator's token");
    Ok(())
}

async fn is_valid(tx: &mut SystemTx, path: &Path) -> anyhow::Result<bool> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    Ok(tokens::find(tx.conn(), &sha256(text.reveal().trim())).await?.is_some())
}

/// `ls_` and 256 random bits.
fn fresh_token() -> anyhow::Result<Secret> {
    let mut random = [0; 32];
    OsRng.try_fill_bytes(&mut random).context("the system gives no random bytes")?;
    Ok(Secret::new(format!("ls_{}", URL_SAFE_NO_PAD.encode(random))))
}

/// Beside the file and then renamed, so that nobody reads half a token.
fn write(path: &Path, token: &Secret) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::{fresh_token, write};

    #[test]
    fn a_token_is_long_and_its_file_is_private() {
        let (one, other) = (fresh_token().unwrap(), fresh_token().unwrap());
        assert_eq!(one.reveal().len(), 46);
        assert_ne!(one.reveal(), other.reveal());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        write(&path, &one).unwrap();
        write(&path, &other).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), other.reveal());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
