//! No room left at the server: one clear error, nothing half, and the same command goes on (F06).

use syncline_rig::Brand;

use super::{FEW, MANY, filled, other, rows, sums, tables};
use crate::support::binary::Folder;
use crate::support::drive::Drive;
use crate::support::servers::{Database, private};

/// `a` fits into so many KiB, `b` does not.
fn is_said_and_made(brand: Brand, kib: u32) {
    let (folder, server) = (Folder::new(), private(brand));
    let drive = Drive::of(&server, kib);
    let (from, to) = (Database::shared(other(brand)), drive.database(&server));
    filled(&from);
    let command = ["copy", &from.url(), &to.url()];
    let ran = folder.started(&command).ends().exits(4);
    assert_eq!(ran.err.matches("error:").count(), 1, "{ran:?}");
    assert!(ran.err.contains("table b"), "{ran:?}");
    let advice = "make room; the same command continues where this one stopped";
    assert!(ran.err.contains(advice), "{ran:?}");
    assert_eq!([rows(&to, "a"), rows(&to, "b"), rows(&to, "c")], [u64::from(FEW), 0, 0]);
    drive.resize(200 << 10);
    folder.started(&command).ends().exits(0);
    assert_eq!((tables(&to), rows(&to, "b")), ("a\nb\nc".into(), u64::from(MANY)));
    for table in ["a", "b", "c"] {
        assert_eq!(sums(&to, table), sums(&from, table), "{table}");
    }
    // Its files are on the drive.
    drop((to, server));
}

#[test]
fn a_full_drive_of_a_postgres_sink() {
    is_said_and_made(Brand::Postgres, 12 << 10);
}

#[test]
fn a_full_drive_of_a_mariadb_sink() {
    is_said_and_made(Brand::Mariadb, 5 << 10);
}
