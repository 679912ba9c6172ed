//! Replacing rows where more than one thing about them is unique.
//!
//! Row by row, two rows that exchange a unique value stand in each other's way (F72), and of two rows with one key the
//! later would take the earlier's place in silence (I10). So the rows of the unit are gathered in a temporary table
//! first; then those that they replace go, and all of them come, in the same transaction. What the replaced rows hold in
//! columns that are only the sink's is kept. What still clashes is a row that the source does not have, or a key that
//! comes twice, and is an error.

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
pub fn pour(conn: &Connection, table: &str, columns: &Columns) -> rusqlite::Result<()> {
    let (stage, sink) = (name(table), format!("main.{}", quoted(table)));
    let (written, key) = (columns.written.join(", "), columns.key.join(", "));
    let replace = format!("DELETE FROM {sink} WHERE ({key}) IN (SELECT {key} FROM {stage});");
    if columns.others.is_empty() {
        return conn.execute_batch(&format!(
            "{replace} INSERT OR ABORT INTO {sink} ({written}) SELECT {written} FROM {stage}; DROP TABLE {stage}"
        ));
    }
    let held = format!("temp.{}", quoted(&format!("syncline_held_{table}")));
    let kept: Vec<String> = (0..columns.others.len()).map(|i| format!("kept{i}")).collect();
    let of =
        |alias: &str, names: &[String]| names.iter().map(|n| format!("{alias}.{n}")).collect::<Vec<_>>().join(", ");
    let same_key: Vec<String> = columns.key.iter().map(|k| format!("t.{k} = s.{k}")).collect();
    conn.execute_batch(&format!(
        "CREATE TABLE {held} (stage_row INTEGER PRIMARY KEY, {kept}); \
         INSERT INTO {held} SELECT s.rowid, {theirs} FROM {stage} AS s JOIN {sink} AS t ON {same_key}; \
         {replace} \
         INSERT OR ABORT INTO {sink} ({written}, {others}) \
             SELECT {ours}, {back} FROM {stage} AS s JOIN {held} AS h ON h.stage_row = s.rowid; \
         INSERT OR ABORT INTO {sink} ({written}) \
             SELECT {written} FROM {stage} WHERE rowid NOT IN (SELECT stage_row FROM {held}); \
         DROP TABLE {held}; DROP TABLE {stage}",
        kept = kept.join(", "),
        theirs = of("t", &columns.others),
        same_key = same_key.join(" AND "),
        others = columns.others.join(", "),
        ours = of("s", &columns.written),
        back = of("h", &kept),
    ))
}
