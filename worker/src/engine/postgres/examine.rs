//! A look at a server for a person who registers it: how far a login comes, what the server
//! is, which rights the account lacks.
//!
//! Invariants: nothing is changed; each answer is bounded by the login's time-out, and all of
//! them together by `guard`; what a server tells unasked (notices) is dropped.

mod rights;

use std::future::poll_fn;
use std::time::Instant;

use longshore_shared::clock;
use longshore_shared::domain::examination::{ServerFacts, Stage};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::super::{Halt, Login, Look, Result as Answer, network};
pub(super) use super::connect::text_at;
use super::connect::{Line, connect, ended, rows};

/// Round trips of which the least counts.
const TRIES: usize = 5;
/// PostgreSQL 12.
const OLDEST: u32 = 120_000;

pub(super) async fn examine(login: &Login) -> Result<Look, Halt> {
    let doing = format!("log in to {}", login.address);
    let entered = match network::within(login, Box::pin(connect(login, false, &doing))).await {
        Ok(entered) => entered,
        Err(stage) => return Err(Halt { stage, failure: network::timed_out(&doing) }),
    };
    let Line { client, mut carrier, seen, tls } = entered?;
    let doing = format!("look at {}", login.address);
    let looking = async {
        let server = server(&client, seen.process(), tls, &doing).await;
        let server = server.map_err(|failure| Halt { stage: Stage::Server, failure })?;
        let features = rights::features(&client, &doing).await;
        let features = features.map_err(|failure| Halt { stage: Stage::Privileges, failure })?;
        Ok(Look { server, features, syncs: Vec::new() })
    };
    let carried = poll_fn(|cx| carrier.poll_end(cx));
    let looked = timeout(login.timeout, async {
        tokio::select! {
            looked = Box::pin(looking) => looked,
            // Whatever was asked last is answered by the same error.
            error = carried => Err(Halt { stage: Stage::Server, failure: ended(error.as_ref(), &doing) }),
        }
    });
    looked.await.unwrap_or_else(|_| Err(Halt { stage: Stage::Server, failure: network::timed_out(&doing) }))
}

const FACTS: &str = "SELECT pg_catalog.current_setting('server_version_num'), \
    pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery()::text, \
    pg_catalog.current_setting('transaction_read_only'), pg_catalog.pg_backend_pid()::text";

async fn server(client: &Client, process: u32, tls: Option<String>, doing: &str) -> Answer<ServerFacts> {
    let facts = rows(client, FACTS, doing).await?;
    let fact = |at| facts.first().map_or("", |row| text_at(row, at));
    let number: u32 = fact(0).parse().unwrap_or(0);
    let version = fact(1).to_owned();
    let mut warnings = Vec::new();
    if number < OLDEST {
        warnings.push(format!("PostgreSQL {version} is older than 12, the oldest that is supported"));
    }
    if fact(2) == "true" {
        warnings.push("the server is a standby: it can be a source and no target".to_owned());
    } else if fact(3) == "on" {
        warnings
            .push("transactions of this account are read only: it can be a source and no target".to_owned());
    }
    if fact(4).parse() != Ok(process) {
        warnings.push(
            "a pooler (such as PgBouncer) stands before the server: one snapshot over several sessions is not \
             possible through it"
                .to_owned(),
        );
    }
    let (latency_milliseconds, clock_skew_seconds) = clocks(client, doing).await?;
    Ok(ServerFacts {
        flavour: "PostgreSQL".to_owned(),
        version,
        tls,
        latency_milliseconds,
        clock_skew_seconds,
        warnings,
    })
}

/// The least round trip, in milliseconds, and the server's clock minus ours in that very one.
async fn clocks(client: &Client, doing: &str) -> Answer<(f64, f64)> {
    let mut best = (f64::INFINITY, 0.0);
    for _ in 0..TRIES {
        let (begun, ours) = (Instant::now(), clock::now());
        let query = "SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', \
            'YYYY-MM-DD HH24:MI:SS.US')";
        let rows = rows(client, query, doing).await?;
        let trip = begun.elapsed().as_secs_f64();
        let theirs = rows.first().map_or("", |row| text_at(row, 0));
        let theirs =
            chrono::NaiveDateTime::parse_from_str(theirs, "%Y-%m-%d %H:%M:%S%.f").unwrap_or_default();
        if trip < best.0 {
            best = (trip, (theirs.and_utc() - ours).as_seconds_f64() - trip / 2.0);
        }
    }
    Ok((best.0 * 1_000.0, best.1))
}
