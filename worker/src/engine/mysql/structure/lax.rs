//! Definitions that only a session without strict mode makes: an ENUM that names a member twice.
//!
//! Invariant: nothing of the definition is changed on the way. A lax session also cuts keys and makes
//! other types of columns that are too long: a table of which it says so is dropped again.

use longshore_shared::domain::failure::Failure;

use super::super::super::Result;
use super::super::connect::{Session, number_at};
use super::super::write::outcome::HARMLESS;

/// The server says that a member of an ENUM or a SET stands there twice.
const TWICE: u64 = 1291;

/// Makes the table that the server refused with `refusal`, or fails with that.
pub(super) async fn create(s: &mut Session, statement: &str, refusal: Failure, doing: &str) -> Result<()> {
    s.be_lax(true, doing).await?;
    let made = s.execute(statement, doing).await;
    let warnings = match &made {
        Ok(()) => s.rows("SHOW WARNINGS", doing).await?,
        Err(_) => Vec::new(),
    };
    s.be_lax(false, doing).await?;
    if made.is_err() {
        return Err(refusal);
    }
    let is_fine = |code: u64| code == TWICE || HARMLESS.contains(&code);
    if warnings.iter().all(|row| is_fine(number_at(row, 1))) {
        return Ok(());
    }
    // The name, quoted as it stands in the statement.
    let named = statement.strip_prefix("CREATE TABLE ").and_then(|rest| Some(&rest[..=rest.find("` (")?]));
    if let Some(name) = named {
        s.execute(&format!("DROP TABLE {name}"), doing).await?;
    }
    Err(refusal)
}
