//! A bank whose clerks never rest: they move money between accounts of two tables, close
//! accounts and open others. Whatever the moment, its money is the same; no two moments of two
//! tables, or of two ranges of one, put together show that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::schema::Schema;

/// Accounts of each table.
const ACCOUNTS: u32 = 3_000;
/// Money of each account in the beginning.
const MONEY: u32 = 1_000;

/// What all accounts of a bank hold together.
pub const TOTAL: i64 = 2 * ACCOUNTS as i64 * MONEY as i64;

const CREATE: &str = "
    CREATE TABLE giro (id INT PRIMARY KEY, money INT NOT NULL, note VARCHAR(60)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
    CREATE TABLE savings (name VARCHAR(40) PRIMARY KEY, money INT NOT NULL, note VARCHAR(60)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";

/// Clerks at work; they go home when this is dropped.
pub struct Bank {
    stop: Arc<AtomicBool>,
    moves: Arc<AtomicU64>,
    /// The longest that one move took, in milliseconds.
    longest: Arc<AtomicU64>,
    clerks: JoinSet<()>,
}

impl Bank {
    /// Makes the tables and fills them; nobody works yet.
    pub async fn found(schema: &Schema) {
        schema.run(CREATE).await;
        let mut session = schema.session().await;
        for from in (1..=ACCOUNTS).step_by(1_000) {
            let ids = from..(from + 1_000).min(ACCOUNTS + 1);
            let giro: Vec<_> = ids.clone().map(|id| format!("({id}, {MONEY}, '')")).collect();
            let savings: Vec<_> = ids.map(|id| format!("('{}', {MONEY}, '')", name(id))).collect();
            let sql = format!(
                "INSERT INTO giro VALUES {}; INSERT INTO savings VALUES {}",
                giro.join(", "),
                savings.join(", ")
            );
            session.query_drop(sql).await.expect("accounts are opened");
        }
    }

    /// Sends clerks to work.
    pub async fn open(schema: &Schema, clerks: u64) -> Self {
        let (stop, moves, longest) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut bank = Self { stop, moves, longest, clerks: JoinSet::new() };
        for seed in 0..clerks {
            let (session, stop) = (schema.session().await, Arc::clone(&bank.stop));
            let (moves, longest) = (Arc::clone(&bank.moves), Arc::clone(&bank.longest));
            bank.clerks.spawn(work(session, seed, stop, moves, longest));
        }
        bank
    }

    /// How many moves were made.
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// The longest that one move took.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }

    /// What all accounts of a schema hold.
    pub async fn money(schema: &Schema) -> i64 {
        let sql = "SELECT CAST((SELECT SUM(money) FROM giro) + (SELECT SUM(money) FROM savings) AS SIGNED)";
        schema.value(sql).await
    }

    /// Sends the clerks home, and waits until all have left.
    pub async fn close(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(gone) = self.clerks.join_next().await {
            gone.expect("a clerk goes home in order");
        }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Keys spread over the alphabet, so that ranges end anywhere.
fn name(number: u32) -> String {
    format!("{:08x}-{number}", number.wrapping_mul(2_654_435_761))
}

async fn work(
    mut session: Conn,
    seed: u64,
    stop: Arc<AtomicBool>,
    moves: Arc<AtomicU64>,
    longest: Arc<AtomicU64>,
) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut fresh = 1_000_000 * (u32::try_from(seed).expect("few clerks") + 1);
    while !stop.load(Ordering::Relaxed) {
        fresh += 1;
        let since = Instant::now();
        match transfer(&mut session, &mut rng, fresh).await {
            Ok(()) => moves.fetch_add(1, Ordering::Relaxed),
            // Two clerks wanted the same accounts, or a table was locked: it is taken back.
            Err(Error::Server(_)) => {
                session.query_drop("ROLLBACK").await.expect("a transfer is taken back");
                0
            }
            Err(lost) => panic!("a clerk lost the bank: {lost}"),
        };
        longest.fetch_max(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Moves some money; one time in four an account is closed and its money opens another one.
async fn transfer(session: &mut Conn, rng: &mut StdRng, fresh: u32) -> Result<(), Error> {
    let (from, to) = (account(rng), account(rng));
    session.query_drop("START TRANSACTION").await?;
    if rng.random_bool(0.25) {
        let (table, condition) = &from;
        let found = format!("SELECT money FROM {table} WHERE {condition} FOR UPDATE");
        if let Some(money) = session.query_first::<i64, _>(found).await? {
            session.query_drop(format!("DELETE FROM {table} WHERE {condition}")).await?;
            let (other, key) = if rng.random_bool(0.5) {
                ("giro", fresh.to_string())
            } else {
                ("savings", format!("'{}'", name(fresh)))
            };
            session.query_drop(format!("INSERT INTO {other} VALUES ({key}, {money}, 'moved')")).await?;
        }
    } else if from != to {
        let sum = rng.random_range(1..100);
        session.query_drop(format!("UPDATE {} SET money = money - {sum} WHERE {}", from.0, from.1)).await?;
        if session.affected_rows() == 1 {
            session.query_drop(format!("UPDATE {} SET money = money + {sum} WHERE {}", to.0, to.1)).await?;
            if session.affected_rows() == 0 {
                return session.query_drop("ROLLBACK").await;
            }
        }
    }
    session.query_drop("COMMIT").await
}

fn account(rng: &mut StdRng) -> (&'static str, String) {
    let number = rng.random_range(1..=ACCOUNTS);
    if rng.random_bool(0.5) {
        ("giro", format!("id = {number}"))
    } else {
        ("savings", format!("name = '{}'", name(number)))
    }
}
