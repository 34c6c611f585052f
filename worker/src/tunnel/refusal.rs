//! Why the way to a database ended at a hop, in words a person can act on.
//!
//! Invariants: no secret and nothing of a key but its fingerprint; a wrong login or a
//! changed host key is never tried again, a lost connection is.

use std::io;

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureClass};
use russh::{ChannelOpenFailure, Error};

use super::ssh::Stopped;

const CLASS: FailureClass = FailureClass::ConnectionFailure;

/// `who` names the connection and the hop.
pub(super) fn of_hop(who: &str, stopped: &Stopped) -> Failure {
    match stopped {
        Stopped::KeyUnknown(shown) => Failure::permanent(
            CLASS,
            "host_key_unknown",
            format!("{who}: nobody has confirmed this host's key yet; it shows {shown}"),
            "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and \
             confirm it for the connection (host-keys)",
        ),
        Stopped::KeyChanged { shown, pinned } => Failure::permanent(
            CLASS,
            "host_key_changed",
            format!("{who}: the host shows another key ({shown}) than the one that was confirmed ({pinned})"),
            "somebody may be in between: ask the host's administrator whether its key was changed, and only then \
             confirm the new fingerprint",
        ),
        Stopped::Key(unusable) => {
            Failure::permanent(CLASS, unusable.code, format!("{who}: {}", unusable.what), unusable.hint)
        }
        Stopped::Refused(methods) => Failure::permanent(
            CLASS,
            "ssh_login_refused",
            format!("{who}: the host did not let the account in; it takes: {methods}"),
            "check the hop's user, its password or private key, and the account's authorized_keys",
        ),
        Stopped::SecondFactor => Failure::permanent(
            CLASS,
            "ssh_second_factor",
            format!("{who}: the host asks for a second factor"),
            "give Longshore an account that logs in by a password or a key alone",
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
                CLASS,
                "ssh_forward_prohibited",
                format!("{who}: the SSH host does not let this account connect to {to}"),
                "allow TCP forwarding for the account there (AllowTcpForwarding, PermitOpen in sshd_config)",
            )
        }
        ChannelOpenFailure::ConnectFailed => Failure::transient(
            CLASS,
            "unreachable_from_hop",
            format!("{who}: the SSH host could not connect to {to}"),
            "check host and port as the SSH host sees them: `localhost` is the SSH host itself",
        ),
        ChannelOpenFailure::ResourceShortage | ChannelOpenFailure::Other { .. } => Failure::transient(
            CLASS,
            "ssh_busy",
            format!("{who}: the SSH host could not open another channel to {to}"),
            "look at the SSH host's load and limits (MaxSessions, MaxStartups)",
        ),
    }
}

fn of_session(who: &str, error: &Error) -> Failure {
    match error {
        Error::NoCommonAlgo { kind, .. } => Failure::permanent(
            CLASS,
            "ssh_no_common_algorithm",
            format!("{who}: the host offers no {kind:?} algorithm that is still held safe"),
            "bring the host's SSH server up to date",
        ),
        Error::Version => Failure::permanent(
            CLASS,
            "not_ssh",
            format!("{who}: what answers there is no SSH server"),
            "check the hop's host and port",
        ),
        Error::IO(error) => not_connected(who, error),
        _ => Failure::transient(
            CLASS,
            "connection_lost",
            format!("{who}: the SSH session was lost"),
            "check the network and the host's log; it is tried again by itself",
        ),
    }
}

/// A connection to the first hop that did not come about.
pub(super) fn not_connected(who: &str, error: &io::Error) -> Failure {
    let (code, what) = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            ("connection_refused", "the host refuses connections on this port")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ("unreachable", "there is no route to the host")
        }
        io::ErrorKind::TimedOut => ("connect_timeout", "the host does not answer"),
        _ => ("connection_lost", "the connection was lost"),
    };
    let hint = "check the hop's host, port and firewalls, and that its SSH server runs";
    Failure::transient(CLASS, code, format!("{who}: {what}"), hint)
}

/// The connection's time-out passed on the way.
pub(super) fn too_slow(who: &str, seconds: u32) -> Failure {
    Failure::transient(
        CLASS,
        "connect_timeout",
        format!("{who}: not passed within the connection's {seconds} seconds"),
        "check the hop's load and the network, or allow the connection a longer time-out",
    )
}

/// The hops' secrets are fewer than the hops.
pub(super) fn secrets_missing(who: &str) -> Failure {
    Failure::permanent(CLASS, "connection_deleted", format!("{who}: it has no way in"), "register it again")
}

pub(super) fn no_local_end(who: &str, error: &io::Error) -> Failure {
    Failure::transient(
        FailureClass::Internal,
        "no_local_end",
        format!("{who}: the tunnel's local end could not be made ({})", error.kind()),
        "look at the worker's limit of open files",
    )
}
