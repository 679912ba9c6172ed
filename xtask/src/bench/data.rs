//! The data: one table of ten mixed columns, about 200 bytes a row, the same in every run.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::report::grouped;
use crate::failure::Result;
use crate::process;

pub const CREATE: &str = "CREATE TABLE sales_order (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  status TEXT NOT NULL,
  amount REAL NOT NULL,
  discount DECIMAL(10,2),
  created_at DATETIME NOT NULL,
  ship_date DATE,
  note TEXT,
  payload BLOB,
  active BOOLEAN NOT NULL
)";

/// Arithmetic on the row's number instead of `random()`: the same bytes everywhere. The multipliers are primes, so
/// that neighbouring rows differ; the payload is null in every third row.
const FILL: &str = "INSERT INTO sales_order
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ROWS)
SELECT n,
  n * 7919 % 100003,
  CASE n % 4 WHEN 0 THEN 'new' WHEN 1 THEN 'paid' WHEN 2 THEN 'shipped' ELSE 'returned' END,
  (n * 104729 % 10000000) / 97.0,
  (n * 31 % 10000) / 100.0,
  datetime(1700000000 + n * 37, 'unixepoch'),
  date(1700000000 + n * 37 + 259200, 'unixepoch'),
  printf('Order %d für Kunde %d: deliver to the back door, ring twice', n, n * 7919 % 100003),
  CASE WHEN n % 3 > 0 THEN CAST(printf('%032d%032d%032d', n, n * 7919, n * 104729) AS BLOB) END,
  n % 2
FROM number";

/// Writes a database file with so many rows.
pub fn generate(file: &Path, rows: u64) -> Result<()> {
    println!("bench: writing {} rows", grouped(rows));
    let fill = FILL.replace("ROWS", &rows.to_string());
    // The file is made once and thrown away; a crash while it is made costs nothing.
    let script =
        format!("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; {CREATE}; {fill}; PRAGMA journal_mode=DELETE;");
    process::output(sqlite3(file).arg(script))?;
    let bytes = fs::metadata(file).map_or(0, |file| file.len());
    println!("bench: {} bytes, {} a row", grouped(bytes), bytes / rows);
    Ok(())
}

/// The sqlite3 shell on a file, without the user's own settings.
pub fn sqlite3(file: &Path) -> Command {
    let mut command = Command::new("sqlite3");
    command.args(["-batch", "-bail", "-init", "/dev/null"]).arg(file);
    command
}

/// A few sums over every column: a copy that has lost or changed something must not be called fast.
pub fn fingerprint(file: &Path) -> Result<String> {
    let sums = "SELECT count(*), sum(id), sum(customer_id), sum(length(status)), total(amount), total(discount), \
                count(DISTINCT created_at), max(ship_date), sum(length(note)), count(payload), \
                sum(length(payload)), sum(active), sum(length(created_at)) FROM sales_order";
    process::output(sqlite3(file).arg(sums))
}

/// Removes a database file and what SQLite may have left beside it.
pub fn remove(file: &Path) -> Result<()> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(&name) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {err}", Path::new(&name).display()).into());
            }
            _ => {}
        }
    }
    Ok(())
}
