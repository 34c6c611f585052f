//! One server session: login, fixed settings, transactions, the named lock.

use mysql_async::Conn;

use super::super::shape::ServerInfo;
use super::super::{Login, Result};

/// What a session is for; decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Looks at structure.
    Look,
    /// Reads rows.
    Read,
    /// Writes rows and structure.
    Write,
}

/// A logged-in session.
pub(crate) struct Session {
    /// The driver's connection.
    pub(super) conn: Conn,
    /// What the server is.
    pub(super) info: ServerInfo,
    /// The schema it works in.
    pub(super) database: String,
    /// What it is for.
    pub(super) role: Role,
}

impl Session {
    /// Logs in within the login's time-out and fixes the session's settings.
    pub(crate) async fn open(_login: &Login, _role: Role) -> Result<Self> {
        todo!()
    }
}

pub(super) async fn raise_probe(_s: &mut Session, _name: &str) -> Result<()> {
    todo!()
}
pub(super) async fn sees_probe(_s: &mut Session, _name: &str) -> Result<bool> {
    todo!()
}
pub(super) async fn freeze(_s: &mut Session) -> Result<()> {
    todo!()
}
pub(super) async fn thaw(_s: &mut Session) -> Result<()> {
    todo!()
}
pub(super) async fn hold(_s: &mut Session, _name: &str) -> Result<()> {
    todo!()
}
pub(super) async fn begin(_s: &mut Session) -> Result<()> {
    todo!()
}
pub(super) async fn commit(_s: &mut Session) -> Result<()> {
    todo!()
}
pub(super) async fn rollback(_s: &mut Session) -> Result<()> {
    todo!()
}
