//! A drive with little room for a server's files.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use syncline_rig::{Brand, Server};

use super::binary::needs;
use super::servers::Database;
use super::{mariadb, psql};

/// Where it is mounted, in a mount namespace that nobody else sees.
const PLACE: &str = "mnt";

/// A drive in memory, mounted in a namespace of its own: it goes with the process that holds it, however the test ends.
/// The server reaches it by way of that process, which therefore runs by the server's account.
#[derive(Debug)]
pub struct Drive {
    holder: Child,
}

impl Drive {
    /// One of that many KiB that belongs to the server's account.
    pub fn of(server: &Server, kib: u32) -> Self {
        let main = format!("/proc/{}", server.process().unwrap());
        let own = fs::metadata(main).unwrap();
        let (user, group) = (own.uid(), own.gid());
        let script = format!(
            "mount -t tmpfs -o size={kib}k,uid={user},gid={group},mode=700 tmpfs /{PLACE} || exit 99
             exec setpriv --reuid={user} --regid={group} --clear-groups sh -c 'echo ready; read end'"
        );
        let mut command = Command::new(needs("/usr/bin/unshare"));
        command.args(["--mount", "sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "the drive could not be made; run the tests as root");
        Self { holder }
    }

    fn path(&self) -> PathBuf {
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(PLACE)
    }

    /// Gives it another size.
    pub fn resize(&self, kib: u32) {
        let mut command = Command::new(needs("/usr/bin/nsenter"));
        command.arg(format!("--target={}", self.holder.id())).args(["--mount", "mount", "-o"]);
        assert!(command.arg(format!("remount,size={kib}k")).arg(format!("/{PLACE}")).status().unwrap().success());
    }

    /// An empty database of that server with all its tables on the drive.
    pub fn database(&self, server: &Server) -> Database {
        let address = server.address();
        let drive = self.path();
        match address.brand() {
            Brand::Postgres => {
                let database = Database::on(address);
                let name = database.name();
                psql::psql(
                    &address.url("postgres"),
                    &format!(
                        "CREATE TABLESPACE small LOCATION '{}'; ALTER DATABASE {name} SET TABLESPACE small;",
                        drive.display()
                    ),
                );
                database
            }
            Brand::Mariadb => {
                let database = Database::on(address);
                let folder = mariadb::mariadb(&address.url(""), "SELECT @@datadir");
                let folder = Path::new(&folder).join(database.name());
                let moved = drive.join(database.name());
                assert!(Command::new("cp").arg("-a").arg(&folder).arg(&moved).status().unwrap().success());
                fs::remove_dir_all(&folder).unwrap();
                symlink(&moved, &folder).unwrap();
                database
            }
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
