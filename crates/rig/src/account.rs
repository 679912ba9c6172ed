//! Whose right a server runs by: root's tests run it by the package's own account, everybody else's by their own.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::{Brand, Result};

/// A system account, or our own.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    /// User and group; absent if it is us.
    other: Option<(u32, u32)>,
}

impl Account {
    pub fn of(brand: Brand) -> Result<Account> {
        if fs::metadata("/proc/self").map_err(|err| format!("cannot read /proc/self: {err}"))?.uid() != 0 {
            return Ok(Account { other: None });
        }
        let known = fs::read_to_string("/etc/passwd").map_err(|err| format!("cannot read /etc/passwd: {err}"))?;
        let ids = known.lines().find_map(|line| ids(line, brand.account()));
        let missing = || format!("there is no user `{}`: run `cargo xtask setup`", brand.account());
        Ok(Account { other: Some(ids.ok_or_else(missing)?) })
    }

    /// A program run by this account, with a plain environment and nothing of our terminal.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        // In a group of its own, so that Ctrl-C reaches only the one who started it, who then ends it properly.
        command.process_group(0);
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a file or folder to this account.
    pub fn own(&self, path: &Path) -> Result<()> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group))
                .map_err(|err| format!("cannot give away {}: {err}", path.display())),
            None => Ok(()),
        }
    }

    /// One word for the name of what only this account can use.
    pub fn word(&self) -> &'static str {
        if self.other.is_some() { "root" } else { "user" }
    }
}

/// `name:x:UID:GID:…`
fn ids(line: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}
