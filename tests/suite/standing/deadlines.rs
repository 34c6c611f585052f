//! A connection's time-out bounds the way and the login together, wherever they stand still.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::connection::Tls;
use longshore_shared::domain::examination::Stage;
use longshore_shared::vault::Secret;
use longshore_worker::engine::{Login, of};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

const GIVEN: Duration = Duration::from_millis(1_500);
/// A scheduler's whims; less than the second by which it was overrun.
const SLACK: Duration = Duration::from_millis(600);

/// A listener that takes no more connections: further SYNs are dropped.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 64, "the listener takes everybody");
    }
    (listener, waiting)
}

#[tokio::test]
async fn n21_a_time_out_is_kept_where_syns_are_dropped_and_where_nobody_speaks() {
    let (full, _waiting) = full().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (listener, stage) in [(&full, Stage::Tcp), (&silent, Stage::Login)] {
        for engine in [Engine::Mariadb, Engine::Postgresql] {
            let login = Login {
                address: listener.local_addr().unwrap(),
                server_name: "localhost".to_owned(),
                tls: Tls::default(),
                database: "x".to_owned(),
                username: "x".to_owned(),
                password: Secret::new("x".to_owned()),
                client_key: None,
                trust_server_key: true,
                timeout: GIVEN,
                tag: "longshore test".to_owned(),
                seat: None,
            };
            let begun = Instant::now();
            let halt = of(engine).examine(engine, &login).await.expect_err("nobody answers");
            let took = begun.elapsed();
            assert_eq!((halt.stage, halt.failure.code.as_str()), (stage, "connect_timeout"), "{engine}");
            assert!(took < GIVEN + SLACK, "{engine}, {stage}: {took:?}");
            assert!(!halt.failure.message.contains("seconds"), "{}", halt.failure.message);
        }
    }
}
