//! MySQL servers that mean ill from their first byte on, or once they are asked what is there.

use longshore_tests::place;
use longshore_tests::rogue::{Reply, Rogue, Script, handshake};

use super::super::connection_tests::{drafted, fails};
use super::{EVERY, MEMORY, SCHEMAS, Scene};

#[tokio::test]
async fn t02_a_server_that_asks_for_a_file_gets_nothing() {
    let scene = Scene::set().await;
    let secret = place::fresh_name();
    let file = scene.stack.folder.path().join("secret");
    std::fs::write(&file, &secret).unwrap();
    let name = file.display().to_string();
    for (words, as_target) in [
        (EVERY, false),
        (EVERY, true),
        ("information_schema.TABLES", false),
        ("information_schema.TABLES", true),
    ] {
        let rogue = Rogue::start(Script::Answer(words, Reply::File(name.clone()))).await;
        if words == EVERY {
            let tested = drafted(&scene.stack, &scene.body(rogue.port)).await;
            fails(&tested, "server", "file_requested");
        }
        assert_eq!(scene.run(rogue.port, as_target).await, "file_requested", "{words} {as_target}");
        // The end of a session is all that it hears.
        let answered = rogue.answered();
        assert!(answered.iter().all(|packet| packet == b"\x01"), "{answered:?}");
        let all = rogue.received().concat();
        assert!(!all.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_password_is_not_sent_in_clear_or_by_the_old_method() {
    let scene = Scene::set().await;
    let nonce = b"nonce nonce nonce no\0".to_vec();
    for (plugin, code) in [
        ("mysql_clear_password", "clear_password_refused"),
        ("mysql_old_password", "login_refused"),
        ("dialog", "login_refused"),
    ] {
        let rogue = scene.meet(Script::Switch(plugin, nonce.clone(), Vec::new()), "login", code).await;
        let all = rogue.received().concat();
        let password = scene.stack.source.password.as_bytes();
        assert!(!all.windows(password.len()).any(|bytes| bytes == password), "{plugin}");
        // The greeting is answered; what follows is nothing, or the end.
        assert!(rogue.received().iter().all(|packet| packet.len() > 32 || packet.len() < 2), "{plugin}");
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_server_that_says_it_has_columns_without_end_ends_a_step_and_no_worker() {
    let scene = Scene::set().await;
    for power in [40, 60, 24, 13] {
        let script = Script::Answer(EVERY, Reply::Columns(1 << power));
        scene.meet(script, "server", "not_this_engine").await;
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_answers_without_end_are_not_read_to_their_end() {
    let scene = Scene::set().await;
    let (large, other) = ("answer_too_large", "not_this_engine");
    for (reply, code) in [
        (Reply::Rows(500), large),
        (Reply::Rows(60_000), large),
        (Reply::Sets, large),
        (Reply::Parts, other),
        (Reply::EmptyRow, other),
    ] {
        scene.meet(Script::Answer(EVERY, reply), "server", code).await;
    }
    scene.took(MEMORY, "answers to the login");
    // Servers that behave until they are asked what is there.
    for (reply, code) in [
        (Reply::Rows(0), large),
        (Reply::Rows(500), large),
        (Reply::Sets, large),
        (Reply::Parts, other),
        (Reply::EmptyRow, other),
    ] {
        let rogue = Rogue::start(Script::Answer("information_schema.TABLES", reply.clone())).await;
        assert_eq!(scene.run(rogue.port, false).await, code, "{reply:?}");
    }
    scene.goes_on(SCHEMAS).await;
}

#[tokio::test]
async fn t03_malformed_greetings_and_logins_end_a_step_and_no_worker() {
    let scene = Scene::set().await;
    let framed = |payload: &[u8], number: u32| {
        let length: u32 = u32::try_from(payload.len()).unwrap() | (number << 24);
        [&length.to_le_bytes(), payload].concat()
    };
    let whole = framed(&handshake(&[b'n'; 20]), 0);
    let garbage: Vec<u8> = (0..4096_u32).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
    let part = [&[0xFF, 0xFF, 0xFF, 0], &vec![b'x'; 0xFF_FFFF][..]].concat();
    let sha2 = |nonce: &[u8], replies: &[&[u8]]| {
        let replies = replies.iter().map(|reply| reply.to_vec()).collect();
        Script::Switch("caching_sha2_password", nonce.to_vec(), replies)
    };
    let (nonce, lost, other) = (&[b'n'; 20], "connection_lost", "not_this_engine");
    for (script, code) in [
        // What the line lost on its way may be there the next time.
        (Script::Greeting(Vec::new()), lost),
        (Script::Greeting(whole[..40].to_vec()), lost),
        (Script::Greeting(framed(&handshake(&[]), 0)), lost),
        (Script::Greeting(framed(&whole[4..20], 0)), other),
        (Script::Greeting(framed(&[], 0)), other),
        (Script::Greeting(framed(&garbage, 0)), other),
        (Script::GreetingForEver(garbage.clone()), other),
        (Script::GreetingForEver(part), other),
        // A way of login that leads the driver astray.
        (sha2(&[], &[b"\x01\x04", b"\x01key"]), other),
        (sha2(nonce, &[b"\x01\x04", b""]), other),
        (sha2(nonce, &[b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----"]), other),
        (Script::Drip, "connect_timeout"),
    ] {
        scene.meet(script, "login", code).await;
    }
    scene.goes_on(MEMORY).await;
}
