//! `syncline demo`: the whole story on two SQLite files, with the very commands a user would type.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use rusqlite::Connection;
use syncline_model::{Error, ErrorKind, Result};
use tokio::sync::watch;

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

/// The whole configuration.
const CONFIG: &str = "\
version: 1
connections: {shop: 'sqlite:shop.db', laptop: 'sqlite:laptop.db'}
jobs:
  live: {from: shop, to: laptop, capture: trigger}
";

/// What the shop does while it is followed, and what the laptop shows when it has it.
const EDITS: [(&str, &str); 3] = [
    ("UPDATE customer SET city = 'Bergen' WHERE id = 7", "SELECT city = 'Bergen' FROM customer WHERE id = 7"),
    ("INSERT INTO sales_order VALUES (20001, 7, '2026-11-01', 99.90)", "SELECT 1 FROM sales_order WHERE id = 20001"),
    ("DELETE FROM sales_order WHERE id = 13", "SELECT NOT EXISTS (SELECT 1 FROM sales_order WHERE id = 13)"),
];

/// Longest that the demo waits for a change.
const WAIT_MAX: Duration = Duration::from_secs(60);

pub async fn demo() -> Result<Outcome> {
    let folder = folder()?;
    // The commands then read as a user would type them.
    std::env::set_current_dir(&folder)
        .map_err(|e| Error::new(ErrorKind::Denied, "cannot enter the demo's folder").caused_by(e))?;
    let (stopping, stop) = watch::channel(false);
    // A story is told to people, whatever else was asked for.
    let out = super::Output::new(false, false);
    let context = &Context::new(out, None, Some(stop));
    out.line(format!("Two SQLite databases in {}: a shop, and a laptop that has nothing yet.", folder.display()));
    sql(SHOP)?;
    std::fs::write(super::DEFAULT_FILE, CONFIG)
        .map_err(|e| Error::new(ErrorKind::Full, "the demo cannot write its configuration").caused_by(e))?;
    out.line("\n1. This is the whole configuration, in syncline.yaml:");
    CONFIG.lines().for_each(|line| out.line(format!("   {line}")));

    out.line(
        "\n2. What finds the shop's changes is installed in its database: triggers, and the tables they write to.",
    );
    command(context, &["install"]).await?;
    out.line("\n3. The laptop gets everything, and then follows.");
    let followed = tokio::join!(command(context, &["run", "--follow"]), edits(context, stopping));
    followed.0?;
    followed.1?;

    out.line("\n5. Proof: every row of both is compared, cell by cell.");
    let last = command(context, &["compare", "shop", "laptop"]).await?;
    out.line("\n6. Nothing of it stays if you do not want it.");
    command(context, &["uninstall"]).await?;

    out.line(format!(
        "\nYour own: `syncline init FROM TO`, then the same commands. The files stay in {}.",
        folder.display()
    ));
    Ok(last)
}

/// Edits the shop and waits for the laptop, then ends the job that follows.
async fn edits(context: &Context, stopping: watch::Sender<bool>) -> Result<()> {
    let edited = async {
        arrived("SELECT (SELECT count(*) FROM customer) = 500 AND (SELECT count(*) FROM sales_order) = 20000").await?;
        context.out.line("\n4. The shop goes on, and the laptop has it at once.");
        for (edit, seen) in EDITS {
            context.out.line(format!("   sqlite> {edit};"));
            sql(edit)?;
            let took = arrived(seen).await?;
            context.out.line(format!("           at the laptop {} ms later", took.as_millis()));
        }
        context.out.line("   Ctrl-C ends the job between two units. What it did:");
        Ok(())
    };
    let edited = edited.await;
    let _ = stopping.send(true);
    edited
}

/// Waits until a query at the laptop says so.
async fn arrived(query: &str) -> Result<Duration> {
    let began = Instant::now();
    let seen = || -> rusqlite::Result<bool> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(LAPTOP_FILE, flags)?.query_row(query, [], |r| r.get(0))
    };
    // Tables that are not there yet are not an error here.
    while !seen().unwrap_or(false) {
        if began.elapsed() > WAIT_MAX {
            return Err(Error::new(ErrorKind::Bug, "a change of the demo did not arrive"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(began.elapsed())
}

/// Runs a command as if it had been typed.
async fn command(context: &Context, words: &[&str]) -> Result<Outcome> {
    let typed: Vec<&str> = ["syncline"].iter().chain(words).copied().collect();
    context.out.line(format!("   $ {}", typed.join(" ")));
    let cli = Cli::try_parse_from(&typed)
        .map_err(|e| Error::new(ErrorKind::Bug, "the demo typed a wrong command").caused_by(e))?;
    match cli.command {
        Command::Install(args) => super::install::install(context, args).await,
        Command::Uninstall(args) => super::install::uninstall(context, args).await,
        Command::Run(args) => super::run::run(context, args).await,
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

fn sql(sql: &str) -> Result<()> {
    let run = || -> rusqlite::Result<()> {
        let conn = Connection::open(SHOP_FILE)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.execute_batch(sql)
    };
    run().map_err(|e| Error::new(ErrorKind::Full, "the demo cannot write its database").caused_by(e))
}
