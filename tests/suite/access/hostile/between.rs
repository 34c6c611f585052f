//! Servers that turn in the middle of a run (T2, T3): honest until rows are read or loaded.

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::rogue::{Between, OK, Reply};
use longshore_tests::schema::Schema;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

use super::{MEMORY, Scene};

/// A connection to the schema by way of the one between.
fn through(schema: &Schema, between: &Between) -> Value {
    let mut body = connection_body(schema);
    body["name"] = json!(place::fresh_name());
    body["port"] = json!(between.port);
    body
}

impl Scene {
    /// A job that goes by way of them, where there is one.
    async fn run_by(&self, source: Option<&Between>, target: Option<&Between>) -> String {
        let (client, stack) = (&self.stack.client, &self.stack);
        let mut ids = [self.source.clone(), self.target.clone()];
        for (at, (schema, between)) in
            [(&stack.source, source), (&stack.target, target)].into_iter().enumerate()
        {
            if let Some(between) = between {
                let body = through(schema, between);
                ids[at] = client.post("/v1/connections", &body).await.expect(201).id();
            }
        }
        let task = client.task(&ids[0], &ids[1], &json!({})).await;
        client.submit(&task).await
    }

    /// A table of which only rows' readers and loaders name the second column.
    async fn cargo(&self) {
        let rows = "INSERT INTO freight SELECT seq, CONCAT('cargo ', seq) FROM seq_1_to_300";
        let make = "CREATE TABLE freight (id INT PRIMARY KEY, cargo TEXT)";
        self.stack.source.run(&format!("{make}; {rows}")).await;
    }

    /// What is wrong unless the job ends with this code; nothing of the table has come.
    async fn ends_with(&self, job: &str, code: &str, what: &str) -> Option<String> {
        let job = self.stack.client.ended(job, seconds(90)).await;
        let failure = job.failure.unwrap_or_else(|| panic!("{what}: {}", job.state));
        let rows: u64 = match self.stack.target.tables().await.iter().any(|name| name == "freight") {
            true => self.stack.target.value("SELECT COUNT(*) FROM freight").await,
            false => 0,
        };
        assert_eq!(rows, 0, "{what}");
        (failure.code != code).then(|| format!("{what}: {failure:?}, not {code}"))
    }
}

#[tokio::test]
async fn t02_only_who_loads_rows_says_that_it_has_files() {
    let scene = Scene::set().await;
    longshore_tests::seeds::shop(&scene.stack.source, 200).await;
    let source = Between::start(scene.stack.source.server.port, None).await;
    let target = Between::start(scene.stack.target.server.port, None).await;
    let job = scene.run_by(Some(&source), Some(&target)).await;
    scene.stack.client.completed(&job, seconds(90)).await;
    agree(&scene.stack.source, &scene.stack.target).await;
    let (read, written) = (source.heard(), target.heard());
    assert!(read.len() >= 4 && read.iter().all(|one| !one.has_files), "{read:?}");
    let loads = |statements: &[String]| statements.iter().any(|one| one.starts_with("LOAD DATA LOCAL"));
    let loaders = written.iter().filter(|one| loads(&one.statements));
    assert!(loaders.clone().count() > 1 && loaders.clone().all(|one| one.has_files));
    // Who looks at the target or compares it has none.
    let writes = |one: &str| ["foreign_key_checks = 0"].iter().any(|word| one.contains(word));
    for one in &written {
        assert_eq!(one.has_files, one.statements.iter().any(|one| writes(one)), "{one:?}");
    }
    assert!(written.iter().any(|one| !one.has_files));
}

#[tokio::test]
async fn t02_t03_a_source_that_turns_while_its_rows_are_read_gets_nothing() {
    let (scene, mut wrong) = (Scene::set().await, Vec::new());
    scene.cargo().await;
    let secret = place::fresh_name();
    let file = scene.stack.folder.path().join("secret");
    std::fs::write(&file, &secret).unwrap();
    let malformed = "not_this_engine";
    for (reply, code) in [
        (Reply::File(file.display().to_string()), "file_requested"),
        (Reply::AfterRows(Box::new(Reply::Packets(vec![OK.to_vec()]))), "file_requested"),
        // Other columns, and no end of them.
        (Reply::Rows(500), malformed),
        (Reply::Columns(1 << 40), malformed),
        (Reply::Sets, malformed),
        (Reply::Packets(vec![Vec::new()]), malformed),
        (Reply::Packets(vec![b"\x00".to_vec()]), malformed),
        (Reply::Packets(vec![OK.to_vec()]), malformed),
        (Reply::Packets(vec![b"\x02".to_vec(), b"\x03def\x00\xFF".to_vec(), b"\x03".to_vec()]), malformed),
        (Reply::Packets(vec![b"\xFC\x01".to_vec()]), malformed),
        (Reply::Packets(vec![b"\xFF".to_vec()]), malformed),
    ] {
        let what = format!("{reply:?}");
        let what = &what[..what.floor_char_boundary(120)];
        eprintln!("{what}: {code}");
        let between = Between::start(scene.stack.source.server.port, Some(("`cargo`", reply))).await;
        let job = scene.run_by(Some(&between), None).await;
        wrong.extend(scene.ends_with(&job, code, what).await);
        let answered = between.answered();
        // A farewell; or the question whether the session is in order still.
        let harmless = [&b"\x01"[..], b"\x03ROLLBACK TO SAVEPOINT longshore"];
        assert!(answered.iter().all(|packet| harmless.contains(&packet.as_slice())), "{what}: {answered:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t02_t03_a_target_that_turns_in_the_middle_of_a_load_gets_its_rows_and_no_more() {
    let (scene, mut wrong) = (Scene::set().await, Vec::new());
    scene.cargo().await;
    let secret = place::fresh_name();
    let file = scene.stack.folder.path().join("secret");
    std::fs::write(&file, &secret).unwrap();
    let name = file.display().to_string();
    let after = |reply| Reply::AfterRows(Box::new(reply));
    let malformed = "not_this_engine";
    for (reply, code) in [
        (after(Reply::File(name)), "file_requested"),
        (after(Reply::Packets(vec![b"\x00".to_vec()])), malformed),
        (after(Reply::Packets(vec![Vec::new()])), malformed),
        (after(Reply::Columns(1 << 40)), malformed),
        (Reply::Columns(1 << 40), malformed),
        // It did not want the rows at all.
        (Reply::Packets(vec![OK.to_vec()]), "load_ignored"),
    ] {
        let what = format!("{reply:?}");
        eprintln!("{what}: {code}");
        let between = Between::start(scene.stack.target.server.port, Some(("LOAD DATA", reply))).await;
        let job = scene.run_by(None, Some(&between)).await;
        wrong.extend(scene.ends_with(&job, code, &what).await);
        // What it took is rows, or the end of a session.
        for packet in between.answered() {
            let text = String::from_utf8_lossy(&packet);
            let rows = text.lines().all(|line| line.contains("cargo ") || line.is_empty());
            assert!(packet == b"\x01" || rows && !text.contains(&secret), "{what}: {text}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    scene.goes_on(MEMORY).await;
}

/// Nobody can tell them from those of a very large table; time is what they cannot have
/// without end, and not one of them stays.
#[tokio::test]
async fn t03_rows_that_never_end_end_with_the_time_that_a_job_may_last() {
    let scene = Scene::set_with(&[("JOB_SECONDS", "12"), ("LEASE_SECONDS", "6")]).await;
    scene.cargo().await;
    let between = Between::start(scene.stack.source.server.port, Some(("`cargo`", Reply::Rising))).await;
    let begun = std::time::Instant::now();
    let job = scene.run_by(Some(&between), None).await;
    assert_eq!(scene.ends_with(&job, "job_too_long", "rows for ever").await, None);
    assert!(begun.elapsed() > seconds(12), "it was given its time: {:?}", begun.elapsed());
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_an_answer_in_crumbs_is_not_waited_for_without_end() {
    let scene = Scene::set().await;
    scene.cargo().await;
    let turn = Some(("`cargo`", Reply::Crumbs));
    let between = Between::start(scene.stack.source.server.port, turn).await;
    let job = scene.run_by(Some(&between), None).await;
    let told = || scene.stack.logs().contains("attempt=1 code=answer_too_slow");
    longshore_tests::wait::until("it is told", seconds(60), async || told().then_some(())).await;
    scene.stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    assert_eq!(scene.stack.client.ended(&job, seconds(60)).await.state, "cancelled");
    scene.goes_on(MEMORY).await;
}
