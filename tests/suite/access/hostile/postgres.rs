//! PostgreSQL servers that mean ill (T3), as a connection test meets them: no password in clear,
//! bounded memory and time, a code for each.

use longshore_tests::rogue::{Act, RoguePostgres, message};
use serde_json::{Value, json};

use super::super::connection_tests::{drafted, end};
use super::{MEMORY, Scene};

/// What lets a client in: it is who it says, process 7, ready.
fn let_in() -> Vec<u8> {
    let ready = [message(b'R', &[0; 4]), message(b'K', &[0, 0, 0, 7, 0, 0, 0, 9]), message(b'Z', b"I")];
    ready.concat()
}

/// A demand for this method of authentication.
fn demand(method: u32, more: &[u8]) -> Vec<u8> {
    message(b'R', &[&method.to_be_bytes(), more].concat())
}

/// A header without its message.
fn head(kind: u8, length: u32) -> Vec<u8> {
    [&[kind][..], &length.to_be_bytes()].concat()
}

fn row(value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    message(b'D', &[&[0, 1][..], &length, value].concat())
}

/// The description of rows of one text.
fn column() -> Vec<u8> {
    let body = [&[0, 1][..], b"c\0", &[0; 6], &25_u32.to_be_bytes(), &[0xFF; 6], &[0, 0]].concat();
    message(b'T', &body)
}

impl Scene {
    async fn postgres(&self, rogue: &RoguePostgres, tls: &str) -> Value {
        let mut body = self.body(rogue.port);
        body["engine"] = json!("postgresql");
        body["tls"] = json!({"mode": tls});
        body["timeout_seconds"] = json!(4);
        drafted(&self.stack, &body).await
    }

    /// What is wrong unless the test fails at this stage with this code; the password is not told.
    async fn meets(
        &self,
        acts: Vec<Act>,
        tls: (&'static [u8], &str),
        stage: &str,
        code: &str,
    ) -> Option<String> {
        let what = format!("{tls:?} {acts:?}");
        let what = &what[..what.floor_char_boundary(150)];
        let rogue = RoguePostgres::start(tls.0, acts).await;
        let found = self.postgres(&rogue, tls.1).await;
        let (heard, password) = (rogue.received(), self.stack.source.password.as_bytes());
        assert!(!heard.windows(password.len()).any(|bytes| bytes == password), "{what}");
        let end = end(&found);
        (end != (stage.to_owned(), Some(code.to_owned()))).then(|| format!("{what}: {end:?}, not {code}"))
    }
}

/// Panics if something is wrong.
#[track_caller]
fn all_is_well(wrong: &[String]) {
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const PLAIN: (&[u8], &str) = (b"N", "disable");

#[tokio::test]
async fn t03_a_postgresql_password_is_not_given_away() {
    let (scene, mut wrong) = (Scene::set().await, Vec::new());
    let scram = b"SCRAM-SHA-256\0\0";
    for (acts, tls, stage, code) in [
        // In clear where others read along, TLS or not.
        (vec![demand(3, b"")], PLAIN, "login", "clear_password_refused"),
        (vec![demand(3, b"")], (b"N", "prefer"), "login", "clear_password_refused"),
        // In one piece: the driver does not wait for what follows a notice at this place.
        (
            vec![[message(b'N', b"Snot yet\0\0"), demand(3, b"")].concat()],
            PLAIN,
            "login",
            "clear_password_refused",
        ),
        // A login that was let in is not asked again.
        (vec![demand(3, b""), let_in()], PLAIN, "login", "clear_password_refused"),
        // Methods that are not spoken: Kerberos, crypt, SCM, GSS, SSPI, one of the rogue's own.
        (vec![demand(2, b"")], PLAIN, "login", "login_refused"),
        (vec![demand(4, b"xx")], PLAIN, "login", "login_refused"),
        (vec![demand(6, b"")], PLAIN, "login", "login_refused"),
        (vec![demand(7, b"")], PLAIN, "login", "login_refused"),
        (vec![demand(9, b"")], PLAIN, "login", "login_refused"),
        (vec![demand(99, b"")], PLAIN, "login", "login_refused"),
        (vec![demand(10, b"PLAIN\0\0")], PLAIN, "login", "not_this_engine"),
        // Methods whose messages are not what they should be.
        (vec![demand(5, b"sal")], PLAIN, "login", "not_this_engine"),
        (vec![demand(10, b"SCRAM-SHA-256")], PLAIN, "login", "not_this_engine"),
        (vec![demand(11, b"r=x,s=eA==,i=1")], PLAIN, "login", "not_this_engine"),
        (vec![message(b'R', b"")], PLAIN, "login", "not_this_engine"),
        (vec![message(b'R', b"\0")], PLAIN, "login", "not_this_engine"),
        // No TLS where it was asked for, or something else in its place.
        (vec![demand(3, b"")], (b"N", "require"), "tls", "tls_not_offered"),
        (vec![demand(3, b"")], (b"N", "verify-full"), "tls", "tls_not_offered"),
        (vec![demand(3, b"")], (b"S", "require"), "tls", "tls_failed"),
        (vec![demand(3, b"")], (b"SR\0\0\0\x08\0\0\0\x03", "require"), "tls", "tls_failed"),
        (vec![demand(3, b"")], (b"E", "prefer"), "tls", "not_this_engine"),
        (vec![demand(3, b"")], (b"\0", "require"), "tls", "not_this_engine"),
    ] {
        wrong.extend(scene.meets(acts.into_iter().map(Act::Send).collect(), tls, stage, code).await);
    }
    // It goes on after the client's first proof: with another nonce, with work for hours, at once.
    for then in [
        demand(11, b"r=anothernonce,s=c2FsdA==,i=4096"),
        demand(11, b"r=x,s=c2FsdA==,i=4294967295"),
        demand(11, &[b'r'; 5000]),
        demand(12, b"v=eA=="),
        let_in(),
        demand(3, b""),
    ] {
        let code = if then == demand(3, b"") { "clear_password_refused" } else { "not_this_engine" };
        let acts = vec![Act::Send(demand(10, scram)), Act::Wait, Act::Send(then)];
        wrong.extend(scene.meets(acts, PLAIN, "login", code).await);
    }
    all_is_well(&wrong);
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_postgresql_login_that_makes_no_sense_ends_in_bounded_memory_and_time() {
    let (scene, mut wrong) = (Scene::set().await, Vec::new());
    let (other, slow) = ("not_this_engine", "connect_timeout");
    let setting = message(b'S', &[&vec![b'n'; 60_000][..], b"\0", &vec![b'v'; 60_000], b"\0"].concat());
    let key = message(b'K', &[0; 8]);
    let welcome = demand(0, b"");
    for (act, code) in [
        (Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), other),
        (Act::Send(head(b'R', 0)), other),
        (Act::Send(head(b'R', 3)), other),
        (Act::Send(head(b'R', u32::MAX)), other),
        (Act::Send(head(b'N', 0x7FFF_FFFF)), other),
        (Act::Send(head(b'E', 1 << 30)), other),
        (Act::Send(vec![0; 4096]), other),
        (Act::Send(message(b'E', b"no end of a field")), other),
        (Act::Send(message(b'v', &[0, 0, 0, 9, 0xFF, 0xFF, 0xFF, 0xFF])), other),
        (Act::ForEver(message(b'N', b"SNOTICE\0C00000\0Mwait\0\0")), other),
        (Act::ForEver(message(b'N', &vec![b'x'; 1 << 20])), other),
        (Act::ForEver([&welcome[..], &setting.repeat(100)].concat()), other),
        (Act::ForEver([&welcome[..], &key.repeat(5_000)].concat()), other),
        (Act::ForEver(vec![b'R'; 1 << 16]), other),
        (Act::Send(Vec::new()), slow),
        (Act::Send(b"R".to_vec()), slow),
        (Act::Send(head(b'N', 1_000_000)), slow),
        (Act::Drip([let_in(), vec![b'Z'; 60]].concat()), slow),
        (Act::Close, "connection_lost"),
    ] {
        wrong.extend(scene.meets(vec![act], PLAIN, "login", code).await);
    }
    all_is_well(&wrong);
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_postgresql_server_that_turns_after_the_login_ends_in_bounded_memory_and_time() {
    let (scene, mut wrong) = (Scene::set().await, Vec::new());
    let (other, slow) = ("not_this_engine", "connect_timeout");
    let rows = [&column()[..], &row(&[b'x'; 1000]).repeat(60)].concat();
    for (act, code) in [
        (Act::ForEver(rows.clone()), other),
        (Act::ForEver(row(b"")), other),
        (Act::ForEver(message(b'N', b"SNOTICE\0C00000\0Mwait\0\0")), other),
        (Act::ForEver(message(b'A', b"\0\0\0\x07channel\0payload\0")), other),
        (Act::ForEver(message(b'S', b"name\0value\0")), other),
        (Act::ForEver(message(b'C', b"SELECT 1\0")), other),
        // It wants to copy.
        (Act::ForEver([message(b'H', &[0, 0, 0]), message(b'd', &[b'x'; 60_000])].concat()), other),
        (Act::Send(head(b'D', 1 << 30)), other),
        (Act::Send(head(b'T', 2)), other),
        (Act::Send([column(), message(b'D', &[0xFF, 0xFF])].concat()), other),
        (Act::Send(message(b'T', &[0xFF, 0xFF, 0])), other),
        (Act::Send(message(b'?', b"")), other),
        (Act::Send(demand(3, b"")), "clear_password_refused"),
        (Act::Drip(rows), slow),
        (Act::Wait, slow),
        (Act::Close, "connection_lost"),
    ] {
        let acts = vec![Act::Send(let_in()), Act::Wait, act];
        wrong.extend(scene.meets(acts, PLAIN, "server", code).await);
    }
    all_is_well(&wrong);
    scene.goes_on(MEMORY).await;
}
