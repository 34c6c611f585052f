//! Somebody between a client and an honest MySQL server, who is honest until a statement comes.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::line::Line;
use super::{Reply, Seen, lock};

const BUFFER: usize = 64 << 10;
const QUERY: u8 = 3;
/// `CLIENT_LOCAL_FILES`.
const FILES: u8 = 0x80;

/// What one client said.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// It told the server that it has files.
    pub has_files: bool,
    /// Its statements.
    pub statements: Vec<String>,
}

/// The one between; it ends when it is dropped.
pub struct Between {
    /// Its port on this machine.
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    _tasks: JoinSet<()>,
}

impl Between {
    /// Stands before the server at this port; the first statement of a client that holds these
    /// words gets the reply.
    pub async fn start(server: u16, turn: Option<(&'static str, Reply)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (seen, heard) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        let place = Place { server, turn, seen: Arc::clone(&seen), heard: Arc::clone(&heard) };
        tasks.spawn(serve(listener, place));
        Self { port, seen, heard, _tasks: tasks }
    }

    /// What each client has said so far, up to the turn.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("nobody panicked").clone()
    }

    /// What clients have sent after the turn, packet by packet.
    pub fn answered(&self) -> Vec<Vec<u8>> {
        lock(&self.seen).received.clone()
    }
}

#[derive(Clone)]
struct Place {
    server: u16,
    turn: Option<(&'static str, Reply)>,
    seen: Arc<Mutex<Seen>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

async fn serve(listener: TcpListener, place: Place) {
    let mut guests = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        // However a guest leaves is fine.
        let place = place.clone();
        guests.spawn(async move { drop(stand(client, place).await) });
        while guests.try_join_next().is_some() {}
    }
}

async fn stand(mut client: TcpStream, place: Place) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", place.server)).await?;
    let mut buffers = (vec![0; BUFFER], vec![0; BUFFER]);
    let (mut held, mut number) = (Vec::new(), None);
    loop {
        tokio::select! {
            read = client.read(&mut buffers.0) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                held.extend(&buffers.0[..length]);
                while let Some(packet) = first(&held) {
                    let me = *number.get_or_insert_with(|| place.enter());
                    if let Some(reply) = place.hear(me, &packet) {
                        let mut line = Line::taken_over(client, Arc::clone(&place.seen), packet[3].wrapping_add(1));
                        return line.worst(reply).await;
                    }
                    server.write_all(&packet).await?;
                    held.drain(..packet.len());
                }
            }
            read = server.read(&mut buffers.1) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                client.write_all(&buffers.1[..length]).await?;
            }
        }
    }
}

/// The first packet, with its head, if it is whole.
fn first(held: &[u8]) -> Option<Vec<u8>> {
    let head = held.first_chunk::<4>()?;
    let length = u32::from_le_bytes(*head) & 0xFF_FFFF;
    held.get(..length as usize + 4).map(<[u8]>::to_vec)
}

impl Place {
    fn enter(&self) -> usize {
        let mut heard = self.heard.lock().expect("nobody panicked");
        heard.push(Heard::default());
        heard.len() - 1
    }

    /// Remembers what was said; answers what is to be replied in the server's place.
    fn hear(&self, client: usize, packet: &[u8]) -> Option<&Reply> {
        let (head, said) = packet.split_at(4);
        let mut heard = self.heard.lock().expect("nobody panicked");
        let heard = &mut heard[client];
        // The first packet answers the greeting.
        if head[3] == 1 && heard.statements.is_empty() && said.len() > 32 && said[0] != QUERY {
            heard.has_files = said[0] & FILES != 0;
        }
        if head[3] != 0 || said.first() != Some(&QUERY) {
            return None;
        }
        let statement = String::from_utf8_lossy(&said[1..]).into_owned();
        let turn = self.turn.as_ref().filter(|(words, _)| statement.contains(words));
        heard.statements.push(statement);
        turn.map(|(_, reply)| reply)
    }
}
