//! `syncline demo`: the whole story on two SQLite files, with the very commands a user would type.

use std::path::PathBuf;

use clap::Parser;
use rusqlite::Connection;
use syncline_model::{Error, ErrorKind, Result};

use super::{Cli, Command, Context, Outcome};

/// The shop's database file, in the demo's own folder.
const SHOP_FILE: &str = "shop.db";

/// The shop's database as the story begins.
const SHOP: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city VARCHAR(40));
    CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id),
        ordered DATE NOT NULL, total DECIMAL(10,2) NOT NULL);
    CREATE INDEX order_by_customer ON sales_order(customer_id);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO customer SELECT i, 'Customer ' || i, iif(i % 2, 'Oslo', 'Zürich') FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO sales_order SELECT i, 1 + i % 500, date('2026-01-01', (i % 300) || ' days'), i * 1.25 FROM n;";

/// What the shop does meanwhile.
const EDITS: &str = "
    UPDATE customer SET city = 'Bergen' WHERE id = 7;
    INSERT INTO sales_order VALUES (20001, 7, '2026-11-01', 99.90);
    DELETE FROM sales_order WHERE id = 13;";

pub async fn demo() -> Result<Outcome> {
    let folder = folder()?;
    // The commands then read as a user would type them.
    std::env::set_current_dir(&folder)
        .map_err(|e| Error::new(ErrorKind::Denied, "cannot enter the demo's folder").caused_by(e))?;
    // A story is told to people, whatever else was asked for.
    let context = &Context { out: super::Output::new(false, false), config: None };
    let out = context.out;
    out.line(format!("Two SQLite databases in {}: a shop, and a laptop that has nothing yet.", folder.display()));
    sql(SHOP)?;

    out.line("\n1. Everything goes to the laptop; its tables are created.");
    command(context, "copy", &[]).await?;
    out.line("\n2. Proof: every row of both is compared, cell by cell.");
    command(context, "compare", &[]).await?;

    out.line("\n3. The shop goes on: one row changes, one is new, one is gone.");
    for line in EDITS.trim().lines() {
        out.line(format!("   sqlite> {}", line.trim()));
    }
    sql(EDITS)?;
    command(context, "compare", &[]).await?;

    out.line("\n4. Once more, now replacing the tables, so that the deleted order goes too.");
    command(context, "copy", &["--mode", "truncate"]).await?;
    let last = command(context, "compare", &[]).await?;

    out.line(format!("\nThe same with your own: syncline copy FROM.db TO.db. The files stay in {}.", folder.display()));
    Ok(last)
}

/// Runs a command as if it had been typed.
async fn command(context: &Context, verb: &str, options: &[&str]) -> Result<Outcome> {
    let typed: Vec<&str> = ["syncline", verb, SHOP_FILE, "laptop.db"].iter().chain(options).copied().collect();
    context.out.line(format!("   $ {}", typed.join(" ")));
    let cli = Cli::try_parse_from(&typed)
        .map_err(|e| Error::new(ErrorKind::Bug, "the demo typed a wrong command").caused_by(e))?;
    match cli.command {
        Command::Copy(args) => super::copy::copy(context, args).await,
        Command::Compare(args) => super::compare::compare(context, args).await,
        _ => Err(Error::new(ErrorKind::Bug, "the demo copies and compares only")),
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
        let mut conn = Connection::open(SHOP_FILE)?;
        let unit = conn.transaction()?;
        unit.execute_batch(sql)?;
        unit.commit()
    };
    run().map_err(|e| Error::new(ErrorKind::Full, "the demo cannot write its database").caused_by(e))
}
