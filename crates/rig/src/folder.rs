//! Folders of servers: where everybody may walk through and only the server's account may look.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Result;

/// How the name of every such folder begins.
const PREFIX: &str = "syncline-rig-";

/// A new folder with a short path: that of a unix socket in it has 107 bytes at most.
pub fn create(word: &str) -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let parent = std::env::temp_dir();
    passable(&parent)?;
    loop {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{PREFIX}{word}-{}-{number}-{:06x}", std::process::id(), nanos & 0xff_ffff));
        match DirBuilder::new().mode(0o711).create(&folder) {
            Ok(()) => {
                mode(&folder, 0o711)?;
                return Ok(folder);
            }
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(format!("cannot create {}: {err}", folder.display())),
        }
    }
}

/// Removes a folder that [`create`] has made, and no other.
pub fn remove(folder: &Path) -> Result<()> {
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    if !ours {
        return Err(format!("{} is no folder of a server", folder.display()));
    }
    match fs::remove_dir_all(folder) {
        Err(err) if err.kind() != ErrorKind::NotFound => Err(format!("cannot remove {}: {err}", folder.display())),
        _ => Ok(()),
    }
}

pub fn mode(path: &Path, mode: u32) -> Result<()> {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.map_err(|err| format!("cannot set the rights of {}: {err}", path.display()))
}

pub fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|err| format!("cannot write {}: {err}", path.display()))
}

/// The server's account must get through every folder above its own.
fn passable(folder: &Path) -> Result<()> {
    for above in folder.ancestors() {
        let rights = fs::metadata(above).map_err(|err| format!("cannot look at {}: {err}", above.display()))?;
        if rights.permissions().mode() & 0o001 == 0 {
            return Err(format!(
                "the servers' accounts cannot enter {}: set TMPDIR to a folder that everybody may enter",
                above.display()
            ));
        }
    }
    Ok(())
}
