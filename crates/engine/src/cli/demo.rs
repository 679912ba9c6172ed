//! `syncline demo`: the whole story on two SQLite files, with the very commands a user would type.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use rusqlite::Connection;
use syncline_model::{Error, ErrorKind, Result};

use super::{Cli, Command, Context, Outcome};

/// The shop's database file, in the demo's own folder.
const SHOP_FILE: &str = "shop.db";

/// The laptop's.
const LAPTOP_FILE: &str = "laptop.db";

/// The shop's database as the story begins.
const SHOP: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(40));
    CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id),
        ordered DATE NOT NULL, total DECIMAL(10,2) NOT NULL);
    CREATE INDEX order_by_customer ON sales_order(customer_id);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO customer SELECT i, 'Customer ' || i, iif(i % 2, 'Oslo', 'Zürich') FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO sales_order SELECT i, 1 + i % 500, date('2026-01-01', (i % 300) || ' days'), i * 1.25 FROM n;";

/// What both do while they are apart, in this order: file, what it does, what that shows.
const EDITS: [(&str, &str, &str); 7] = [
    (SHOP_FILE, "UPDATE customer SET city = 'Bergen' WHERE id = 7", ""),
    (LAPTOP_FILE, "UPDATE customer SET name = 'Ada' WHERE id = 7", "another column of the same row"),
    (SHOP_FILE, "UPDATE customer SET city = 'Paris' WHERE id = 8", ""),
    (LAPTOP_FILE, "UPDATE customer SET city = 'Rome' WHERE id = 8", "the same column: a conflict"),
    (LAPTOP_FILE, "UPDATE sales_order SET total = 5 WHERE id = 13", ""),
    (SHOP_FILE, "DELETE FROM sales_order WHERE id = 13", "a delete of what the other one has changed"),
    (LAPTOP_FILE, "INSERT INTO sales_order VALUES (20001, 7, '2026-11-01', 99.90)", ""),
];

/// What both are asked afterwards.
const SHOWN: &str = "SELECT group_concat(name || ' in ' || city, ', ') FROM customer WHERE id IN (7, 8)
    UNION ALL SELECT 'orders: ' || count(*) || ', number 13: ' || coalesce(max(iif(id = 13, 'there', NULL)), 'gone') FROM sales_order";

/// How long it is between two edits: who was later is told by clocks that count milliseconds.
const BETWEEN: Duration = Duration::from_millis(20);

pub async fn demo() -> Result<Outcome> {
    let folder = folder()?;
    // The commands then read as a user would type them.
    std::env::set_current_dir(&folder)
        .map_err(|e| Error::new(ErrorKind::Denied, "cannot enter the demo's folder").caused_by(e))?;
    // A story is told to people, whatever else was asked for.
    let out = super::Output::new(false, false);
    let context = &Context::new(out, None);
    out.line(format!("Two SQLite databases in {}: a shop, and a laptop that has nothing yet.", folder.display()));
    sql(SHOP_FILE, SHOP)?;
    out.line("\n1. The laptop gets everything.");
    command(context, &["copy", SHOP_FILE, LAPTOP_FILE]).await?;
    out.line(
        "\n2. From now on both are written. The first time, this makes them a group; rows that are equal cost nothing.",
    );
    command(context, &["sync", SHOP_FILE, LAPTOP_FILE, "--once"]).await?;

    out.line("\n3. The laptop travels. Both work on, each by itself.");
    for (file, edit, what) in EDITS {
        let what = if what.is_empty() { String::new() } else { format!("   -- {what}") };
        out.line(format!("   {file:<9} sqlite> {edit};{what}"));
        sql(file, edit)?;
        tokio::time::sleep(BETWEEN).await;
    }
    out.line("\n4. The laptop is back.");
    command(context, &["sync", SHOP_FILE, LAPTOP_FILE, "--once"]).await?;
    for file in [SHOP_FILE, LAPTOP_FILE] {
        out.line(format!("   {file:<9} {}", asked(file)?));
    }

    out.line("\n5. The newest won at both, and what lost is not gone.");
    command(context, &["conflicts", "ls", LAPTOP_FILE]).await?;
    out.line("\n6. Proof: every row of both is compared, cell by cell.");
    let last = command(context, &["compare", SHOP_FILE, LAPTOP_FILE]).await?;
    out.line("\n7. Nothing of it stays if you do not want it.");
    command(context, &["sync", SHOP_FILE, LAPTOP_FILE, "--leave"]).await?;

    out.line(format!(
        "\nYour own: `syncline sync A B`, for SQLite, PostgreSQL and MariaDB in any mix; without --once it goes on by itself. \
         The files stay in {}.",
        folder.display()
    ));
    Ok(last)
}

/// Runs a command as if it had been typed.
async fn command(context: &Context, words: &[&str]) -> Result<Outcome> {
    let typed: Vec<&str> = ["syncline"].iter().chain(words).copied().collect();
    context.out.line(format!("   $ {}", typed.join(" ")));
    let cli = Cli::try_parse_from(&typed)
        .map_err(|e| Error::new(ErrorKind::Bug, "the demo typed a wrong command").caused_by(e))?;
    match cli.command {
        Command::Copy(args) => super::copy::copy(context, args).await,
        Command::Sync(args) => Box::pin(super::sync::sync(context, args)).await,
        Command::Conflicts(args) => super::conflicts::conflicts(context, args).await,
        Command::Compare(args) => super::compare::compare(context, args).await,
        _ => Err(Error::new(ErrorKind::Bug, "the demo has no such command")),
    }
}

/// A folder of its own, so that nothing of anybody's is overwritten.
fn folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("syncline-demo-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|e| {
        Error::new(ErrorKind::Denied, "cannot create the demo's folder")
            .at("folder", folder.display().to_string())
            .caused_by(e)
    })?;
    Ok(folder)
}

fn sql(file: &str, sql: &str) -> Result<()> {
    let run = || -> rusqlite::Result<()> {
        let conn = Connection::open(file)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.execute_batch(sql)
    };
    run().map_err(|e| Error::new(ErrorKind::Full, "the demo cannot write its database").caused_by(e))
}

/// What a file says of the rows that were changed, in one line.
fn asked(file: &str) -> Result<String> {
    let run = || -> rusqlite::Result<Vec<String>> {
        let conn = Connection::open(file)?;
        conn.prepare(SHOWN)?.query_map([], |row| row.get(0))?.collect()
    };
    let lines = run().map_err(|e| Error::new(ErrorKind::Bug, "the demo cannot read its database").caused_by(e))?;
    Ok(lines.join("; "))
}
