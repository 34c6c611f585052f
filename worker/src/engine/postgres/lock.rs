//! Other sessions of the account: whether they work, and their ends.

use std::time::Duration;

use super::super::Result;
use super::connect::{Session, text_at};

/// How long ends are waited for, and how often is looked.
const ENDS: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// How many of these sessions the server works for, or did so a moment ago: one that is idle for longer, or that
/// sends to or reads from its client, waits for us.
pub(super) async fn busy_among(s: &mut Session, ids: &[u64]) -> Result<usize> {
    // Of many small statements a look sees none at work.
    let busy = "(state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' \
                OR state <> 'active' AND state_change > now() - interval '3 seconds')";
    Ok(among(s, "", busy, ids, "look what the sessions do").await?.len())
}

/// Ends these sessions; one that is gone is fine, and so is one whose number another account has by now.
/// Waits until they are gone, within bounds, if it is asked to.
pub(super) async fn end_others(s: &mut Session, ids: &[u64], to_their_ends: bool) -> Result<()> {
    let doing = "end sessions";
    among(s, ", pg_catalog.pg_terminate_backend(pid)", "true", ids, doing).await?;
    let ends = async {
        while !among(s, "", "true", ids, doing).await?.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    match to_their_ends {
        // A large rollback takes longer than anybody waits.
        true => tokio::time::timeout(ENDS, ends).await.unwrap_or(Ok(())),
        false => Ok(()),
    }
}

/// Those of these sessions of the account of which the condition holds.
async fn among(s: &mut Session, act: &str, condition: &str, ids: &[u64], doing: &str) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let query = format!(
        "SELECT pid::text{act} FROM pg_catalog.pg_stat_activity \
         WHERE pid IN ({}) AND usename = CURRENT_USER AND {condition}",
        ids.join(", ")
    );
    Ok(s.rows(&query, doing).await?.iter().map(|row| text_at(row, 0).to_owned()).collect())
}
