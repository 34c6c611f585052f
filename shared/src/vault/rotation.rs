//! New keys for old: a fresh pair joins both key files, and leaves when nothing needs it.
//!
//! Invariants: a key file is replaced whole, by a rename; the private half is there before
//! anything is sealed with the public one; an id is never given twice; two that rotate at
//! once take turns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::{Kem as _, Serializable as _};

use super::Kem;
use super::keyring::{Keyring, KeyringError};

/// Adds a fresh key to both files, with which values are sealed from now on; the older ones
/// stay and open what they sealed. Answers its id.
pub fn rotate_keys(public: &Path, private: &Path) -> Result<String, KeyringError> {
    let _turn = turn(private)?;
    let (mut seals, mut opens) = (Keyring::read(public)?, Keyring::read(private)?);
    let known = seals.keys.keys().chain(opens.keys.keys());
    let numbers = known.filter_map(|id| id.strip_prefix('k')?.parse::<u32>().ok());
    let id = format!("k{}", numbers.max().unwrap_or(0) + 1);
    let (private_key, public_key) = Kem::gen_keypair();
    opens.add(&id, &private_key.to_bytes());
    seals.add(&id, &public_key.to_bytes());
    replace(private, &opens, 0o600)?;
    replace(public, &seals, 0o644)?;
    Ok(id)
}

/// Takes the keys out of both files that are not the current one of either and that nothing
/// `needs`. Answers their ids.
pub fn retire_keys(
    public: &Path,
    private: &Path,
    needs: &BTreeSet<String>,
) -> Result<Vec<String>, KeyringError> {
    let _turn = turn(private)?;
    let (mut seals, mut opens) = (Keyring::read(public)?, Keyring::read(private)?);
    let kept: BTreeSet<_> = needs.iter().chain([&seals.current, &opens.current]).cloned().collect();
    let leaves =
        |keys: &BTreeMap<String, String>| keys.keys().filter(|id| !kept.contains(*id)).cloned().collect();
    let gone: BTreeSet<String> =
        [leaves(&seals.keys), leaves(&opens.keys)].into_iter().flat_map(|ids: Vec<_>| ids).collect();
    seals.keys.retain(|id, _| kept.contains(id));
    opens.keys.retain(|id, _| kept.contains(id));
    replace(public, &seals, 0o644)?;
    replace(private, &opens, 0o600)?;
    Ok(gone.into_iter().collect())
}

impl Keyring {
    fn add(&mut self, id: &str, key: &[u8]) {
        self.keys.insert(id.to_owned(), STANDARD.encode(key));
        id.clone_into(&mut self.current);
    }
}

/// Held while the files of a folder are changed.
fn turn(path: &Path) -> Result<File, KeyringError> {
    let folder = folder(path);
    let failed = |source| KeyringError::File { path: folder.clone(), source };
    let held = File::open(&folder).map_err(failed)?;
    held.lock().map_err(failed)?;
    Ok(held)
}

fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// The new content under the old name, owner and group, once it is safe on the disk.
fn replace(path: &Path, ring: &Keyring, mode: u32) -> Result<(), KeyringError> {
    let failed = |source| KeyringError::File { path: path.to_owned(), source };
    let before = std::fs::metadata(path).map_err(failed)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let text = serde_json::to_vec_pretty(ring).map_err(|error| failed(error.into()))?;
    // One that a rotation left which was cut off.
    if fresh.exists() {
        std::fs::remove_file(&fresh).map_err(failed)?;
    }
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&fresh).map_err(failed)?;
    std::os::unix::fs::chown(&fresh, Some(before.uid()), Some(before.gid())).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(failed)?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(failed)
}
