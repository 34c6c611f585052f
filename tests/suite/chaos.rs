//! A short soak, as `make chaos` runs a long one: the same program, a fresh seed each time.

use std::process::Stdio;

use longshore_tests::place;

/// Long enough for some twenty faults, several of them at once.
const MINUTES: &str = "1.2";

/// A red run names its seed and tells what happened when: `make chaos MINUTES=1.2 SEED=…`.
#[tokio::test]
async fn a_short_soak_ends_clean() {
    let programs = place::program("longshore-api");
    let mut soak = tokio::process::Command::new("setpriv");
    soak.args(["--pdeathsig", "TERM", "--", env!("CARGO_BIN_EXE_longshore-chaos"), MINUTES]);
    soak.env(place::PROGRAMS, programs.parent().unwrap()).stdin(Stdio::null()).kill_on_drop(true);
    let status = soak.status().await.unwrap();
    assert!(status.success(), "{status}; the soak's last line says why");
}
