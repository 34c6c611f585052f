//! A MySQL server that means ill: it lets a client in (or not) and answers as its script says.
//!
//! It speaks as much of the protocol as a client needs to come as far as the script wants, and
//! keeps every byte that a client sends. Deliberately not here: TLS, passwords that are checked.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

mod between;
mod line;
mod packets;
mod postgres;

pub use between::{Between, Heard};
use line::Line;
pub use packets::{OK, handshake};
pub use postgres::{Act, RoguePostgres, message};

/// What it does.
#[derive(Clone, Debug)]
pub enum Script {
    /// Sends these bytes in place of a handshake, and closes.
    Greeting(Vec<u8>),
    /// Sends this in place of a handshake, again and again, for ever.
    GreetingForEver(Vec<u8>),
    /// Sends a handshake, one byte a second.
    Drip,
    /// Wants another way of login, with this nonce, and answers each answer with the next packet.
    Switch(&'static str, Vec<u8>, Vec<Vec<u8>>),
    /// Lets the client in; answers statements that hold these words with this, others honestly.
    Answer(&'static str, Reply),
}

/// What answers a statement.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A request for this file.
    File(String),
    /// A result set that says it has so many columns, and then definitions for ever.
    Columns(u64),
    /// A result set whose rows do not end: each a value of so many bytes.
    Rows(usize),
    /// Rows of a rising number and a text, a hundred a second, for ever.
    Rising,
    /// A result set whose first row is a packet without any byte.
    EmptyRow,
    /// One result set after another.
    Sets,
    /// A packet whose parts of 16 MiB do not end.
    Parts,
    /// These packets, whatever they are.
    Packets(Vec<Vec<u8>>),
    /// A row of two values that comes byte by byte, two a second.
    Crumbs,
    /// What a load is answered with: the rows are asked for and taken. Then this.
    AfterRows(Box<Reply>),
}

#[derive(Debug, Default)]
struct Seen {
    /// Every packet of every client.
    received: Vec<Vec<u8>>,
    /// What came after the script did its worst.
    after: Vec<Vec<u8>>,
}

/// A rogue; it ends when it is dropped.
pub struct Rogue {
    /// Its port on this machine.
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl Rogue {
    /// Starts one.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, script, Arc::clone(&seen)));
        Self { port, seen, _tasks: tasks }
    }

    /// Every packet that clients have sent so far.
    pub fn received(&self) -> Vec<Vec<u8>> {
        lock(&self.seen).received.clone()
    }

    /// What clients have sent after the script's answer, packet by packet.
    pub fn answered(&self) -> Vec<Vec<u8>> {
        lock(&self.seen).after.clone()
    }
}

async fn serve(listener: TcpListener, script: Script, seen: Arc<Mutex<Seen>>) {
    let mut guests = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let line = Line::new(socket, Arc::clone(&seen));
        let script = script.clone();
        // However a guest leaves is fine.
        guests.spawn(async move { drop(play(line, script).await) });
        while guests.try_join_next().is_some() {}
    }
}

async fn play(mut line: Line, script: Script) -> std::io::Result<()> {
    match script {
        Script::Greeting(bytes) => line.raw(&bytes).await,
        Script::GreetingForEver(bytes) => loop {
            line.raw(&bytes).await?;
        },
        Script::Drip => {
            let mut drip = tokio::time::interval(crate::wait::seconds(1));
            for byte in packets::framed(&handshake(&[b'n'; 20]), 0) {
                drip.tick().await;
                line.raw(&[byte]).await?;
            }
            line.listen().await
        }
        Script::Switch(plugin, nonce, replies) => {
            line.send(&handshake(&[b'n'; 20])).await?;
            line.receive().await?;
            line.send(&packets::switch(plugin, &nonce)).await?;
            for reply in replies {
                line.receive().await?;
                line.send(&reply).await?;
            }
            line.listen().await
        }
        Script::Answer(words, reply) => {
            line.send(&handshake(&[b'n'; 20])).await?;
            line.receive().await?;
            line.send(&packets::OK).await?;
            loop {
                let statement = String::from_utf8_lossy(&line.receive().await?).into_owned();
                if statement.contains(words) {
                    return line.worst(&reply).await;
                }
                line.honest(&statement).await?;
            }
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
