//! Rights that go while a copy is under way: an error, and never fewer rows (F48).

use syncline_rig::{Brand, Login};

use super::{BRANDS, FEW, Held, arrived, filled, other, rows};
use crate::support::binary::{Folder, until_answer};
use crate::support::proxy::{Proxy, Way};
use crate::support::servers::Database;

/// Held while it reads `b` as a user without rights but these.
fn held(folder: &Folder, from: &Database, to: &Database) -> Held {
    let proxy = Proxy::to(from.server());
    let url = from.server().through(proxy.port()).url_as(Login::Open, from.name());
    Held::with(folder, to, proxy, Way::ToClient, ["copy".into(), url, to.url()])
}

#[test]
fn a_right_revoked_between_two_tables_is_an_error() {
    for brand in BRANDS {
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(other(brand)));
        filled(&from);
        let (give, take) = match brand {
            Brand::Postgres => ("GRANT SELECT ON a, b, c TO open_user", "REVOKE SELECT ON c FROM open_user"),
            // Of a whole database it would hold until the next login.
            Brand::Mariadb => (
                "GRANT SELECT ON a TO open_user; GRANT SELECT ON b TO open_user; GRANT SELECT ON c TO open_user",
                "REVOKE SELECT ON c FROM open_user",
            ),
        };
        from.sql(give);
        let held = held(&folder, &from, &to);
        from.sql(take);
        held.proxy.heal();
        let ran = held.running.ends().exits(4);
        assert!(ran.err.contains("table c") && ran.err.contains("GRANT SELECT"), "{ran:?}");
        assert_eq!(rows(&to, "c"), 0, "{ran:?}");
        from.sql(give);
        Held::again(&held.words, &folder).exits(0);
        arrived(&from, &to);
    }
}

/// The snapshot holds its tables, so that no policy can come between it and their rows.
#[test]
fn row_security_cannot_be_switched_on_under_a_copy() {
    let (folder, from, to) = (Folder::new(), Database::postgres(), Database::postgres());
    filled(&from);
    from.sql("GRANT SELECT ON a, b, c TO open_user");
    let held = held(&folder, &from, &to);
    let said = from.refused("SET lock_timeout = '100ms'; ALTER TABLE c ENABLE ROW LEVEL SECURITY");
    assert!(said.contains("55P03"), "{said}");
    // Who waits for the lock gets it when the snapshot's connection is lost; the next one is refused.
    let mut waiting = crate::support::psql::program(&from.url());
    waiting.args(["-c", "ALTER TABLE c ENABLE ROW LEVEL SECURITY"]).stdin(std::process::Stdio::null());
    let mut waiting = waiting.spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'c'::regclass";
    until_answer("1", || from.sql(waits));
    held.proxy.cut();
    held.proxy.heal();
    assert!(waiting.wait().unwrap().success());
    let ran = held.running.ends().exits(4);
    assert!(ran.err.contains("table c") || ran.err.contains("c: "), "{ran:?}");
    assert_eq!(rows(&to, "c"), 0, "{ran:?}");
    from.sql("ALTER TABLE c DISABLE ROW LEVEL SECURITY");
    assert_eq!(rows(&from, "c"), u64::from(FEW));
    Held::again(&held.words, &folder).exits(0);
    arrived(&from, &to);
}
