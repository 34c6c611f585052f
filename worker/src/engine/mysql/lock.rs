//! Named locks of the server: who works for a step, and which addresses are one server.
//!
//! A lock lives as long as its session and ends only after the session's transaction did
//! (the server rolls back first), so whoever gets it sees no half-done work.

use std::time::Duration;

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::Result;
use super::connect::{Session, number_at, text_at};
use super::errors;
use super::quote::text;

/// Longer names are refused by MySQL.
const NAME_BYTES: usize = 64;
/// How long the ends of killed sessions are awaited, and how often it is looked.
const ENDS: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);
/// A killed session that undoes a large load takes its time.
const WAIT_SECONDS: u32 = 30;
const ROUNDS: u32 = 4;
const NO_SUCH_THREAD: u16 = 1094;
const NOT_OWNER: u16 = 1095;

/// The lock's name as an expression: long names by their hash, which the server computes.
fn expression(name: &str) -> String {
    if name.len() <= NAME_BYTES && name.is_ascii() {
        text(name)
    } else {
        format!("SHA2({}, 256)", text(name))
    }
}

async fn take(s: &mut Session, lock: &str, seconds: u32, doing: &str) -> Result<bool> {
    let rows = s.rows(&format!("SELECT GET_LOCK({lock}, {seconds})"), doing).await?;
    Ok(rows.first().is_some_and(|row| number_at(row, 0) == 1))
}

async fn holder(s: &mut Session, lock: &str, doing: &str) -> Result<Option<u64>> {
    let rows = s.rows(&format!("SELECT IS_USED_LOCK({lock})"), doing).await?;
    Ok(rows.first().map(|row| number_at(row, 0)).filter(|&id| id != 0))
}

pub(super) async fn hold(s: &mut Session, name: &str) -> Result<()> {
    let doing = "take the step's lock";
    let lock = expression(name);
    if take(s, &lock, 0, doing).await? {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        if let Some(id) = holder(s, &lock, doing).await? {
            end(s, &lock, id, doing).await?;
        }
        if take(s, &lock, WAIT_SECONDS, doing).await? {
            return Ok(());
        }
    }
    Err(Failure::transient(
        FailureCode::FormerAttemptAlive,
        "a session of a former attempt or of an ended job still works on the server",
    ))
}

/// Names asked for in one query at most.
const AT_ONCE: usize = 100;

pub(super) async fn fence(s: &mut Session, names: &[String]) -> Result<()> {
    for names in names.chunks(AT_ONCE) {
        let doing = "look for sessions of ended jobs";
        let asked: Vec<_> = names.iter().map(|name| format!("IS_USED_LOCK({})", expression(name))).collect();
        let holders = s.rows(format!("SELECT {}", asked.join(", ")), doing).await?;
        let holders = holders.first().cloned().unwrap_or_default();
        for (at, name) in names.iter().enumerate() {
            if number_at(&holders, at) == 0 {
                continue;
            }
            hold(s, name).await?;
            s.rows(format!("SELECT RELEASE_LOCK({})", expression(name)), doing).await?;
        }
    }
    Ok(())
}

/// Kills the holder. Asked once more right before: the server gives no number twice
/// within four billion logins, so between the two no other session can bear this one.
async fn end(s: &mut Session, lock: &str, id: u64, doing: &str) -> Result<()> {
    if holder(s, lock, doing).await? != Some(id) {
        return Ok(());
    }
    match s.conn.run(format!("KILL CONNECTION {id}")).await {
        // Another account's session (of another job, under another connection) cannot be
        // ended; its end is awaited.
        Err(mysql_async::Error::Server(e)) if [NO_SUCH_THREAD, NOT_OWNER].contains(&e.code) => Ok(()),
        other => other.map_err(|e| errors::classify(&e, "end a former attempt's session")),
    }
}

/// Seconds after a statement's end that a session still counts as one that is worked for.
const MOMENT: u32 = 3;

impl Session {
    /// How many of these sessions the server works for, or did so a moment ago: one that is idle for longer,
    /// or that sends to or reads from its client, waits for us. Of many small statements a look
    /// sees none at work.
    pub(crate) async fn busy_among(&mut self, ids: &[u64]) -> Result<usize> {
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let query = format!(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN ({})
             AND (COMMAND = 'Sleep' AND TIME < {MOMENT} OR COMMAND <> 'Sleep'
             AND COALESCE(STATE, '') NOT IN ('Writing to net', 'Reading from net', 'Sending to client',
                                             'Receiving from client', 'Reading file'))",
            ids.join(", ")
        );
        let rows = self.rows(&query, "look what the sessions do").await?;
        Ok(rows.first().map_or(0, |row| usize::try_from(number_at(row, 0)).unwrap_or(usize::MAX)))
    }

    /// Ends other sessions of this account; one that is gone is fine. Waits until they are, within
    /// bounds, if it is asked to.
    pub(crate) async fn end_others(mut self, ids: &[u64], to_their_ends: bool) -> Result<()> {
        for id in ids {
            match self.conn.run(format!("KILL CONNECTION {id}")).await {
                // Gone, or gone and its number given to another account after a restart.
                Err(mysql_async::Error::Server(e)) if [NO_SUCH_THREAD, NOT_OWNER].contains(&e.code) => {}
                other => other.map_err(|e| errors::classify(&e, "end a session"))?,
            }
        }
        if to_their_ends {
            // A large rollback takes longer than anybody waits.
            let _ = tokio::time::timeout(ENDS, self.ends_of(ids)).await;
        }
        Ok(())
    }

    async fn ends_of(&mut self, ids: &[u64]) -> Result<()> {
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        let query =
            format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN ({})", ids.join(", "));
        if ids.is_empty() {
            return Ok(());
        }
        loop {
            let left = self.rows(&query, "look whether sessions have ended").await?;
            if left.first().is_none_or(|row| number_at(row, 0) == 0) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

pub(super) async fn raise_probe(s: &mut Session, name: &str) -> Result<()> {
    let doing = "raise a probe lock";
    if take(s, &expression(name), 0, doing).await? {
        return Ok(());
    }
    Err(Failure::transient(FailureCode::ProbeTaken, "the probe lock's name is in use"))
}

pub(super) async fn sees_probe(s: &mut Session, name: &str) -> Result<bool> {
    Ok(holder(s, &expression(name), "look for a probe lock").await?.is_some())
}

pub(super) async fn answers(s: &mut Session, word: &str) -> Result<bool> {
    let rows = s.rows(format!("SELECT {}", text(word)), "look whether a session is in order").await?;
    Ok(rows.len() == 1 && text_at(&rows[0], 0) == word)
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn lock_names() {
        assert_eq!(expression("longshore/step's"), "'longshore/step''s'");
        assert_eq!(expression(&"x".repeat(65)), format!("SHA2('{}', 256)", "x".repeat(65)));
        assert_eq!(expression("größe"), "SHA2('größe', 256)");
    }
}
