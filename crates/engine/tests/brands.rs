//! The same rows in PostgreSQL, MariaDB and SQLite, by every way between them; the servers are the judges.

use syncline_rig::Brand;

use crate::support::binary::Folder;
use crate::support::judge::sqlite3;
use crate::support::servers::Database;

const SHOP: &str = include_str!("brands/shop.sql");

/// Makes `every_row`: each row as a line of text, whichever brand it came from.
const EVERY_ROW: &str = include_str!("brands/every_row.sql");
const SUMS_OF_POSTGRES: &str = include_str!("brands/sums.postgres.sql");
const SUMS_OF_MARIADB: &str = include_str!("brands/sums.mariadb.sql");

/// Every value of the shop, as PostgreSQL shows it.
fn shown(database: &Database) -> String {
    let rows = "SELECT place, shown FROM every_row ORDER BY place, shown COLLATE \"C\"";
    database.sql(&format!("{EVERY_ROW}{rows}"))
}

fn shop() -> Database {
    let database = Database::postgres();
    database.sql(SHOP);
    assert_eq!(database.sql(&format!("{EVERY_ROW}SELECT count(*), count(DISTINCT place) FROM every_row")), "22515|13");
    database
}

#[test]
fn a_shop_goes_round_all_brands() {
    let (folder, first, second) = (Folder::new(), shop(), Database::mariadb());
    let last = Database::postgres();
    folder.syncline(&["copy", &first.url(), &second.url()]).well();
    folder.syncline(&["copy", &second.url(), "shop.db"]).well();
    folder.syncline(&["copy", "shop.db", &last.url()]).well();
    assert_eq!(shown(&last), shown(&first));
    assert_eq!(second.sql(SUMS_OF_MARIADB), first.sql(SUMS_OF_POSTGRES));
    for side in [&second.url()[..], "shop.db", &last.url()] {
        let ran = folder.syncline(&["compare", &first.url(), side]).well();
        assert!(ran.out.starts_with("equal: 13 tables, 22,515 rows"), "{ran:?}");
    }
    // References came along everywhere.
    let keys = "SELECT count(*) FROM information_schema.referential_constraints WHERE constraint_schema = ";
    let referring = first.sql(&format!("{keys}'public'"));
    assert_eq!(last.sql(&format!("{keys}'public'")), referring);
    assert_eq!(second.sql(&format!("{keys}DATABASE()")), referring);
    let shop = folder.path("shop.db");
    assert_eq!(sqlite3(&shop, "PRAGMA foreign_key_check; PRAGMA integrity_check;"), "ok");
    // Nothing of ours stays.
    for database in [&first, &second, &last] {
        let left = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'syncline%'";
        // MariaDB tells of all databases, those of other tests too.
        let own = if database.server().brand() == Brand::Mariadb { " AND table_schema = DATABASE()" } else { "" };
        assert_eq!(database.sql(&format!("{left}{own}")), "0");
    }
    // All of them number on after the rows that came.
    last.sql("INSERT INTO customer (name, vip, created) VALUES ('next', 0, now())");
    second.sql("INSERT INTO customer (name, vip, created) VALUES ('next', 0, now())");
    sqlite3(&shop, "INSERT INTO customer (name, vip, created) VALUES ('next', 0, '2024-01-01 00:00:00')");
    assert_eq!(last.sql("SELECT max(id) FROM customer"), "501");
    assert_eq!(second.sql("SELECT max(id) FROM customer"), "501");
    assert_eq!(sqlite3(&shop, "SELECT max(id) FROM customer"), "501");
}

#[test]
fn a_shop_goes_the_other_way_round() {
    let (folder, first, last) = (Folder::new(), shop(), Database::postgres());
    let (second, third) = (Database::mariadb(), Database::mariadb());
    folder.syncline(&["copy", &first.url(), "shop.db"]).well();
    folder.syncline(&["copy", "shop.db", "again.db"]).well();
    // A key that SQLite numbers is a bigint there, and what refers to it may be an int; InnoDB wants one type for both.
    let ran = folder.syncline(&["copy", "again.db", &second.url()]).exits(0);
    assert!(ran.out.contains("note: address: a foreign key was not created: "), "{ran:?}");
    folder.syncline(&["copy", &second.url(), &third.url()]).well();
    folder.syncline(&["copy", &third.url(), &last.url()]).well();
    assert_eq!(shown(&last), shown(&first));
    folder.syncline(&["compare", &first.url(), &third.url()]).well();
    folder.syncline(&["compare", "again.db", &third.url()]).well();
}

/// Into tables of the very types that the first database has: moments are moments again, and enums enums.
#[test]
fn a_shop_comes_home() {
    let (folder, first, second, home) = (Folder::new(), shop(), Database::mariadb(), Database::postgres());
    // Half of it is there, and some of that is old.
    home.sql(SHOP);
    home.sql("DELETE FROM order_line WHERE line > 1; UPDATE product SET name = 'old', attrs = NULL WHERE id % 2 = 0");
    folder.syncline(&["copy", &first.url(), &second.url()]).well();
    folder.syncline(&["copy", &second.url(), &home.url()]).well();
    assert_eq!(shown(&home), shown(&first));
    assert_eq!(home.sql("SELECT pg_typeof(created) FROM customer LIMIT 1"), "timestamp with time zone");
    folder.syncline(&["compare", &first.url(), &home.url()]).well();
}

/// What `compare` says of two brands is what is different, no more and no less.
#[test]
fn differences_between_brands_are_found() {
    let (folder, postgres, mariadb) = (Folder::new(), shop(), Database::mariadb());
    folder.syncline(&["copy", &postgres.url(), &mariadb.url()]).well();
    mariadb.sql(
        "UPDATE customer SET vip = 2 WHERE id = 1; UPDATE customer SET created = created + INTERVAL 1 MICROSECOND WHERE id = 2; \
         UPDATE tag SET name = 'b' WHERE name = 'A'; DELETE FROM stock WHERE product_id = 7; \
         UPDATE product SET uid = '00000000-0000-4000-8000-00000000000f' WHERE id = 3; \
         UPDATE product SET attrs = replace(attrs, ' ', '') WHERE id = 4; UPDATE product SET weight = weight + 0.001 WHERE id = 5;"
            .replace("UPDATE tag", "SET foreign_key_checks = 0; UPDATE tag")
            .as_str(),
    );
    let ran = folder.syncline(&["compare", &postgres.url(), &mariadb.url(), "--json"]).exits(3);
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let of = |table: &str| {
        let all = found["tables"].as_array().unwrap();
        let result = all.iter().find(|t| t["table"] == table).unwrap();
        ["only_a", "only_b", "differ"].map(|n| result[n].as_u64().unwrap())
    };
    assert_eq!((of("customer"), of("tag"), of("stock")), ([0, 0, 2], [1, 1, 0], [1, 0, 0]));
    assert_eq!((of("product"), of("order_line")), ([0, 0, 3], [0, 0, 0]));
}

/// I10: MariaDB takes 16 bytes for any UUID and gives others back for some; whole, in both, or not at all.
#[test]
fn a_uuid_that_mariadb_would_turn_around_is_refused() {
    let (folder, postgres, mariadb) = (Folder::new(), Database::postgres(), Database::mariadb());
    let all = "CREATE TABLE t (id int PRIMARY KEY, u uuid);
        INSERT INTO t SELECT v * 16 + w, (repeat('e', 8) || '-0123-' || to_hex(v) || 'abc-' || to_hex(w) || '456-0123456789ab')::uuid
        FROM generate_series(0, 15) v, generate_series(0, 15) w;";
    postgres.sql(all);
    // Version 8 and above with variant 0, and nothing else.
    let ran = folder.syncline(&["copy", &postgres.url(), &mariadb.url()]).exits(1);
    assert!(ran.err.contains("[table t, column u, row 129 as read"), "{ran:?}");
    postgres.sql("DELETE FROM t WHERE id / 16 >= 8 AND id % 16 < 8");
    folder.syncline(&["copy", &postgres.url(), &mariadb.url()]).well();
    let uuids = "SELECT u FROM t ORDER BY id";
    assert_eq!(mariadb.sql(uuids), postgres.sql(uuids));
    assert_eq!(mariadb.sql(uuids).lines().count(), 192);
    // A column of text holds all of them.
    postgres.sql(&format!("DROP TABLE t; {all}"));
    mariadb.sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, u char(36))");
    folder.syncline(&["copy", &postgres.url(), &mariadb.url()]).well();
    assert_eq!(mariadb.sql(uuids), postgres.sql(uuids));
    folder.syncline(&["compare", &postgres.url(), &mariadb.url()]).well();
}

/// What PostgreSQL does not have is refused by row, or becomes what was asked for, on the command line or in a file.
#[test]
fn zero_dates_and_nul_are_refused_or_mapped() {
    let (folder, mariadb) = (Folder::new(), Database::mariadb());
    mariadb.sql(
        "SET sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, d date, m datetime(3), v varchar(20) CHARACTER SET utf8mb4);
         INSERT INTO t VALUES (1, '2024-02-29', '2024-02-29 01:02:03.004', 'a'), (2, '0000-00-00', '2000-00-01', 'a\\0b\\0'),
         (3, NULL, '0000-00-00', '\\0');",
    );
    let shown = "SELECT id, d, m, v FROM t ORDER BY id";
    let refused = |arguments: &[&str], column: &str| {
        let to = Database::postgres();
        let url = [mariadb.url(), to.url()];
        let ran = folder.syncline(&[&["copy", &url[0], &url[1]], arguments].concat()).exits(1);
        assert!(ran.err.contains(&format!("[table t, column {column}, row 2 as read")), "{ran:?}");
        assert!(!ran.err.contains("0000-00-00"), "{ran:?}");
        assert_eq!(to.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    };
    refused(&[], "d");
    refused(&["--nul-in-text", "strip"], "d");
    refused(&["--zero-dates", "null"], "v");
    let expected = "1|2024-02-29|2024-02-29 01:02:03.004|a\n2|NULL|NULL|ab\n3|NULL|NULL|";
    let to = Database::postgres();
    let words = ["--zero-dates", "null", "--nul-in-text", "strip"];
    folder.syncline(&[&["copy", &mariadb.url(), &to.url()], &words[..]].concat()).well();
    assert_eq!(to.sql(shown), expected);
    let to = Database::postgres();
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{from: '{}', to: '{}'}}\njobs:\n  all:\n    from: from\n    to: to\n    tables:\n      \
             t: {{zero_dates: null, nul_in_text: strip}}\n",
            mariadb.url(),
            to.url()
        ),
    );
    folder.syncline(&["run"]).well();
    assert_eq!(to.sql(shown), expected);
    // MariaDB itself holds them.
    let twin = Database::mariadb();
    folder.syncline(&["copy", &mariadb.url(), &twin.url()]).well();
    assert_eq!(twin.sql("SELECT id, d, m, HEX(v) FROM t"), mariadb.sql("SELECT id, d, m, HEX(v) FROM t"));
}
