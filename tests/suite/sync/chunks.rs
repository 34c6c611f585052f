//! Ranges of a table hold every row exactly once, whatever its key and wherever its keys lie.

use longshore_tests::agree::agree;
use longshore_tests::proxy::Flow;
use longshore_tests::schema::Schema;
use longshore_tests::stack::{Stack, Upstream};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

/// Rows a chunk: tables of integers with more than eight times as many are cut by estimates.
const CHUNK: &str = "40";
const ROWS: usize = 900;

/// Columns of a key, and how a value of each is made.
struct Kind {
    name: &'static str,
    columns: &'static [&'static str],
    make: fn(&mut StdRng, usize) -> String,
}

fn text(rng: &mut StdRng) -> String {
    let letters = ["a", "A", "ä", "z", "ß", "0", " x", "-", "_", "%", "e\u{301}", "é"];
    let many = rng.random_range(1..8);
    let word: String = (0..many).map(|_| *letters.choose(rng).unwrap()).collect();
    format!("'{word}'")
}

/// Small, large, at both ends, in clusters, and far apart.
fn skewed(rng: &mut StdRng, at: usize, least: i128, most: i128) -> i128 {
    let near =
        |end: i128, sign: i128, rng: &mut StdRng| end + sign * i128::from(rng.random_range(0..500_u32));
    match at % 5 {
        0 => near(least, 1, rng),
        1 => near(most, -1, rng),
        2 => near(least / 2 + most / 2, 1, rng),
        3 => least + (most - least) / 1_000 * i128::from(rng.random_range(0..1_000_u32)),
        _ => near(0_i128.max(least), 1, rng),
    }
}

const KINDS: &[Kind] = &[
    Kind { name: "dense", columns: &["INT"], make: |_, at| at.to_string() },
    Kind { name: "gaps", columns: &["INT"], make: |_, at| (at * at * 3).to_string() },
    Kind {
        name: "signeds",
        columns: &["BIGINT"],
        make: |rng, at| skewed(rng, at, i64::MIN.into(), i64::MAX.into()).to_string(),
    },
    Kind {
        name: "unsigneds",
        columns: &["BIGINT UNSIGNED"],
        make: |rng, at| skewed(rng, at, 0, u64::MAX.into()).to_string(),
    },
    Kind { name: "tiny", columns: &["TINYINT"], make: |_, at| (at as i64 % 256 - 128).to_string() },
    Kind {
        name: "lonely",
        columns: &["BIGINT"],
        make: |_, at| if at == 0 { i64::MAX.to_string() } else { at.to_string() },
    },
    Kind {
        name: "decimals",
        columns: &["DECIMAL(30,10)"],
        make: |rng, at| format!("{}.{}", skewed(rng, at, -1_000_000, 1_000_000), rng.random_range(0..100)),
    },
    Kind { name: "words_ci", columns: &["VARCHAR(40) COLLATE utf8mb4_unicode_ci"], make: |rng, _| text(rng) },
    Kind { name: "words_bin", columns: &["VARCHAR(40) COLLATE utf8mb4_bin"], make: |rng, _| text(rng) },
    Kind {
        name: "words_latin",
        columns: &["CHAR(30) CHARACTER SET latin1"],
        make: |rng, at| format!("'{}{at}'", ["é", "a", "Z "][rng.random_range(0..3)]),
    },
    Kind {
        name: "bytes",
        columns: &["VARBINARY(12)"],
        make: |rng, _| format!("x'{:0width$x}'", rng.random::<u32>(), width = 8),
    },
    Kind {
        name: "uuids",
        columns: &["UUID"],
        make: |rng, _| format!("'{}'", uuid::Builder::from_random_bytes(rng.random()).into_uuid()),
    },
    Kind {
        name: "days",
        columns: &["DATETIME(6)"],
        make: |rng, at| {
            format!("'2001-01-01' + INTERVAL {} MICROSECOND", at as u64 * rng.random_range(1..9_999_999))
        },
    },
    Kind {
        name: "pairs",
        columns: &["INT", "VARCHAR(20) COLLATE utf8mb4_general_ci"],
        make: |rng, at| format!("{}, {}", at % 7, text(rng)),
    },
    Kind {
        name: "threes",
        columns: &["DATE", "SMALLINT", "BINARY(2)"],
        make: |rng, at| {
            format!("'2020-02-0{}', {}, x'{:04x}'", 1 + at % 3, at as i64 % 11 - 5, rng.random::<u16>())
        },
    },
];

impl Kind {
    /// Makes the table with up to so many rows; what clashes is left out.
    async fn fill(&self, schema: &Schema, rng: &mut StdRng, rows: usize) {
        let names: Vec<_> = (0..self.columns.len()).map(|n| format!("k{n}")).collect();
        let columns: Vec<_> =
            names.iter().zip(self.columns).map(|(name, kind)| format!("{name} {kind}")).collect();
        let create = format!(
            "CREATE TABLE {} ({}, v VARCHAR(30), PRIMARY KEY ({}))",
            self.name,
            columns.join(", "),
            names.join(", ")
        );
        schema.run(&create).await;
        let rows: Vec<_> = (0..rows).map(|at| format!("({}, 'v{at}')", (self.make)(rng, at))).collect();
        schema.run(&format!("INSERT IGNORE INTO {} VALUES {}", self.name, rows.join(", "))).await;
        schema.run(&format!("ANALYZE TABLE {}", self.name)).await;
    }
}

#[tokio::test]
async fn every_row_is_in_exactly_one_range() {
    hold_each_row_once(&Stack::running_with(&[("CHUNK_ROWS", CHUNK)]).await, ROWS).await;
}

/// Random rows of every kind of key the source's server has, copied, then changed on both sides.
pub(super) async fn hold_each_row_once(stack: &Stack, rows: usize) {
    let has_uuids = !stack.source.server.is_mysql() && !stack.target.server.is_mysql();
    let kinds: Vec<_> = KINDS.iter().filter(|kind| has_uuids || kind.columns != ["UUID"]).collect();
    let seed = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for kind in &kinds {
        kind.fill(&stack.source, &mut rng, rows).await;
    }
    let task = stack.task(&json!({"delete_extra": true})).await;
    let job = stack.run_completed(&task).await;
    // A row that is in two ranges would clash, one that is in none would be missing.
    agree(&stack.source, &stack.target).await;
    for table in &job.tables {
        assert!(table.chunks_total > 4, "{}: {} ranges", table.name, table.chunks_total);
    }
    // The same ranges again, for rows that lie elsewhere, between and beside those of before.
    for kind in &kinds {
        let name = kind.name;
        stack.source.run(&format!("DELETE FROM {name} WHERE RAND() < 0.3")).await;
        let rows: Vec<_> =
            (0..rows / 4).map(|at| format!("({}, 'w{at}')", (kind.make)(&mut rng, at * 17 + 5))).collect();
        stack.source.run(&format!("INSERT IGNORE INTO {name} VALUES {}", rows.join(", "))).await;
        stack.target.run(&format!("UPDATE {name} SET v = 'changed' WHERE RAND() < 0.1")).await;
        stack.target.run(&format!("DELETE FROM {name} WHERE RAND() < 0.1")).await;
    }
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

/// How long a row takes is known after a run only; the next one goes by that.
#[tokio::test]
async fn chunks_that_took_long_are_smaller_the_next_time() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("CHUNK_ROWS", "4000"), ("CHUNK_SECONDS", "1")]);
    let proxy = stack.proxy(Upstream::Source);
    stack.start_all().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(600))").await;
    stack.source.run("INSERT INTO t SELECT seq, REPEAT('x', 500) FROM seq_1_to_16000").await;
    stack.source.run("ANALYZE TABLE t").await;
    let task = stack.task(&json!({})).await;
    // A chunk of 2 MB takes four seconds.
    proxy.set(Flow::Throttle(500_000));
    let slow = stack.run_completed(&task).await.tables[0].chunks_total;
    proxy.set(Flow::Pass);
    let smaller = stack.run_completed(&task).await.tables[0].chunks_total;
    assert!(smaller >= 3 * slow, "{slow} chunks, then {smaller}");
    let larger = stack.run_completed(&task).await.tables[0].chunks_total;
    assert!(larger < smaller && larger > slow, "{slow}, {smaller} and then {larger} chunks");
    agree(&stack.source, &stack.target).await;
}
