//! The tools that people use, and the floor: seconds of each.

use std::process::{Command, Stdio};
use std::time::Instant;

use longshore_tests::schema::Schema;
use tempfile::TempDir;

/// A shell's command line over both databases: `$SOURCE` and `$TARGET` are what a client is told
/// to reach each, the passwords lie in files of its own.
pub(super) struct Peers {
    source: String,
    target: String,
    folder: TempDir,
}

impl Peers {
    pub(super) fn between(source: &Schema, target: &Schema) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, schema) in [("source", source), ("target", target)] {
            let file = format!(
                "[client]\nhost=127.0.0.1\nport={}\nuser={}\npassword={}\nskip-ssl\n\n[mysql]\nlocal-infile=1\n",
                schema.server.port, schema.server.admin_username, schema.server.admin_password
            );
            std::fs::write(folder.path().join(name), file).unwrap();
        }
        Self { source: source.name.clone(), target: target.name.clone(), folder }
    }

    /// Seconds of a script; it must succeed.
    fn script(&self, script: &str) -> f64 {
        let at = |name: &str| format!("--defaults-file={}", self.folder.path().join(name).display());
        let since = Instant::now();
        let done = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .env("SOURCE", at("source"))
            .env("TARGET", at("target"))
            .env("FROM", &self.source)
            .env("TO", &self.target)
            .env("FOLDER", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let took = since.elapsed().as_secs_f64();
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
        took
    }

    /// `mariadb-dump | mariadb`.
    pub(super) fn dump(&self) -> f64 {
        self.script("mariadb-dump $SOURCE --single-transaction --quick $FROM | mariadb $TARGET $TO")
    }

    /// `mydumper`, then `myloader`, with two threads each.
    pub(super) fn mydumper(&self) -> f64 {
        self.script(
            "rm -rf $FOLDER/dump
             mydumper $SOURCE -B $FROM -o $FOLDER/dump -t 2 -v 1
             myloader $TARGET -B $TO -s $FROM -d $FOLDER/dump -t 2 -o -v 1
             rm -rf $FOLDER/dump",
        )
    }

    /// The floor of a copy: the client's own text of two tables at a time, piped into `LOAD DATA`
    /// without secondary indexes; then the indexes. `tables`: name, `CREATE` without secondary
    /// indexes, and the clause that adds them (or nothing).
    pub(super) fn floor(&self, tables: &[(String, String, String)]) -> f64 {
        let mut script = String::from("one() { mariadb $SOURCE -B -q --skip-column-names $FROM -e \"SELECT * FROM $1\" |
            mariadb $TARGET $TO -e \"SET foreign_key_checks=0; LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE $1 CHARACTER SET binary\"; }\n");
        for (_, create, _) in tables {
            script += &format!("mariadb $TARGET $TO <<'SQL'\n{create};\nSQL\n");
        }
        let half = tables.len().div_ceil(2);
        let lane = |tables: &[(String, String, String)],
                    does: &dyn Fn(&(String, String, String)) -> String| {
            let all: Vec<_> = tables.iter().map(does).filter(|one| !one.is_empty()).collect();
            if all.is_empty() { "true".to_owned() } else { all.join(" && ") }
        };
        let (left, right) = tables.split_at(half);
        let load = |table: &(String, String, String)| format!("one {}", table.0);
        let index = |table: &(String, String, String)| match table.2.as_str() {
            "" => String::new(),
            clause => format!("mariadb $TARGET $TO -e 'ALTER TABLE {} {clause}'", table.0),
        };
        for does in [&load as &dyn Fn(&_) -> String, &index] {
            let (left, right) = (lane(left, does), lane(right, does));
            script += &format!("( {left} ) & one=$!; ( {right} ) & two=$!; wait $one; wait $two\n");
        }
        self.script(&script)
    }

    /// The floor of a comparison: what pt-table-checksum asks, of every table at once on both
    /// servers.
    pub(super) fn checksums(&self, tables: &[(&str, &str)]) -> f64 {
        let mut script = String::from("all=()\n");
        for (table, columns) in tables {
            for (at, schema) in [("$SOURCE", "$FROM"), ("$TARGET", "$TO")] {
                script += &format!(
                    "mariadb {at} {schema} -e \"SELECT COUNT(*), BIT_XOR(CAST(CRC32(CONCAT_WS('#', {columns})) AS UNSIGNED)) FROM {table}\" >/dev/null & all+=($!)\n"
                );
            }
        }
        script += "for one in ${all[@]}; do wait $one; done\n";
        self.script(&script)
    }

    /// `pt-table-sync` of each table in turn; it would write what differs.
    pub(super) fn pt_table_sync(&self, tables: &[&str]) -> f64 {
        let one = |table: &&str| {
            format!(
                "pt-table-sync --execute --no-check-slave --no-check-triggers --charset utf8mb4 \
                 F=$FOLDER/source,D=$FROM,t={table} F=$FOLDER/target,D=$TO,t={table}"
            )
        };
        self.script(&tables.iter().map(one).collect::<Vec<_>>().join("\n"))
    }
}
