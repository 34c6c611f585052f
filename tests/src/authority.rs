//! A certificate authority of a test's own, and servers' certificates of every sort, good and
//! bad, in files that a server reads again when it is told to.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::place;

/// The name that good certificates bear.
pub const NAME: &str = "localhost";

/// Sorts of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For [`NAME`], by the authority.
    Good,
    /// For another host, by the authority.
    OtherName,
    /// For [`NAME`], by the authority, once.
    Expired,
    /// For [`NAME`], by itself.
    SelfSigned,
}

/// The authority and the files of one server.
pub struct Authority {
    folder: TempDir,
    key: KeyPair,
    parameters: CertificateParams,
    /// Its own certificate in PEM.
    pub pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A fresh one; its server has a good certificate.
    pub fn new() -> Self {
        // The servers' users have to reach it.
        let folder = tempfile::Builder::new().prefix("longshore-ca-").tempdir_in("/tmp").expect("a folder");
        set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, format!("authority {}", place::fresh_name()));
        let pem = parameters.self_signed(&key).expect("it signs itself").pem();
        let made = Self { folder, key, parameters, pem };
        write(made.ca(), &made.pem).expect("its file");
        made.show(Certificate::Good);
        made
    }

    /// Lets the server's files hold such a certificate.
    pub fn show(&self, sort: Certificate) {
        let name = if sort == Certificate::OtherName { "other.example" } else { NAME };
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        parameters.distinguished_name.push(DnType::CommonName, name);
        if sort == Certificate::Expired {
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = match sort {
            Certificate::SelfSigned => parameters.self_signed(&key),
            _ => parameters.signed_by(&key, &Issuer::from_params(&self.parameters, &self.key)),
        };
        write(self.certificate(), certificate.expect("it is signed").pem()).expect("its file");
        write(self.private_key(), key.serialize_pem()).expect("its file");
    }

    /// Gives the key to the user of this process, and to nobody else: some servers insist.
    pub fn give_key_to(&self, pid: i32) {
        let owner = std::fs::metadata(format!("/proc/{pid}")).expect("the process lives");
        let key = self.private_key();
        set_permissions(&key, Permissions::from_mode(0o600)).expect("its mode");
        if std::fs::metadata(&key).expect("the key").uid() != owner.uid() {
            let (user, group) = (owner.uid().into(), owner.gid().into());
            nix::unistd::chown(&key, Some(user), Some(group)).expect("its owner");
        }
    }

    /// A client's certificate by this authority and its key, both in PEM.
    pub fn client(&self, name: &str) -> (String, String) {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &Issuer::from_params(&self.parameters, &self.key));
        (certificate.expect("it is signed").pem(), key.serialize_pem())
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The server's.
    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's private key.
    pub fn private_key(&self) -> PathBuf {
        self.file("server.key")
    }

    /// Options of a MariaDB or MySQL server that make it use the files.
    pub fn options(&self, server: &str) -> Vec<String> {
        let option = |name: &str, file: &Path| format!("{server}={name}={}", file.display());
        vec![
            option("ssl-ca", &self.ca()),
            option("ssl-cert", &self.certificate()),
            option("ssl-key", &self.private_key()),
        ]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
