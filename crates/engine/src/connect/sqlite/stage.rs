//! Replacing rows where more than one thing about them is unique.
//!
//! Row by row, two rows that exchange a unique value stand in each other's way (F72), and of two rows with one key the
//! later would take the earlier's place in silence (I10). So the rows of the unit are gathered in a temporary table
//! first; then those that they replace go, and all of them come, in the same transaction. What still clashes is a row
//! that the source does not have, or a key that comes twice, and is an error.

use rusqlite::Connection;

use super::quoted;

/// The temporary table that gathers a table's rows, ready for use in SQL.
pub fn name(table: &str) -> String {
    format!("temp.{}", quoted(&format!("syncline_stage_{table}")))
}

/// Opens it, empty. Its columns have no types, so they keep every value as it is. It goes with its transaction.
pub fn open(conn: &Connection, table: &str, columns: &[String]) -> rusqlite::Result<()> {
    conn.execute_batch(&format!("CREATE TABLE {} ({})", name(table), columns.join(", ")))
}

/// Puts the gathered rows in the place of those with the same key.
pub fn pour(conn: &Connection, table: &str, columns: &[String], key: &[String]) -> rusqlite::Result<()> {
    let (stage, sink) = (name(table), format!("main.{}", quoted(table)));
    let (columns, key) = (columns.join(", "), key.join(", "));
    conn.execute_batch(&format!(
        "DELETE FROM {sink} WHERE ({key}) IN (SELECT {key} FROM {stage}); \
         INSERT OR ABORT INTO {sink} ({columns}) SELECT {columns} FROM {stage}; \
         DROP TABLE {stage}"
    ))
}
