//! A PostgreSQL server that means ill: it answers as its script says, and keeps every byte that a
//! client sends.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// "Do you speak TLS?"
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What it does when it is its turn.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends this, and goes on.
    Send(Vec<u8>),
    /// Waits for whatever the client says next.
    Wait,
    /// Sends this again and again, for ever.
    ForEver(Vec<u8>),
    /// Sends this byte by byte, one a second.
    Drip(Vec<u8>),
    /// Closes.
    Close,
}

/// A rogue; it ends when it is dropped.
pub struct RoguePostgres {
    /// Its port on this machine.
    pub port: u16,
    received: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl RoguePostgres {
    /// Starts one that answers the question for TLS with `tls`, and what comes then by these acts.
    pub async fn start(tls: &'static [u8], acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let received = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, tls, acts, Arc::clone(&received)));
        Self { port, received, _tasks: tasks }
    }

    /// Every byte that clients have sent so far.
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A message of the protocol.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

async fn serve(listener: TcpListener, tls: &'static [u8], acts: Vec<Act>, received: Arc<Mutex<Vec<u8>>>) {
    let mut guests = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let guest = Guest { socket, received: Arc::clone(&received) };
        let acts = acts.clone();
        // However a guest leaves is fine.
        guests.spawn(async move { drop(guest.play(tls, acts).await) });
        while guests.try_join_next().is_some() {}
    }
}

struct Guest {
    socket: TcpStream,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Guest {
    async fn play(mut self, tls: &[u8], acts: Vec<Act>) -> io::Result<()> {
        if self.hear().await?.starts_with(&SSL_REQUEST) {
            self.socket.write_all(tls).await?;
            self.hear().await?;
        }
        for act in acts {
            match act {
                Act::Send(bytes) => self.socket.write_all(&bytes).await?,
                Act::Wait => drop(self.hear().await?),
                Act::ForEver(bytes) => loop {
                    self.socket.write_all(&bytes).await?;
                },
                Act::Drip(bytes) => {
                    let mut drip = tokio::time::interval(Duration::from_secs(1));
                    for byte in bytes {
                        drip.tick().await;
                        self.socket.write_all(&[byte]).await?;
                    }
                }
                Act::Close => return Ok(()),
            }
        }
        loop {
            self.hear().await?;
        }
    }

    /// What the client sends next; an error once it is gone.
    async fn hear(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64 << 10];
        let length = self.socket.read(&mut bytes).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(length);
        self.received.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes);
        Ok(bytes)
    }
}
