//! What is made once and then copied: a server's first data, and the certificates.
//!
//! Under `target/rig/template`, named after everything that they depend on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::account::Account;
use crate::{Brand, Result, folder, program, register, tls};

/// A server's data as it is before its first start, in `data`.
pub fn data(brand: Brand, account: &Account) -> Result<PathBuf> {
    let depends_on = format!("{}{}", brand.version()?, brand.recipe());
    let name = format!("{}-{}-{:016x}", brand.word(), account.word(), fingerprint(&depends_on));
    once(&name, |folder| brand.initialise(account, folder))
}

/// `ca.pem`, `server.pem` and `server.key`.
pub fn certificates(account: &Account) -> Result<PathBuf> {
    let name = format!("certificates-{}-{:016x}", account.word(), fingerprint(tls::CONFIGURATION));
    once(&name, tls::make)
}

/// Copies a file or folder with rights and owners; holes stay holes.
pub fn copy(from: &Path, into: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    program::run(command.args(["-a", "--sparse=always", "--"]).arg(from).arg(into), "").map(|_| ())
}

/// Makes it in a folder that servers' accounts can reach, and moves it here complete.
fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let templates = register::folder().join("template");
    let template = templates.join(name);
    let _turn = ONE_AT_A_TIME.lock().map_err(|_| "another thread failed to make a template".to_string())?;
    if template.is_dir() {
        return Ok(template);
    }
    let workshop = folder::create("template")?;
    let made = make(&workshop).and_then(|()| publish(&workshop, &template));
    folder::remove(&workshop)?;
    made.map(|()| template)
}

fn publish(workshop: &Path, template: &Path) -> Result<()> {
    let parent = template.parent().unwrap_or(template);
    fs::create_dir_all(parent).map_err(|err| format!("cannot create {}: {err}", parent.display()))?;
    let coming = template.with_extension(format!("{}.coming", std::process::id()));
    copy(workshop, &coming)?;
    match fs::rename(&coming, template) {
        Ok(()) => Ok(()),
        // Another process was quicker with the very same.
        Err(_) if template.is_dir() => {
            fs::remove_dir_all(&coming).map_err(|err| format!("cannot remove {}: {err}", coming.display()))
        }
        Err(err) => Err(format!("cannot create {}: {err}", template.display())),
    }
}

/// FNV-1a: the same in every build, which the standard library's hashes do not promise.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
