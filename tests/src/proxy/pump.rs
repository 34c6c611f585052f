//! Bytes from one socket to the other, as the orders say.

use std::io::{self, ErrorKind};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::Direction;
use super::shared::{Fate, Pair, Shared, Tally};

/// Small, so that a throttled or slow connection has no large steps.
const PIECE: usize = 8 * 1024;

/// Pumps both directions until both have ended or one failed.
pub(super) async fn both(pair: &Pair, shared: &Shared) {
    let there = one(pair, &pair.client, &pair.server, Direction::ToServer, shared);
    let back = one(pair, &pair.server, &pair.client, Direction::ToClient, shared);
    let _ = futures::future::try_join(there, back).await;
}

async fn one(
    pair: &Pair,
    from: &TcpStream,
    to: &TcpStream,
    direction: Direction,
    shared: &Shared,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut tally = Tally::default();
    loop {
        let size = read(from, &mut piece).await?;
        if size == 0 && shared.is_lost(direction) {
            // The end is lost too.
            return std::future::pending().await;
        }
        if size == 0 {
            return SockRef::from(to).shutdown(std::net::Shutdown::Write);
        }
        match shared.decide(direction, &mut tally, size) {
            Fate::Pass(pause) => {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                write(to, &piece[..size]).await?;
            }
            Fate::Cut(rest, how) => {
                write(to, &piece[..rest]).await?;
                pair.end(how);
                return Ok(());
            }
            Fate::Lost => {}
        }
    }
}

async fn read(from: &TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

async fn write(to: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        to.writable().await?;
        match to.try_write(rest) {
            Ok(size) => rest = &rest[size..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
