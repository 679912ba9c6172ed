//! Who was away for long goes on in steps: a unit ends at a tick that somebody else made meanwhile, so that what is done is
//! done, whatever dies (F01).

use syncline_rig::Brand;

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// Rows of each of three transactions that came meanwhile. Two of the first kind are more than a unit is to have; one of the
/// last is more, and there is no tick within it.
const CAME: [u32; 3] = [12_000, 12_000, 25_000];

fn rows(brand: Option<Brand>, from: u32, upto: u32) -> String {
    match brand {
        None => format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {upto}) INSERT INTO t SELECT i, 'x' FROM n;"
        ),
        Some(Brand::Postgres) => format!("INSERT INTO t SELECT i, 'x' FROM generate_series({from}, {upto}) i;"),
        Some(Brand::Mariadb) => format!("INSERT INTO t SELECT seq, 'x' FROM seq_{from}_to_{upto};"),
    }
}

#[test]
fn who_was_away_goes_on_in_steps() {
    for brand in [None, Some(Brand::Postgres), Some(Brand::Mariadb)] {
        let (folder, server) = (Folder::new(), brand.map(Database::shared));
        let sql = |text: &str| match &server {
            Some(server) => server.sql(text),
            None => folder.sql("a.db", text),
        };
        let url = server.as_ref().map_or("sqlite:a.db".to_owned(), Database::url);
        let job = |to: &str| format!("{{from: a, to: {to}, capture: trigger, install: auto}}");
        folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections: {{a: '{url}', b: 'sqlite:b.db', c: 'sqlite:c.db'}}\n\
                 jobs: {{away: {}, other: {}}}\n",
                job("b"),
                job("c")
            ),
        );
        sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(10));");
        folder.syncline(&["run", "--quiet"]).well();
        let mut upto = 0;
        for came in CAME {
            sql(&rows(brand, upto + 1, upto + came));
            upto += came;
            folder.syncline(&["run", "other", "--quiet"]).well();
        }
        let count = || folder.sql("b.db", "SELECT count(*), max(id) FROM t");
        for (done, there) in [(1, "12000|12000"), (1, "24000|24000")] {
            let paused = folder.paused_at(&["run", "away", "--quiet"], "unit_committed", done);
            paused.unwrap_or_else(|| panic!("{brand:?}: it was one unit")).kill();
            assert_eq!(count(), there, "{brand:?}");
        }
        folder.syncline(&["run", "away", "--quiet"]).well();
        assert_eq!(count(), format!("{upto}|{upto}"), "{brand:?}");
    }
}
