//! How the system's allocator gives memory back.
//!
//! glibc raises the size from which a buffer is a mapping of its own to that of the largest buffer
//! that was freed, up to 32 MiB, and from then on keeps what smaller ones leave behind, in each
//! thread's arena: rows of some megabytes cost a worker a hundred for its life. A set threshold
//! stays. glibc reads it once, when a process begins.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Buffers of so many bytes and more go back to the system at once.
const THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

/// Lets the process begin once more, as itself, with the threshold set, unless somebody has set it;
/// where that cannot be done it goes on as it is.
pub fn return_large_buffers() {
    let Ok(program) = std::env::current_exe() else { return };
    if std::env::vars_os().any(|(name, _)| name == THRESHOLD.0) {
        return;
    }
    let mut words = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    // It returns only if it failed.
    let _ = again.args(words).env(THRESHOLD.0, THRESHOLD.1).exec();
}
