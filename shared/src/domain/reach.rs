//! What a connection leads to, and which of its secrets a change of that exposes (T11).
//!
//! A stored secret is meant for the server that its owner saw when he gave it. Whoever may
//! edit a connection and does not know its password must not be able to have it sent
//! elsewhere: a changed way asks for every secret again that would go along it.

use super::connection::Connection;
use super::hop::{Hop, HopLogin};
use super::secret::SecretName;

/// The stored secrets without which nothing is reached, in the order of the way.
pub fn needed(connection: &Connection) -> Vec<SecretName> {
    let hops = (1..).zip(&connection.hops).map(|(number, hop)| match hop.login {
        HopLogin::Password => SecretName::HopPassword(number),
        HopLogin::Key => SecretName::HopKey(number),
    });
    let shown = connection.tls.client_certificate.as_ref().map(|_| SecretName::TlsClientKey);
    let stored = (!connection.ask_password).then_some(SecretName::Password);
    hops.chain(shown).chain(stored).collect()
}

/// The names of all that may be stored of a connection but one, which is given anew.
pub fn stored_but(connection: &Connection, anew: SecretName) -> Vec<SecretName> {
    let phrase = |name: &SecretName| match name {
        SecretName::HopKey(hop) => Some(SecretName::HopPassphrase(*hop)),
        _ => None,
    };
    let mut stored = needed(connection);
    let phrases: Vec<_> = stored.iter().filter_map(phrase).collect();
    stored.extend(phrases);
    stored.retain(|name| *name != anew);
    stored
}

/// Whether both lead to the same server by the same way, as the same account.
pub fn is_same(before: &Connection, after: &Connection) -> bool {
    same_hops(before, after) == before.hops.len().max(after.hops.len()) && is_same_end(before, after)
}

/// Whether what a job began with is there no more: it leads to another database, or there by
/// another way.
pub fn leads_elsewhere(before: &Connection, after: &Connection) -> bool {
    !is_same(before, after) || before.database != after.database
}

/// Those of the changed connection's secrets that were given for another way or are not
/// stored at all, in the order of the way. They must be given again.
pub fn exposed(before: &Connection, after: &Connection) -> Vec<SecretName> {
    let (same, stored) = (same_hops(before, after), needed(before));
    let kept = |name: SecretName| match name {
        SecretName::Password => stored.contains(&name) && is_same(before, after),
        // It signs and is not sent: a key goes with its certificate, whoever sees that.
        SecretName::TlsClientKey => {
            stored.contains(&name) && before.tls.client_certificate == after.tls.client_certificate
        }
        SecretName::HopPassword(hop) | SecretName::HopKey(hop) | SecretName::HopPassphrase(hop) => {
            hop <= same && stored.contains(&name)
        }
        // Of jobs, whose connections keep where they led when these were given; of nothing that is dialled.
        SecretName::SourcePassword | SecretName::TargetPassword | SecretName::SigningKey => true,
    };
    needed(after).into_iter().filter(|name| !kept(*name)).collect()
}

/// How many hops, from the outermost one, are the same in both.
fn same_hops(before: &Connection, after: &Connection) -> usize {
    before.hops.iter().zip(&after.hops).take_while(|(before, after)| is_same_hop(before, after)).count()
}

/// A host key that is confirmed for the first time changes nothing: nobody was let in before.
fn is_same_hop(before: &Hop, after: &Hop) -> bool {
    let place = |hop: &Hop| (hop.host.clone(), hop.port, hop.username.clone());
    place(before) == place(after) && (before.host_key.is_none() || before.host_key == after.host_key)
}

fn is_same_end(before: &Connection, after: &Connection) -> bool {
    (before.engine, before.connection_type) == (after.engine, after.connection_type)
        && (&before.host, before.port) == (&after.host, after.port)
        && (&before.username, &before.tls) == (&after.username, &after.tls)
}

#[cfg(test)]
mod tests;
