//! The number that a table's AUTO_INCREMENT column gives next.
//!
//! Invariant: it is raised, never lowered: `ALTER TABLE … AUTO_INCREMENT` lowers it as far as the
//! rows let it (ran, all flavours), so the table is asked first. It is asked by its definition:
//! `information_schema` may answer from a store that is a day old (MySQL 8).
//! Each storage takes any number, one past the column's end too, which two servers write
//! differently (128 or 127 behind a TINYINT's last row).

use super::super::super::Result;
use super::super::super::shape::TableShape;
use super::super::connect::Session;
use super::super::inspect::keys::next_value;
use super::super::quote::ident;
use super::present;

/// So long the statement waits for others that use the table: whoever comes behind it waits as well.
const WAIT_SECONDS: u32 = 5;
/// What every session has else.
const USUAL_SECONDS: u32 = 60;

/// Raises the table's next number to the shape's.
pub(super) async fn raise(s: &mut Session, t: &TableShape) -> Result<()> {
    let Some(next) = t.auto_increment.filter(|&next| next > 1) else {
        return Ok(());
    };
    if next_value(&present(s, &t.name).await?.options) >= next {
        return Ok(());
    }
    let doing = format!("raise the next AUTO_INCREMENT value of table `{}` to {next}", t.name);
    s.execute(&format!("ALTER TABLE {} AUTO_INCREMENT = {next}", ident(&t.name)), &doing).await
}

/// As [`raise`], of a table that others use: it does not wait for them for long.
pub(in super::super) async fn raise_soon(s: &mut Session, t: &TableShape) -> Result<()> {
    wait_for(s, WAIT_SECONDS).await?;
    let raised = raise(s, t).await;
    wait_for(s, USUAL_SECONDS).await?;
    raised
}

async fn wait_for(s: &mut Session, seconds: u32) -> Result<()> {
    s.execute(&format!("SET SESSION lock_wait_timeout = {seconds}"), "bound the wait for a table").await
}
