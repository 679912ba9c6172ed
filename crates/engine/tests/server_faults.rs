//! Servers that fail, fill up and are meddled with in the middle of a copy (F01-F06, F14, F48, F69-F72, F87-F89).
//!
//! Each copy is the program itself, held up in the middle of its second table of three; the servers' own programs are
//! the judges.

mod commits;
mod meddling;
mod pressure;
mod restarts;
mod rights;
mod room;
mod rows;
mod stops;

use syncline_rig::Brand;

use crate::support::binary::{Folder, Running, until};
use crate::support::proxy::{Proxy, Way};
use crate::support::servers::Database;

const BRANDS: [Brand; 2] = [Brand::Postgres, Brand::Mariadb];

/// Rows of the tables `a` and `c`.
const FEW: u32 = 500;
/// Rows of `b`, each of some 260 bytes.
const MANY: u32 = 30_000;
/// So many bytes one way lie within `b`.
const WITHIN_B: u64 = 3 << 20;

/// One end of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Sink,
}

fn other(brand: Brand) -> Brand {
    if brand == Brand::Postgres { Brand::Mariadb } else { Brand::Postgres }
}

/// The tables `a`, `b` and `c`, which are copied in this order.
fn filled(database: &Database) {
    for (table, rows) in [("a", FEW), ("b", MANY), ("c", FEW)] {
        database.sql(&format!("{}{}", create(database, table), fill(database, table, rows)));
    }
}

/// So many rows for one of them.
fn fill(database: &Database, table: &str, rows: u32) -> String {
    let (numbers, i) = match database.server().brand() {
        Brand::Postgres => (format!("generate_series(1, {rows}) i"), "i::text"),
        Brand::Mariadb => (format!("(SELECT seq AS i FROM seq_1_to_{rows}) n"), "i"),
    };
    format!("INSERT INTO {table} SELECT i, repeat(md5({i}), 8) FROM {numbers};")
}

/// One of the tables as the brand declares it.
fn create(database: &Database, table: &str) -> String {
    match database.server().brand() {
        Brand::Postgres => format!("CREATE TABLE {table} (id int PRIMARY KEY, v text);"),
        Brand::Mariadb => format!("CREATE TABLE {table} (id int PRIMARY KEY, v longtext CHARACTER SET utf8mb4);"),
    }
}

/// Number of rows, sum of keys and a sum over every byte: the same on both brands for the same rows.
fn sums(database: &Database, table: &str) -> String {
    let hash = match database.server().brand() {
        Brand::Postgres => "bit_xor(('x' || left(md5(id || ':' || v), 15))::bit(60)::bigint)",
        Brand::Mariadb => "BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT(id, ':', v)), 15), 16, 10) AS UNSIGNED))",
    };
    database.sql(&format!("SELECT count(*), sum(id), {hash} FROM {table}"))
}

/// The tables of a database, ours too.
fn tables(database: &Database) -> String {
    let schema = if database.server().brand() == Brand::Postgres { "'public'" } else { "DATABASE()" };
    database.sql(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} ORDER BY table_name"
    ))
}

/// Rows that others see; none if there is no such table.
fn rows(database: &Database, table: &str) -> u64 {
    if !tables(database).lines().any(|name| name == table) {
        return 0;
    }
    database.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
}

/// Everything has arrived and nothing of ours is left; of `a` what [`mark`] left.
#[track_caller]
fn arrived(from: &Database, to: &Database) {
    assert_eq!(tables(to), "a\nb\nc");
    for table in ["b", "c"] {
        assert_eq!(sums(to, table), sums(from, table), "{table}");
    }
    assert_eq!(rows(to, "a"), u64::from(FEW));
    assert_eq!(to.sql("SELECT v FROM a WHERE id = 1"), "mark", "a table that was done was copied again");
}

/// Writes into the table that is done, so that it shows if it is copied again.
fn mark(to: &Database) {
    to.sql("UPDATE a SET v = 'mark' WHERE id = 1");
}

/// A copy that stands still in the middle of `b`; `a` is done and marked.
struct Held {
    proxy: Proxy,
    running: Running,
    /// The command, to be given again.
    words: [String; 3],
}

impl Held {
    /// Starts it; the network of that end is ours.
    #[track_caller]
    fn at(folder: &Folder, from: &Database, to: &Database, end: End) -> Self {
        let (place, way) = match end {
            End::Source => (from, Way::ToClient),
            End::Sink => (to, Way::ToServer),
        };
        let proxy = Proxy::to(place.server());
        let through = place.server().through(proxy.port()).url(place.name());
        let words = match end {
            End::Source => ["copy".into(), through, to.url()],
            End::Sink => ["copy".into(), from.url(), through],
        };
        Self::with(folder, to, proxy, way, words)
    }

    /// The same with the words of any command.
    #[track_caller]
    fn with(folder: &Folder, to: &Database, proxy: Proxy, way: Way, words: [String; 3]) -> Self {
        proxy.stand_still_at(way, WITHIN_B);
        let mut running = folder.started(&words.each_ref().map(String::as_str));
        until("the middle of the copy", || {
            running.goes_on();
            proxy.passed(way) >= WITHIN_B
        });
        running.until_answer(&FEW.to_string(), || rows(to, "a").to_string());
        assert_eq!(rows(to, "b"), 0, "it was too quick to be held");
        running.goes_on();
        mark(to);
        Self { proxy, running, words }
    }

    /// The same command again, over the same network.
    fn again(words: &[String; 3], folder: &Folder) -> crate::support::binary::Ran {
        folder.syncline(&words.each_ref().map(String::as_str))
    }
}
