//! What is copied.

use longshore_tests::schema::Schema;

/// A table as sysbench makes it, filled.
pub(super) async fn sysbench(schema: &Schema, name: &str, rows: u32) {
    sysbench_empty(schema, name).await;
    let groups = |from: u32, count: u32| {
        let one = |n| format!("LPAD(FLOOR(RAND(seq * 31 + {n}) * 100000000000), 11, '0')");
        (from..from + count).map(one).collect::<Vec<_>>().join(", ")
    };
    schema
        .run(&format!(
            "INSERT INTO {name} (id, k, c, pad) SELECT seq, FLOOR(RAND(seq) * {rows}) + 1,
                 CONCAT_WS('-', {}), CONCAT_WS('-', {}) FROM seq_1_to_{rows}",
            groups(0, 10),
            groups(10, 5)
        ))
        .await;
    schema.run(&format!("ANALYZE TABLE {name}")).await;
}

/// As [`sysbench`], without a row.
async fn sysbench_empty(schema: &Schema, name: &str) {
    schema
        .run(&format!(
            "CREATE TABLE {name} (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0,
                 c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))
             ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
        ))
        .await;
}

/// Forty mixed columns.
pub(super) async fn wide(schema: &Schema, rows: u32) {
    const KINDS: [(&str, &str); 8] = [
        ("INT", "seq * {n}"),
        ("VARCHAR(60) CHARACTER SET utf8mb4", "CONCAT('größe ', seq, ' ', REPEAT('x', seq MOD {n}))"),
        ("DECIMAL(12,4)", "seq / {n}"),
        ("DATETIME(3)", "'2024-01-01' + INTERVAL seq * {n} SECOND"),
        ("DOUBLE", "seq / ({n} + 0.37e0)"),
        ("BIGINT UNSIGNED", "IF(seq MOD 7 = 0, NULL, seq * 1000003 * {n})"),
        ("ENUM('new','open','closed')", "1 + seq MOD 3"),
        ("VARBINARY(40)", "UNHEX(SHA1(seq + {n}))"),
    ];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for n in 1..=39 {
        let (kind, value) = KINDS[n % KINDS.len()];
        columns.push(format!("c{n} {kind}"));
        values.push(value.replace("{n}", &n.to_string()));
    }
    schema.run(&format!("CREATE TABLE wide (id INT PRIMARY KEY, {}, KEY c8 (c8))", columns.join(", "))).await;
    schema.run(&format!("INSERT INTO wide SELECT seq, {} FROM seq_1_to_{rows}", values.join(", "))).await;
    schema.run("ANALYZE TABLE wide").await;
}

/// Large values: one mebibyte each, of bytes of every kind.
pub(super) async fn blobs(schema: &Schema, rows: u32) {
    schema.run("CREATE TABLE blobs (id INT PRIMARY KEY, body LONGBLOB)").await;
    schema
        .run(&format!(
            "INSERT INTO blobs SELECT seq, REPEAT(UNHEX(SHA2(seq, 256)), 32768) FROM seq_1_to_{rows}"
        ))
        .await;
    schema.run("ANALYZE TABLE blobs").await;
}
