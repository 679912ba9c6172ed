//! One authority and one certificate for all servers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, folder, program};

/// An authority that is not its own server's certificate: rustls refuses a certificate that may sign others.
pub const CONFIGURATION: &str = "
[req]
prompt = no
distinguished_name = name
[name]
CN = Syncline test authority
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// Makes `ca.pem`, `server.pem` and `server.key` in a folder.
pub fn make(into: &Path) -> Result<()> {
    folder::write(&into.join("tls.cnf"), CONFIGURATION)?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "tls.cnf"];
    let dated = ["-days", "3650"];
    let authority = ["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-extensions", "authority"];
    openssl(into, &[&authority[..], &key, &dated].concat())?;
    let request = ["req", "-new", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"];
    openssl(into, &[&request[..], &key].concat())?;
    let signed = ["x509", "-req", "-in", "server.csr", "-out", "server.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let more = ["-set_serial", "2", "-extfile", "tls.cnf", "-extensions", "server"];
    openssl(into, &[&signed[..], &more, &dated].concat())?;
    // The authority signs nothing else.
    for file in ["ca.key", "server.csr", "tls.cnf"] {
        let path = into.join(file);
        fs::remove_file(&path).map_err(|err| format!("cannot remove {}: {err}", path.display()))?;
    }
    Ok(())
}

fn openssl(into: &Path, arguments: &[&str]) -> Result<()> {
    let openssl: PathBuf = program::find(&[], "openssl")?;
    program::run(Command::new(openssl).args(arguments).current_dir(into), "").map(|_| ())
}
