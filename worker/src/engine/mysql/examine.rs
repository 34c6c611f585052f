//! A look at a server for a person who registers it: how far a login comes, what the server
//! is, which rights the account lacks.
//!
//! Invariants: the login names no database, so that a wrong password and a missing database
//! are told apart; nothing is changed; each answer is bounded by the login's time-out.

mod facts;
mod grants;
mod needs;
mod rights;

use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::time::timeout;

pub(super) use self::needs::lacks;
use super::super::{Halt, Hidden, Login, Look, network};
use super::connect::{Line, Session};
use super::quote::ident;

/// What a person ought to know of a login without TLS that the server's own key made possible.
const KEY_ON_TRUST: &str = "the password was sent under a key that the server sent itself and that was taken on \
     trust: whoever answers in its place could read it; TLS with verify-full would prove the server";

pub(super) async fn examine(engine: Engine, login: &Login) -> Result<Look, Halt> {
    let doing = format!("log in to {}", login.address);
    let entering = Box::pin(Session::enter(login, &doing));
    let conn = match network::within(login, entering).await {
        Ok(entered) => entered.map_err(|failure| Halt { stage: stage_of(&failure), failure })?,
        Err(stage) => return Err(Halt { stage, failure: network::timed_out(&doing) }),
    };
    let handshake = u64::from(conn.id());
    let looking = Box::pin(look(engine, login, conn, handshake));
    timeout(login.timeout, looking).await.unwrap_or_else(|_| {
        let failure = network::timed_out(&format!("look at {}", login.address));
        Err(Halt { stage: Stage::Server, failure })
    })
}

async fn look(engine: Engine, login: &Login, conn: Line, handshake: u64) -> Result<Look, Halt> {
    let at = |stage: Stage| move |failure: Failure| Halt { stage, failure };
    let doing = format!("look at {}", login.address);
    let took_key = conn.took_server_key();
    let mut session = Session::settle(conn, &doing).await.map_err(at(Stage::Server))?;
    let using = format!("use database {}", login.database);
    session.execute(&format!("USE {}", ident(&login.database)), &using).await.map_err(at(Stage::Database))?;
    let known = facts::known(&mut session, handshake, &doing).await.map_err(at(Stage::Server))?;
    let mut server = facts::server(&mut session, engine, &known, &doing).await.map_err(at(Stage::Server))?;
    server.warnings.extend(took_key.then(|| KEY_ON_TRUST.to_owned()));
    let (features, syncs) = rights::features(&mut session, &login.database, &known, &doing)
        .await
        .map_err(at(Stage::Privileges))?;
    Ok(Look { server, features, syncs })
}

pub(super) async fn hidden(s: &mut Session) -> super::super::Result<Hidden> {
    rights::hidden(s).await
}

/// Whether the account surely sees the tables of every database.
pub(super) async fn sees_all(s: &mut Session) -> super::super::Result<bool> {
    rights::sees_all(s).await
}

/// Where a login came to its end.
fn stage_of(failure: &Failure) -> Stage {
    match failure.code {
        FailureCode::ConnectionRefused | FailureCode::Unreachable => Stage::Tcp,
        code if code.is_of_tls() => Stage::Tls,
        _ => Stage::Login,
    }
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::failure::{Failure, FailureCode};

    use super::{Stage, stage_of};

    #[test]
    fn stages() {
        for (code, stage) in [
            (FailureCode::ConnectionRefused, Stage::Tcp),
            (FailureCode::Unreachable, Stage::Tcp),
            (FailureCode::TlsExpired, Stage::Tls),
            (FailureCode::TlsRequired, Stage::Tls),
            (FailureCode::LoginRefused, Stage::Login),
            (FailureCode::ConnectionLost, Stage::Login),
        ] {
            let failure = Failure::permanent(code, "x");
            assert_eq!(stage_of(&failure), stage, "{code}");
        }
    }
}
