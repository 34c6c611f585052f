//! What a test found, as its reader sees it: every stage that the connection has.

use longshore_shared::domain::connection::{Connection, TlsMode};
use longshore_shared::domain::examination::{Examination, Passage, Stage, StageFailure, StageReport};
use longshore_shared::domain::failure::Failure;

use super::{Found, Walked};
use crate::engine::{Halt, Look};

/// The stages of each hop.
const OF_A_HOP: [Stage; 5] = [Stage::Dns, Stage::AddressPolicy, Stage::Tcp, Stage::HostKey, Stage::SshLogin];
/// The stages of the database; from [`Stage::Tcp`] on they may be the engine's to tell.
const OF_THE_DATABASE: [Stage; 8] = [
    Stage::Dns,
    Stage::AddressPolicy,
    Stage::Tcp,
    Stage::Tls,
    Stage::Login,
    Stage::Database,
    Stage::Server,
    Stage::Privileges,
];

pub(super) fn of(connection: &Connection, found: Found) -> Examination {
    let mut stages = whole_way(connection);
    let (passed, stopped) = found.trail.end();
    for walked in passed {
        enter(&mut stages, walked, Passage::Passed, None);
    }
    match (stopped, found.failure) {
        (Some(walked), Some(failure)) => enter(&mut stages, walked, Passage::Failed, Some(&failure)),
        // It failed between two stages: before the first, or at the tunnel's local end.
        (None, Some(failure)) => {
            if let Some(next) = stages.iter_mut().find(|stage| stage.passage == Passage::Skipped) {
                (next.passage, next.failure) = (Passage::Failed, Some(told(&failure)));
            }
        }
        (Some(walked), None) => enter(&mut stages, walked, Passage::Passed, None),
        (None, None) => {}
    }
    let (mut server, mut features, mut syncs) = (None, Vec::new(), Vec::new());
    match found.look {
        None => {}
        Some((Ok(Look { server: facts, features: rights, syncs: needed }), milliseconds)) => {
            let has_tls = facts.tls.is_some();
            pass_to(&mut stages, Stage::Privileges, has_tls);
            time(&mut stages, Stage::Privileges, milliseconds);
            (server, features, syncs) = (Some(facts), rights, needed);
        }
        Some((Err(Halt { stage, failure }), milliseconds)) => {
            pass_to(&mut stages, stage, connection.tls.mode != TlsMode::Disable);
            if let Some(halted) = of_the_database(&mut stages, stage) {
                (halted.passage, halted.failure) = (Passage::Failed, Some(told(&failure)));
            }
            time(&mut stages, stage, milliseconds);
        }
    }
    Examination { stages, server, features, syncs }
}

/// Every stage, not reached yet.
fn whole_way(connection: &Connection) -> Vec<StageReport> {
    let report = |stage, hop| StageReport {
        stage,
        hop,
        passage: Passage::Skipped,
        milliseconds: None,
        failure: None,
        fingerprint: None,
    };
    let hops = (1..).zip(&connection.hops);
    let of_hops = hops.flat_map(|(number, _)| OF_A_HOP.map(|stage| report(stage, Some(number))));
    of_hops.chain(OF_THE_DATABASE.map(|stage| report(stage, None))).collect()
}

fn enter(stages: &mut [StageReport], walked: Walked, passage: Passage, failure: Option<&Failure>) {
    let of = |report: &&mut StageReport| (report.stage, report.hop) == (walked.stage, walked.hop);
    if let Some(report) = stages.iter_mut().find(of) {
        report.passage = passage;
        report.milliseconds = Some(walked.milliseconds);
        report.failure = failure.map(told);
        report.fingerprint = walked.fingerprint;
    }
}

/// The engine came as far as this stage of its own: those before it are passed. TLS is passed
/// where there is some.
fn pass_to(stages: &mut [StageReport], last: Stage, has_tls: bool) {
    for report in stages.iter_mut().filter(|report| report.hop.is_none()) {
        let is_passed = match report.stage {
            Stage::Dns | Stage::AddressPolicy => continue,
            Stage::Tls => has_tls,
            _ => true,
        };
        if is_passed && report.stage <= last {
            report.passage = Passage::Passed;
        }
    }
}

/// What the engine's stages took together stands at the one where they ended.
fn time(stages: &mut [StageReport], at: Stage, milliseconds: u32) {
    if let Some(report) = of_the_database(stages, at) {
        report.milliseconds = Some(milliseconds);
    }
}

fn of_the_database(stages: &mut [StageReport], stage: Stage) -> Option<&mut StageReport> {
    stages.iter_mut().find(|report| report.hop.is_none() && report.stage == stage)
}

fn told(failure: &Failure) -> StageFailure {
    StageFailure { code: failure.code, message: failure.message.clone(), hint: failure.hint.clone() }
}
