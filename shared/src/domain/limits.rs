//! Limits over the whole fleet: how many steps of an organisation may be out at once, and
//! how many sessions all workers together may have open on a connection.
//!
//! A step counts from its announcement to its end. Who may go next is decided here, for all
//! jobs of an organisation that a limit holds for, so that they take turns.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::id::{ConnectionId, JobId};

/// Steps of an organisation at most.
pub const MOST_STEPS: i32 = 10_000;
/// Sessions of a connection at most.
pub const MOST_SESSIONS: i32 = 1_000;

/// Sessions that a step has open at once on each of its job's databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// On the database that is read.
    pub source: i16,
    /// On the database that is written.
    pub target: i16,
}

/// What is left of an organisation's limits.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// Steps, where they are limited.
    pub steps: Option<i64>,
    /// Sessions of each connection that is limited.
    pub sessions: BTreeMap<ConnectionId, i64>,
}

/// A job that a limit holds for and that has steps to let out.
#[derive(Clone, Debug)]
pub struct Contender {
    /// The job.
    pub job_id: JobId,
    /// The database that it reads.
    pub source: Option<ConnectionId>,
    /// The database that it writes.
    pub target: Option<ConnectionId>,
    /// How many steps of it are out.
    pub out: i64,
    /// When one was let out last.
    pub let_out_at: Option<DateTime<Utc>>,
    /// Its next steps, in order, at most as many as its window has room for.
    pub waiting: Vec<Sessions>,
}

/// How many steps of each job may go: one after the other, each time of the job that has the
/// fewest out, and of several of the one that waited longest. A job whose turn it is keeps
/// what there is of a connection until that suffices, so that no smaller step overtakes it.
pub fn allot(mut room: Room, contenders: &[Contender]) -> Vec<(JobId, usize)> {
    let mut given = vec![0_usize; contenders.len()];
    let mut live: Vec<usize> = (0..contenders.len()).collect();
    let mut turns: Vec<(bool, Option<DateTime<Utc>>, usize)> =
        contenders.iter().map(|contender| (false, contender.let_out_at, 0)).collect();
    let mut turn = 0;
    loop {
        live.retain(|&at| given[at] < contenders[at].waiting.len());
        let out = |at: usize| contenders[at].out + i64::try_from(given[at]).unwrap_or(i64::MAX);
        let first = live.iter().copied().min_by_key(|&at| (out(at), turns[at], contenders[at].job_id.0));
        let Some(at) = first.filter(|_| room.steps.is_none_or(|steps| steps > 0)) else { break };
        if take(&mut room, &contenders[at], contenders[at].waiting[given[at]]) {
            turn += 1;
            given[at] += 1;
            turns[at] = (true, None, turn);
        } else {
            live.retain(|&other| other != at);
        }
    }
    let named = contenders.iter().zip(given).map(|(contender, given)| (contender.job_id, given));
    named.filter(|(_, given)| *given > 0).collect()
}

/// Takes what the step needs, or keeps what is short for it.
fn take(room: &mut Room, contender: &Contender, need: Sessions) -> bool {
    let mut needs: BTreeMap<ConnectionId, i64> = BTreeMap::new();
    for (connection, sessions) in [(contender.source, need.source), (contender.target, need.target)] {
        let limited = connection.filter(|id| sessions > 0 && room.sessions.contains_key(id));
        if let Some(id) = limited {
            *needs.entry(id).or_default() += i64::from(sessions);
        }
    }
    let left = |room: &Room, id: &ConnectionId| room.sessions.get(id).copied().unwrap_or(0);
    let short: Vec<_> =
        needs.iter().filter(|(id, need)| left(room, id) < **need).map(|(id, _)| *id).collect();
    for id in &short {
        room.sessions.insert(*id, 0);
    }
    if !short.is_empty() {
        return false;
    }
    for (id, need) in needs {
        *room.sessions.entry(id).or_default() -= need;
    }
    room.steps = room.steps.map(|steps| steps - 1);
    true
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Contender, Room, Sessions, allot};
    use crate::domain::id::{ConnectionId, JobId};

    const ONE: Sessions = Sessions { source: 1, target: 1 };

    fn job(number: u128, out: i64, waiting: usize) -> Contender {
        Contender {
            job_id: JobId(Uuid::from_u128(number)),
            source: Some(connection(1)),
            target: Some(connection(2)),
            out,
            let_out_at: None,
            waiting: vec![ONE; waiting],
        }
    }

    fn connection(number: u128) -> ConnectionId {
        ConnectionId(Uuid::from_u128(number))
    }

    fn check(steps: Option<i64>, sessions: &[(u128, i64)], jobs: &[Contender], expected: &[(u128, usize)]) {
        let sessions = sessions.iter().map(|(id, left)| (connection(*id), *left)).collect();
        let found: Vec<_> =
            allot(Room { steps, sessions }, jobs).into_iter().map(|(job, n)| (job.0.as_u128(), n)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn turns() {
        check(None, &[], &[job(1, 0, 3)], &[(1, 3)]);
        check(Some(0), &[], &[job(1, 0, 3)], &[]);
        check(Some(4), &[], &[job(1, 0, 9), job(2, 0, 9)], &[(1, 2), (2, 2)]);
        check(Some(2), &[], &[job(1, 3, 9), job(2, 0, 9)], &[(2, 2)]);
        check(Some(3), &[], &[job(1, 3, 9), job(2, 0, 1)], &[(1, 2), (2, 1)]);
        check(None, &[(1, 2)], &[job(1, 0, 9)], &[(1, 2)]);
        check(None, &[(1, 5), (2, 1)], &[job(1, 0, 9)], &[(1, 1)]);
        check(None, &[(1, -1)], &[job(1, 0, 9)], &[]);
        let elsewhere = Contender { source: None, target: None, ..job(2, 5, 2) };
        check(None, &[(1, 0)], &[job(1, 0, 9), elsewhere], &[(2, 2)]);
    }

    #[test]
    fn who_waited_longest_goes_first() {
        let now = crate::clock::now();
        let before = |seconds| Some(now - chrono::TimeDelta::seconds(seconds));
        let lately = Contender { let_out_at: before(1), ..job(1, 0, 9) };
        let long_ago = Contender { let_out_at: before(9), ..job(2, 0, 9) };
        check(Some(1), &[], &[lately.clone(), long_ago.clone()], &[(2, 1)]);
        check(Some(1), &[], &[lately, long_ago, job(3, 0, 1)], &[(3, 1)]);
    }

    #[test]
    fn a_large_step_is_not_overtaken() {
        let large = Contender { waiting: vec![Sessions { source: 2, target: 0 }], ..job(1, 0, 1) };
        check(None, &[(1, 1)], &[large.clone(), job(2, 1, 9)], &[]);
        check(None, &[(1, 3)], &[large, job(2, 1, 9)], &[(1, 1), (2, 1)]);
    }
}
