//! A backup is complete or it is not there (B5): whatever is changed in the bucket is found, by name.

use bytes::Bytes;
use longshore_tests::seeds;
use longshore_tests::wait::seconds;
use serde_json::json;

use super::{ask_of, made, shown, stack, verify};

#[tokio::test]
async fn f43_a_part_that_was_changed_cut_or_exchanged_is_found() {
    let (stack, shelf) = stack(1, &[]).await;
    seeds::shop(&stack.source, 200).await;
    stack.source.run("CREATE TABLE big (id INT PRIMARY KEY, word VARCHAR(200))").await;
    stack.source.run("INSERT INTO big SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_120000").await;
    let connection = stack.client.connection(&stack.source).await;
    let (job, backup) = ask_of(&stack, &connection, &json!({})).await;
    stack.client.completed(&job, seconds(60)).await;
    let shelved = shelf.package(&stack.control, &backup).await;
    let store = shelf.store().await;
    let (first, second) = (&shelved.manifest.parts[0], &shelved.manifest.parts[1]);
    let whole = store.read_whole(&first.key, 64 << 20).await.unwrap();
    let other = store.read_whole(&second.key, 64 << 20).await.unwrap();
    let mut flipped = whole.to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let (job, older) = ask_of(&stack, &connection, &json!({})).await;
    stack.client.completed(&job, seconds(60)).await;
    let older = shelf.package(&stack.control, &older).await.manifest.parts[0].key.clone();
    let older = store.read_whole(&older, 64 << 20).await.unwrap();
    for (what, content) in [
        ("flipped", Bytes::from(flipped)),
        ("cut", whole.slice(..whole.len() - 1)),
        ("longer", [&whole[..], b"x"].concat().into()),
        ("exchanged", other),
        ("another backup's", older),
        ("empty", Bytes::new()),
    ] {
        store.put(&first.key, content).await.unwrap();
        let ended = stack.client.ended(&verify(&stack, &backup).await, seconds(60)).await;
        assert_eq!(ended.state, "failed", "{what}");
        let failure = ended.failure.unwrap();
        assert_eq!(failure.code, "package_damaged", "{what}");
        assert!(failure.message.contains("big"), "{what}: {}", failure.message);
        assert!(shown(&stack, &backup).await["verified_at"].is_null());
    }
    store.delete(std::slice::from_ref(&first.key)).await.unwrap();
    let ended = stack.client.ended(&verify(&stack, &backup).await, seconds(60)).await;
    assert_eq!(ended.failure.unwrap().code, "package_damaged", "gone");
    store.put(&first.key, whole).await.unwrap();
    stack.client.completed(&verify(&stack, &backup).await, seconds(60)).await;
}

#[tokio::test]
async fn f43_a_manifest_that_is_another_one_is_found() {
    let (stack, shelf) = stack(1, &[]).await;
    seeds::shop(&stack.source, 20).await;
    let backup = made(&stack, &json!({})).await;
    let key: String = stack.control.value("SELECT manifest_key FROM packages").await;
    let store = shelf.store().await;
    let mut content = store.read_whole(&key, 64 << 20).await.unwrap().to_vec();
    content[100] ^= 4;
    store.put(&key, content.into()).await.unwrap();
    let ended = stack.client.ended(&verify(&stack, &backup).await, seconds(60)).await;
    assert_eq!(ended.failure.unwrap().code, "package_damaged");
}
