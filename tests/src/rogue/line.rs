//! A client's connection to the rogue.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::packets::{self, column, framed, number, text};
use super::{Reply, Seen, lock};

/// A part of a packet that goes on.
const PART: usize = 0xFF_FFFF;

pub(super) struct Line {
    socket: TcpStream,
    seen: Arc<Mutex<Seen>>,
    next: u8,
    done: bool,
}

impl Line {
    pub(super) fn new(socket: TcpStream, seen: Arc<Mutex<Seen>>) -> Self {
        Self { socket, seen, next: 0, done: false }
    }

    /// A line that somebody else has served so far, up to the packet before this number.
    pub(super) fn taken_over(socket: TcpStream, seen: Arc<Mutex<Seen>>, next: u8) -> Self {
        Self { socket, seen, next, done: false }
    }

    /// Bytes as they are.
    pub(super) async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// A packet.
    pub(super) async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let packet = framed(payload, self.next);
        self.next = self.next.wrapping_add(1);
        self.raw(&packet).await
    }

    /// The client's next packet.
    pub(super) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let head = self.socket.read_u32_le().await?;
        let mut payload = vec![0; (head & 0xFF_FFFF) as usize];
        self.socket.read_exact(&mut payload).await?;
        self.next = head.to_le_bytes()[3].wrapping_add(1);
        let mut seen = lock(&self.seen);
        seen.received.push(payload.clone());
        if self.done {
            seen.after.push(payload.clone());
        }
        Ok(payload)
    }

    /// Takes whatever comes until the client leaves.
    pub(super) async fn listen(&mut self) -> io::Result<()> {
        loop {
            self.receive().await?;
        }
    }

    /// What a server would answer, near enough: one row of four values to whoever asks.
    pub(super) async fn honest(&mut self, statement: &str) -> io::Result<()> {
        let asks = ["SELECT", "SHOW"]
            .iter()
            .any(|word| statement.get(1..).is_some_and(|text| text.starts_with(word)));
        if !asks {
            return self.send(&packets::OK).await;
        }
        self.columns(4).await?;
        let first: &[u8] = match statement {
            lock if lock.contains("GET_LOCK") => b"1",
            lock if lock.contains("IS_USED_LOCK") => b"0",
            // It works for whoever asks.
            busy if busy.contains("PROCESSLIST") => b"1",
            _ => b"d",
        };
        self.send(&[text(first), text(b"0"), text(b"8.4.0"), text(b"7")].concat()).await?;
        self.send(&packets::END).await
    }

    /// The script's answer.
    pub(super) async fn worst(&mut self, reply: &Reply) -> io::Result<()> {
        self.done = true;
        match reply {
            Reply::File(name) => {
                self.send(&[&[0xFB], name.as_bytes()].concat()).await?;
                self.listen().await
            }
            Reply::Columns(count) => {
                self.send(&number(*count)).await?;
                self.for_ever(&column("c")).await
            }
            Reply::Rows(bytes) => {
                self.columns(1).await?;
                self.for_ever(&text(&vec![b'x'; *bytes])).await
            }
            Reply::Rising => {
                self.columns(2).await?;
                let mut pace = tokio::time::interval(std::time::Duration::from_millis(10));
                for number in 1.. {
                    pace.tick().await;
                    let row = [text(format!("{number}").as_bytes()), text(&[b'x'; 16_384])].concat();
                    self.send(&row).await?;
                }
                Ok(())
            }
            Reply::EmptyRow => {
                self.columns(1).await?;
                self.send(&[]).await?;
                self.listen().await
            }
            Reply::Sets => loop {
                self.columns(1).await?;
                self.send(&packets::MORE).await?;
            },
            Reply::Packets(packets) => {
                for packet in packets {
                    self.send(packet).await?;
                }
                self.listen().await
            }
            Reply::Crumbs => {
                self.columns(2).await?;
                let mut drip = tokio::time::interval(std::time::Duration::from_millis(500));
                for byte in framed(&text(&[b'x'; 4096]), self.next) {
                    drip.tick().await;
                    self.raw(&[byte]).await?;
                }
                self.listen().await
            }
            Reply::AfterRows(then) => {
                self.send(b"\xFBlongshore").await?;
                while !self.receive().await?.is_empty() {}
                Box::pin(self.worst(then)).await
            }
            Reply::Parts => {
                let part = vec![b'x'; PART];
                loop {
                    self.send(&part).await?;
                }
            }
        }
    }

    /// One packet again and again. Numbers of packets come round after 256.
    async fn for_ever(&mut self, payload: &[u8]) -> io::Result<()> {
        let round: Vec<u8> = (0..=255).flat_map(|n| framed(payload, self.next.wrapping_add(n))).collect();
        loop {
            self.raw(&round).await?;
        }
    }

    async fn columns(&mut self, count: u8) -> io::Result<()> {
        self.send(&[count]).await?;
        for _ in 0..count {
            self.send(&column("c")).await?;
        }
        Ok(())
    }
}
