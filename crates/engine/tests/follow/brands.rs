//! One source, sinks of three brands: each has its own lane, and one that is away holds nobody (F68).

use crate::support::binary::Ran;
use crate::support::random::{Random, seed};
use crate::support::servers::Database;
use syncline_rig::Brand;

use super::followed;

const SCHEMA: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, mail VARCHAR(40) UNIQUE, born DATE, balance DECIMAL(12,2));
    CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id) ON DELETE CASCADE,
        note TEXT, at DATETIME);
    CREATE TABLE stock (place VARCHAR(10) NOT NULL, item INTEGER NOT NULL, amount REAL, PRIMARY KEY (place, item));";

/// Changes of every kind, a transaction each.
fn changes(random: &mut Random, count: u32) -> String {
    let mut sql = String::from(".timeout 20000\nPRAGMA foreign_keys = ON;");
    for _ in 0..count {
        let (id, other) = (1 + random.below(40), 1 + random.below(40));
        let name = random.of(&["Ann", "Böb", "çelik", "日本", "O''Neil", "x y ", ""]);
        sql.push_str(&match random.below(9) {
            0 | 1 => format!("INSERT OR REPLACE INTO customer VALUES ({id}, '{name}', '{name}{other}', '2024-02-{:02}', {other}.25);", 1 + id % 28),
            2 => format!("UPDATE customer SET name = '{name}', balance = balance + {other} WHERE id = {id};"),
            3 => format!("UPDATE OR IGNORE customer SET id = {other} WHERE id = {id} AND id NOT IN (SELECT customer_id FROM sales_order);"),
            4 => format!("DELETE FROM customer WHERE id = {id};"),
            5 => format!("INSERT OR IGNORE INTO sales_order SELECT {other}, id, '{name}', '2024-01-01 10:00:{:02}' FROM customer WHERE id = {id};", id % 60),
            6 => format!("UPDATE sales_order SET note = NULL WHERE id % 5 = {};", id % 5),
            7 => format!("INSERT OR REPLACE INTO stock VALUES ('{}', {id}, {other}.5);", random.of(&["north", "south"])),
            _ => format!("BEGIN; DELETE FROM stock WHERE item = {id}; UPDATE OR REPLACE stock SET item = item + 100 WHERE item = {other}; COMMIT;"),
        });
    }
    sql
}

#[test]
fn three_brands_follow_one_file_and_one_of_them_is_away() {
    let seed = seed();
    let mut random = Random(seed);
    let (postgres, mariadb) = (Database::shared(Brand::Postgres), Database::shared(Brand::Mariadb));
    let folder = followed(SCHEMA);
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: 'sqlite:a.db', b: 'sqlite:b.db', p: '{}', m: '{}', away: 'postgres://nobody@127.0.0.1:9/nowhere'}}\n\
             jobs:\n  live: {{from: a, to: [b, p, m], capture: trigger, install: auto}}\n  \
             other: {{from: a, to: away, capture: trigger, install: auto, tables: {{stock: {{}}}}}}\n",
            postgres.url(),
            mariadb.url()
        ),
    );
    folder.sql("a.db", &changes(&mut random, 100));
    folder.syncline(&["run", "live"]).well();
    let same = |when: &str| {
        for sink in ["b", "p", "m"] {
            let ran = folder.syncline(&["compare", "a", sink]);
            assert_eq!(ran.code, Some(0), "seed {seed}, {when}, {sink}\n{}{}", ran.out, ran.err);
        }
    };
    same("loaded");
    let running = folder.started(&["run", "live", "--follow"]);
    for _ in 0..10 {
        folder.sql("a.db", &changes(&mut random, 40));
    }
    running.kill();
    folder.sql("a.db", &changes(&mut random, 40));
    let ran = folder.syncline(&["run"]);
    assert_eq!(ran.code, Some(4), "seed {seed}: one job cannot reach its sink\n{}{}", ran.out, ran.err);
    same("followed");
    for table in ["customer", "sales_order", "stock"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows = folder.sql("a.db", &count);
        assert_eq!((postgres.sql(&count), mariadb.sql(&count)), (rows.clone(), rows), "seed {seed}, {table}");
    }
    assert_eq!(waiting(&folder.syncline(&["status", "a", "--json"])), 0, "seed {seed}: what every lane has is pruned");
}

/// The largest number of changes that a status shows as waiting.
fn waiting(status: &Ran) -> u64 {
    let document = status.json();
    let backlog = document["connections"][0]["backlog"].as_array().unwrap();
    backlog.iter().map(|waits| waits["changes"].as_u64().unwrap()).max().unwrap()
}
