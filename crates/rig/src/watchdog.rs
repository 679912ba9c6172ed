//! What ends a private server when its owner ends, however that happens.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Result;

/// Waits for the end of a pipe whose other end only the owner holds, and which the system closes also for one that was
/// killed. Then it ends the server, if that is still the one meant, and removes the folder.
const SCRIPT: &str = r#"
cat >/dev/null
if pid=$(cat "$0/pid" 2>/dev/null) && grep -qF -- "$0" "/proc/$pid/cmdline" 2>/dev/null; then
    kill -s CONT "$pid"
    kill -s QUIT "$pid"
    waits=0
    while grep -qF -- "$0" "/proc/$pid/cmdline" 2>/dev/null && [ "$waits" -lt 50 ]; do
        sleep 0.1
        waits=$((waits + 1))
    done
    kill -s KILL "$pid" 2>/dev/null
fi
rm -rf -- "$0"
"#;

/// A shell that waits.
#[derive(Debug)]
pub struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over the server of a folder, whose process id is or will be in the folder's file `pid`.
    pub fn start(folder: &Path) -> Result<Watchdog> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg(folder).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(|err| format!("cannot start `sh`: {err}"))?;
        let pipe = shell.stdin.take();
        Ok(Watchdog { shell, pipe })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // It is not left behind as a zombie; how it ends tells nothing.
        let _ = self.shell.wait();
    }
}
