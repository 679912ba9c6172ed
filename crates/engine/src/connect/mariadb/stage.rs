//! Replacing rows by key.
//!
//! The rows of the unit are gathered in a temporary table with the sink's own key, so that a key that comes twice is an
//! error and never quietly one row (I10). Then they take the places of those with the same key, in the same transaction.
//! Where more than the key is unique, two rows that exchange a unique value would stand in each other's way (F72), and
//! `ON DUPLICATE KEY UPDATE` would take any unique index for the key; so there the old rows go first. What the replaced
//! rows hold in columns that are only the sink's is kept.

use syncline_model::Result;

use super::quoted;
use super::session::Session;

/// Opens it, empty; a temporary table neither commits nor is seen by others.
pub async fn open(session: &mut Session, stage: &str, table: &str, columns: &[String], key: &[String]) -> Result<()> {
    let sql = format!(
        "CREATE TEMPORARY TABLE {} (PRIMARY KEY ({})) ENGINE=InnoDB SELECT {} FROM {table} LIMIT 0",
        quoted(stage),
        key.join(", "),
        columns.join(", ")
    );
    session.define(&sql).await
}

/// Removes it.
pub async fn close(session: &mut Session, stage: &str) -> Result<()> {
    session.run(&format!("DROP TEMPORARY TABLE IF EXISTS {}", quoted(stage))).await
}

/// The columns of a table by what happens to them, ready for use in SQL.
pub struct Columns {
    /// The key.
    pub key: Vec<String>,
    /// Those that arrive.
    pub written: Vec<String>,
    /// Those that only the sink has, and that it does not compute itself.
    pub others: Vec<String>,
}

/// Puts the gathered rows in the place of those with the same key.
pub async fn pour(
    session: &mut Session,
    stage: &str,
    table: &str,
    columns: &Columns,
    other_unique: bool,
) -> Result<()> {
    let written = columns.written.join(", ");
    let own = quoted(stage);
    if !other_unique {
        let sets: Vec<_> = columns.written.iter().map(|c| format!("{c} = VALUES({c})")).collect();
        let sql = format!(
            "INSERT INTO {table} ({written}) SELECT {written} FROM {own} ON DUPLICATE KEY UPDATE {}",
            sets.join(", ")
        );
        return session.run(&sql).await;
    }
    let of =
        |alias: &str, names: &[String]| names.iter().map(|n| format!("{alias}.{n}")).collect::<Vec<_>>().join(", ");
    let same_key = |one: &str, other: &str| {
        columns.key.iter().map(|k| format!("{one}.{k} = {other}.{k}")).collect::<Vec<_>>().join(" AND ")
    };
    let replace = format!("DELETE t FROM {table} t JOIN {own} s ON {}", same_key("t", "s"));
    if columns.others.is_empty() {
        session.run(&replace).await?;
        return session.run(&format!("INSERT INTO {table} ({written}) SELECT {written} FROM {own}")).await;
    }
    let held_name = format!("{stage}_held");
    let held = quoted(&held_name);
    let (key, others) = (columns.key.join(", "), columns.others.join(", "));
    let first = columns.key.first().cloned().unwrap_or_default();
    close(session, &held_name).await?;
    session
        .define(&format!(
            "CREATE TEMPORARY TABLE {held} (PRIMARY KEY ({key})) ENGINE=InnoDB SELECT {}, {} FROM {table} t JOIN {own} s ON {}",
            of("t", &columns.key),
            of("t", &columns.others),
            same_key("t", "s")
        ))
        .await?;
    session.run(&replace).await?;
    let back = format!(
        "INSERT INTO {table} ({written}, {others}) SELECT {}, {} FROM {own} s JOIN {held} h ON {}",
        of("s", &columns.written),
        of("h", &columns.others),
        same_key("s", "h")
    );
    session.run(&back).await?;
    let new = format!(
        "INSERT INTO {table} ({written}) SELECT {} FROM {own} s LEFT JOIN {held} h ON {} WHERE h.{first} IS NULL",
        of("s", &columns.written),
        same_key("s", "h")
    );
    session.run(&new).await?;
    close(session, &held_name).await
}
