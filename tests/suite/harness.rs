//! The harness's own tools do what their names say; no process of Longshore is needed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use longshore_tests::place::free_port;
use longshore_tests::proxy::{Direction, End, Flow, Proxy};
use longshore_tests::wait::{seconds, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets.
async fn echo() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let tasks = tokio_util::task::TaskTracker::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                tasks.spawn(async move {
                    let (mut from, mut to) = socket.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
    });
    port
}

async fn through(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap()
}

/// Sends so many bytes; how many come back before the end, the reset, or a while.
async fn sent_and_back(socket: &mut TcpStream, bytes: usize) -> (usize, &'static str) {
    if socket.write_all(&vec![7; bytes]).await.is_err() {
        return (0, "reset");
    }
    let (mut got, mut piece) = (0, vec![0; 65_536]);
    while got < bytes {
        match tokio::time::timeout(Duration::from_millis(700), socket.read(&mut piece)).await {
            Err(_) => return (got, "silence"),
            Ok(Ok(0)) => return (got, "end"),
            Ok(Ok(size)) => got += size,
            Ok(Err(_)) => return (got, "reset"),
        }
    }
    (got, "all")
}

#[tokio::test]
async fn the_proxy_spoils_connections_as_it_is_told() {
    let proxy = Proxy::before(echo().await);
    for (flow, bytes, expected) in [
        (Flow::Pass, 100_000, (100_000, "all")),
        (Flow::CutEach(1_000, End::Close), 999, (999, "all")),
        (Flow::CutEach(1_000, End::Close), 1_000, (1_000, "all")),
        (Flow::CutEach(1_000, End::Close), 1_200, (1_000, "end")),
        (Flow::CutEach(1_000, End::Reset), 1_200, (1_000, "reset")),
        (Flow::CutOnce(500, End::Close), 501, (500, "end")),
        (Flow::Swallow, 10, (0, "silence")),
        (Flow::HalfOpen, 10, (0, "silence")),
    ] {
        proxy.set(Flow::Pass);
        let mut socket = through(&proxy).await;
        assert_eq!(sent_and_back(&mut socket, 1).await, (1, "all"));
        proxy.set_one(Direction::ToClient, flow);
        let (got, how) = sent_and_back(&mut socket, bytes).await;
        // A reset may overtake what was sent before it.
        let fits = how == expected.1 && (got == expected.0 || how == "reset" && got <= expected.0);
        assert!(fits || (expected.1 == "end" && how == "reset"), "{flow:?}: {got} bytes, then {how}");
    }
    proxy.set(Flow::CutOnce(50, End::Close));
    assert_ne!(sent_and_back(&mut through(&proxy).await, 60).await.1, "all");
    proxy.set(Flow::Pass);
    assert_eq!(proxy.counts().connections, 9);
    assert!(proxy.counts().to_server > 100_000, "{:?}", proxy.counts());
}

#[tokio::test]
async fn a_half_open_connection_is_unacknowledged_and_heals() {
    let proxy = Proxy::before(echo().await);
    let mut socket = through(&proxy).await;
    // What comes before the proxy has taken the connection is acknowledged by the kernel.
    assert_eq!(sent_and_back(&mut socket, 10).await, (10, "all"));
    proxy.set(Flow::HalfOpen);
    assert_eq!(sent_and_back(&mut socket, 10).await, (0, "silence"));
    // The peer's kernel keeps what was never acknowledged, and sends it again.
    proxy.set(Flow::Pass);
    let mut piece = [0; 10];
    tokio::time::timeout(seconds(20), socket.read_exact(&mut piece)).await.expect("it heals").unwrap();

    // With a bound on the time without acknowledgement the end is told.
    socket2::SockRef::from(&socket).set_tcp_user_timeout(Some(seconds(2))).unwrap();
    proxy.set(Flow::HalfOpen);
    socket.write_all(b"lost").await.unwrap();
    let told = tokio::time::timeout(seconds(20), socket.read(&mut piece)).await.expect("it is told");
    assert_eq!(told.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn the_proxy_refuses_resets_and_slows_down() {
    let proxy = Proxy::before(echo().await);
    let mut socket = through(&proxy).await;
    assert_eq!(sent_and_back(&mut socket, 5).await, (5, "all"));
    proxy.refuse(true).await;
    assert_eq!(sent_and_back(&mut socket, 5).await, (5, "all"), "only new connections are refused");
    proxy.refuse(false).await;
    proxy.end_all(End::Reset);
    until("it is reset", seconds(5), async || {
        (sent_and_back(&mut socket, 5).await.1 == "reset").then_some(())
    })
    .await;
    let mut socket = through(&proxy).await;
    proxy.set_one(Direction::ToServer, Flow::Slow(Duration::from_millis(400)));
    let begun = Instant::now();
    assert_eq!(sent_and_back(&mut socket, 5).await, (5, "all"));
    assert!(begun.elapsed() >= Duration::from_millis(400));
    proxy.set_one(Direction::ToServer, Flow::Throttle(20_000));
    let begun = Instant::now();
    assert_eq!(sent_and_back(&mut socket, 20_000).await, (20_000, "all"));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn no_port_is_handed_out_twice_whoever_asks() {
    let ours: BTreeSet<u16> = (0..400).map(|_| free_port()).collect();
    assert_eq!(ours.len(), 400);
    let program = "import ports; print(*(ports.free_port() for _ in range(400)))";
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/local");
    let asked = std::process::Command::new("python3").args(["-c", program]).current_dir(folder).output();
    let answer = String::from_utf8(asked.unwrap().stdout).unwrap();
    let theirs: BTreeSet<u16> = answer.split_whitespace().map(|port| port.parse().unwrap()).collect();
    assert_eq!((theirs.len(), theirs.intersection(&ours).count()), (400, 0));
}
