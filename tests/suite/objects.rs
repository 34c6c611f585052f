//! The store of packages and backups against a real S3 server: whole objects, such of unknown length,
//! answers that break off, and everything that a bucket can lack.

use bytes::Bytes;
use longshore_shared::config::{Environment, Objects};
use longshore_shared::objects::{Download, ObjectError, Store, Trouble};
use longshore_tests::place;
use longshore_tests::proxy::{Direction, End, Flow, Proxy};
use longshore_tests::servers::Bucket;
use longshore_tests::stack::Stack;
use sha2::{Digest as _, Sha256};

/// Settings of a bucket behind `port`, below a prefix of the test's own.
fn settings(bucket: &Bucket, port: u16) -> Objects {
    let (endpoint, prefix) = (format!("http://127.0.0.1:{port}"), format!("test/{}", place::fresh_name()));
    let environment = Environment::of([
        ("LONGSHORE_S3_ENDPOINT", endpoint.as_str()),
        ("LONGSHORE_S3_BUCKET", &bucket.name),
        ("LONGSHORE_S3_PREFIX", &prefix),
        ("LONGSHORE_S3_ACCESS_KEY_ID", &bucket.key),
        ("LONGSHORE_S3_SECRET_ACCESS_KEY", &bucket.secret),
    ]);
    Objects::from_env(&environment).unwrap()
}

async fn open(settings: &Objects) -> Store {
    Store::open(settings).await.unwrap()
}

/// Bytes that no compression shortens, the same for each seed.
fn noise(seed: u64, bytes: usize) -> Bytes {
    let block = |at: usize| Sha256::digest([seed.to_be_bytes(), (at as u64).to_be_bytes()].concat());
    let mut made: Vec<u8> = (0..bytes.div_ceil(32)).flat_map(block).collect();
    made.truncate(bytes);
    made.into()
}

async fn rest(mut reading: Download) -> Result<Vec<u8>, ObjectError> {
    let mut read = Vec::new();
    while let Some(piece) = reading.next().await? {
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

async fn keys(store: &Store, beginning: &str) -> Vec<String> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = store.list(beginning, from).await.unwrap();
        found.extend(page.objects.into_iter().map(|object| object.key));
        from = page.next;
        if from.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn objects_are_written_named_read_and_removed() {
    let bucket = Bucket::of_the_run();
    let store = open(&settings(&bucket, bucket.port)).await;
    store.check().await.unwrap();
    assert_eq!(store.size("a/1").await, Ok(None));
    for (key, content) in [("a/1", noise(1, 10)), ("a/2", Bytes::new()), ("b/1", noise(2, 1_000_000))] {
        assert!(!store.put(key, content.clone()).await.unwrap().is_empty());
        assert_eq!(store.size(key).await, Ok(Some(content.len() as u64)));
        assert_eq!(rest(store.read(key, 0)).await.unwrap(), content);
    }
    assert_eq!(rest(store.read("b/1", 999_990)).await.unwrap(), noise(2, 1_000_000)[999_990..]);
    assert_eq!(store.read_whole("a/1", 10).await.unwrap(), noise(1, 10));
    assert_eq!(store.read_whole("a/1", 9).await.map_err(|error| error.trouble), Err(Trouble::Refused));
    assert_eq!(keys(&store, "a/").await, ["a/1", "a/2"]);
    let missing = rest(store.read("a/3", 0)).await;
    assert_eq!(missing.map_err(|error| error.trouble), Err(Trouble::Missing));
    // One that is gone already is no error.
    store.delete(&["a/1".to_owned(), "a/9".to_owned(), "b/1".to_owned()]).await.unwrap();
    store.delete(&["a/1".to_owned()]).await.unwrap();
    assert_eq!(keys(&store, "").await, ["a/2"]);
}

#[tokio::test]
async fn more_objects_than_a_page() {
    let bucket = Bucket::of_the_run();
    let store = open(&settings(&bucket, bucket.port)).await;
    let named: Vec<String> = (0..1_203).map(|number| format!("many/{number:05}")).collect();
    for some in named.chunks(50) {
        futures::future::try_join_all(some.iter().map(|key| store.put(key, noise(0, 3)))).await.unwrap();
    }
    assert_eq!(keys(&store, "many/").await, named);
    store.delete(&named).await.unwrap();
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_object_of_unknown_length_is_there_once_it_is_whole() {
    const PART: usize = 8 << 20;
    let bucket = Bucket::of_the_run();
    let store = open(&settings(&bucket, bucket.port)).await;
    for bytes in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 12_345] {
        let (key, content) = (format!("u/{bytes}"), noise(7, bytes));
        let mut upload = store.upload(&key);
        for piece in content.chunks(700_001) {
            upload.write(content.slice_ref(piece)).await.unwrap();
        }
        assert_eq!(upload.bytes(), bytes as u64);
        assert_eq!(store.size(&key).await, Ok(None), "{bytes}");
        upload.finish().await.unwrap();
        assert_eq!(rest(store.read(&key, 0)).await.unwrap(), content, "{bytes}");
    }
    assert_eq!(store.begun().await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_upload_that_does_not_end_leaves_nothing() {
    let bucket = Bucket::of_the_run();
    let store = open(&settings(&bucket, bucket.port)).await;
    let begin = async |key: &str| {
        let mut upload = store.upload(key);
        upload.write(noise(1, 17 << 20)).await.unwrap();
        upload
    };
    drop(begin("dropped").await);
    // As a process leaves it that is killed.
    std::mem::forget(begin("killed").await);
    let left = longshore_tests::wait::until("one is left", longshore_tests::wait::seconds(20), async || {
        let begun = store.begun().await.unwrap();
        (begun.len() == 1).then_some(begun)
    })
    .await;
    assert_eq!(left[0].key, "killed");
    assert!(left[0].at.is_some(), "{left:?}");
    store.give_up(&left[0]).await.unwrap();
    store.give_up(&left[0]).await.unwrap();
    assert_eq!(store.begun().await, Ok(Vec::new()));
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_goes_on_where_the_answer_broke_off() {
    let bucket = Bucket::of_the_run();
    let proxy = Proxy::before(bucket.port);
    let store = open(&settings(&bucket, proxy.port)).await;
    let content = noise(3, 5 << 20);
    store.put("large", content.clone()).await.unwrap();
    for end in [End::Close, End::Reset] {
        proxy.set_one(Direction::ToClient, Flow::CutEach(1 << 20, end));
        let read = rest(store.read("large", 0)).await.unwrap();
        assert!(read == content, "{end:?}: {} bytes", read.len());
    }
    // Nothing comes through any more: that is told, and not waited for without end.
    proxy.set_one(Direction::ToClient, Flow::CutEach(0, End::Close));
    let away = rest(store.read("large", 0)).await;
    assert_eq!(away.map_err(|error| error.trouble), Err(Trouble::Unavailable));
}

#[tokio::test]
async fn two_objects_are_never_read_as_one() {
    let bucket = Bucket::of_the_run();
    let proxy = Proxy::before(bucket.port);
    let settings = settings(&bucket, proxy.port);
    let store = open(&settings).await;
    let directly =
        open(&Objects { endpoint: Some(format!("http://127.0.0.1:{}", bucket.port)), ..settings }).await;
    directly.put("one", noise(1, 4 << 20)).await.unwrap();
    let mut reading = store.read("one", 0);
    let first = reading.next().await.unwrap().unwrap();
    assert_eq!(first, noise(1, 4 << 20)[..first.len()]);
    directly.put("one", noise(2, 4 << 20)).await.unwrap();
    proxy.end_all(End::Reset);
    let failed = loop {
        match reading.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("both were read as one"),
            Err(error) => break error,
        }
    };
    assert_eq!(failed.trouble, Trouble::Changed, "{failed}");
}

#[tokio::test]
async fn what_a_bucket_can_lack_is_told_apart() {
    let bucket = Bucket::of_the_run();
    let right = settings(&bucket, bucket.port);
    let mut wrong_secret = right.clone();
    wrong_secret.key.as_mut().unwrap().secret = "canary-of-a-secret".to_owned().into();
    let no_bucket = Objects { bucket: Some("longshore-nowhere".to_owned()), ..right.clone() };
    let nobody = Objects { endpoint: Some(format!("http://127.0.0.1:{}", place::free_port())), ..right };
    for (settings, expected) in [
        (wrong_secret, Trouble::Denied),
        // SeaweedFS would make it with its first object, so that nothing is written here.
        (no_bucket, Trouble::NoBucket),
        (nobody, Trouble::Unavailable),
    ] {
        let store = open(&settings).await;
        let checked = store.check().await.unwrap_err();
        assert_eq!(checked.trouble, expected, "{checked}");
        if expected != Trouble::NoBucket {
            let written = store.put("a", noise(1, 10)).await.unwrap_err();
            assert_eq!(written.trouble, expected, "{written}");
        }
        assert!(!format!("{checked:?} {settings:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_process_without_its_bucket_says_so_and_works() {
    let bucket = Bucket::of_the_run();
    let nowhere = format!("http://127.0.0.1:{}", place::free_port());
    let there = format!("http://127.0.0.1:{}", bucket.port);
    for (endpoint, expected) in [(&there, "ok"), (&nowhere, "the store does not answer")] {
        let stack = Stack::with_workers(
            1,
            &[
                ("S3_ENDPOINT", endpoint.as_str()),
                ("S3_BUCKET", &bucket.name),
                ("S3_ACCESS_KEY_ID", &bucket.key),
                ("S3_SECRET_ACCESS_KEY", &bucket.secret),
            ],
        )
        .await;
        for port in [stack.apis[0].ops_port, stack.workers[0].ops_port, stack.schedulers[0].ops_port] {
            let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz")).await.unwrap();
            assert_eq!(answer.status(), 200);
            let told: serde_json::Value = answer.json().await.unwrap();
            let objects = told["checks"]["objects"].as_str().unwrap_or_default();
            assert!(objects.starts_with(expected), "{told}");
        }
    }
}
