//! Why the way to a database ended at a hop, in words a person can act on.
//!
//! Invariants: no secret and nothing of a key but its fingerprint; a wrong login or a
//! changed host key is never tried again, a lost connection is.

use std::io;

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use russh::{ChannelOpenFailure, Error};

use super::ssh::Stopped;

/// `who` names the connection and the hop.
pub(super) fn of_hop(who: &str, stopped: &Stopped) -> Failure {
    match stopped {
        Stopped::KeyUnknown(shown) => Failure::permanent(
            FailureCode::HostKeyUnknown,
            format!("{who}: nobody has confirmed this host's key yet; it shows {shown}"),
        ),
        Stopped::KeyChanged { shown, pinned } => Failure::permanent(
            FailureCode::HostKeyChanged,
            format!("{who}: the host shows another key ({shown}) than the one that was confirmed ({pinned})"),
        ),
        Stopped::Key(unusable) => {
            Failure::permanent(unusable.code, format!("{who}: {}", unusable.what)).with_hint(unusable.hint)
        }
        Stopped::Refused(methods) => Failure::permanent(
            FailureCode::SshLoginRefused,
            format!("{who}: the host did not let the account in; it takes: {methods}"),
        ),
        Stopped::SecondFactor => Failure::permanent(
            FailureCode::SshSecondFactor,
            format!("{who}: the host asks for a second factor"),
        ),
        Stopped::Forward(why) => of_channel(who, "the next host", why),
        Stopped::Lost(error) => of_session(who, error),
    }
}

/// The last hop did not connect to the database.
pub(super) fn of_forward(who: &str, connection: &Connection, why: &ChannelOpenFailure) -> Failure {
    of_channel(who, &format!("the database at {}:{}", connection.host, connection.port), why)
}

fn of_channel(who: &str, to: &str, why: &ChannelOpenFailure) -> Failure {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited | ChannelOpenFailure::UnknownChannelType => {
            Failure::permanent(
                FailureCode::SshForwardProhibited,
                format!("{who}: the SSH host does not let this account connect to {to}"),
            )
        }
        ChannelOpenFailure::ConnectFailed => Failure::transient(
            FailureCode::UnreachableFromHop,
            format!("{who}: the SSH host could not connect to {to}"),
        ),
        ChannelOpenFailure::ResourceShortage | ChannelOpenFailure::Other { .. } => Failure::transient(
            FailureCode::SshBusy,
            format!("{who}: the SSH host could not open another channel to {to}"),
        ),
    }
}

fn of_session(who: &str, error: &Error) -> Failure {
    match error {
        Error::NoCommonAlgo { kind, .. } => Failure::permanent(
            FailureCode::SshNoCommonAlgorithm,
            format!("{who}: the host offers no {kind:?} algorithm that is still held safe"),
        ),
        Error::Version => {
            Failure::permanent(FailureCode::NotSsh, format!("{who}: what answers there is no SSH server"))
        }
        Error::IO(error) => not_connected(who, error),
        _ => Failure::transient(FailureCode::ConnectionLost, format!("{who}: the SSH session was lost"))
            .with_hint("check the network and the host's log; it is tried again by itself"),
    }
}

/// A connection to the first hop that did not come about.
pub(super) fn not_connected(who: &str, error: &io::Error) -> Failure {
    let (code, what) = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            (FailureCode::ConnectionRefused, "the host refuses connections on this port")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            (FailureCode::Unreachable, "there is no route to the host")
        }
        io::ErrorKind::TimedOut => (FailureCode::ConnectTimeout, "the host does not answer"),
        _ => (FailureCode::ConnectionLost, "the connection was lost"),
    };
    let hint = "check the hop's host, port and firewalls, and that its SSH server runs";
    Failure::transient(code, format!("{who}: {what}")).with_hint(hint)
}

/// The connection's time-out passed on the way.
pub(super) fn too_slow(who: &str, seconds: u32) -> Failure {
    Failure::transient(
        FailureCode::ConnectTimeout,
        format!("{who}: not passed within the connection's {seconds} seconds"),
    )
    .with_hint("check the hop's load and the network, or allow the connection a longer time-out")
}

/// The hops' secrets are fewer than the hops.
pub(super) fn secrets_missing(who: &str) -> Failure {
    Failure::permanent(FailureCode::ConnectionDeleted, format!("{who}: it has no way in"))
        .with_hint("register it again")
}

pub(super) fn no_local_end(who: &str, error: &io::Error) -> Failure {
    Failure::transient(
        FailureCode::NoLocalEnd,
        format!("{who}: the tunnel's local end could not be made ({})", error.kind()),
    )
}
