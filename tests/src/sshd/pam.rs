//! Passwords that a server takes, without an account of this machine: Debian's `libpam-wrapper`
//! lets a process find its PAM services, and who they let in, in a folder of the test's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place;

/// How a server asks for the password.
#[derive(Clone, Copy, Debug)]
pub enum Asks {
    /// As the password.
    Password,
    /// As the answer to a question: PAM's way, and of many hosts the only one.
    Question,
}

impl Asks {
    /// What the server's configuration says.
    pub(super) fn config(self) -> &'static str {
        match self {
            Self::Password => "PasswordAuthentication yes\nKbdInteractiveAuthentication no\n",
            Self::Question => "PasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
        }
    }
}

/// Lets `username` in with the password.
pub(super) fn prepare(folder: &Path, username: &str, password: &str) {
    let matrix = place::library("pam_wrapper/pam_matrix.so", "libpam-wrapper");
    let accounts = folder.join("accounts");
    let rule = |group: &str| format!("{group} required {} passdb={}\n", matrix.display(), accounts.display());
    let services = services(folder);
    std::fs::create_dir(&services).expect("a folder is made");
    let rules: String = ["auth", "account", "password", "session"].into_iter().map(rule).collect();
    std::fs::write(services.join("sshd"), rules).expect("a service is written");
    std::fs::write(accounts, format!("{username}:{password}:sshd\n")).expect("an account is written");
}

/// The command runs with the folder's services, if it has some.
pub(super) fn surround(command: &mut Command, folder: &Path) {
    let services = services(folder);
    if services.exists() {
        command
            .env("LD_PRELOAD", place::library("libpam_wrapper.so", "libpam-wrapper"))
            .env("PAM_WRAPPER", "1")
            .env("PAM_WRAPPER_SERVICE_DIR", services);
    }
}

fn services(folder: &Path) -> PathBuf {
    folder.join("services")
}
