//! Many rows at once: `LOAD DATA LOCAL` from memory, or statements with many rows where the server does not take it.
//!
//! `LOCAL` makes the server lenient: what it cannot store it alters, what is there already it skips, and only counts
//! warnings. So a load counts only if every row was stored without a warning; else it is taken back and its rows are
//! inserted one by one, in strict mode, until the one that is refused is known by name (I10).

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use mysql_async::Value;
use mysql_async::prelude::Queryable as _;
use syncline_model::{Cell, Error, ErrorKind, Result, TableChanges};

use super::apply::{NULL_KEY, TableSink, Target};
use super::errors::{failed, refused};
use super::session::{Session, text};
use super::types::Written;

/// Fewer rows go faster by a statement of their own.
const LOAD_ROWS_MIN: usize = 16;

/// Size of the pieces in which a load travels.
const PIECE_BYTES: usize = 128 << 10;

/// Most values of one statement: the protocol counts them in 16 bits.
const VALUES_MAX: usize = 60_000;

/// Most bytes of one statement of many rows, if the server takes that much.
const STATEMENT_BYTES: usize = 1 << 20;

/// Rows of a batch on their way into a table.
pub struct Load<'a> {
    /// The unit's connection.
    pub session: &'a mut Session,
    /// Whose rows they are; counts them.
    pub table: &'a mut TableSink,
    /// Where they go, ready for use in SQL: the table, or its stage.
    pub into: &'a str,
    /// The columns that are written.
    pub columns: &'a [Target],
    /// The batch.
    pub changes: &'a TableChanges,
    /// Which of its rows.
    pub rows: &'a [usize],
}

impl Load<'_> {
    /// Inserts them. A refusal names the row.
    pub async fn run(mut self) -> Result<()> {
        if self.rows.len() < LOAD_ROWS_MIN || self.columns.is_empty() {
            return self.one_by_one().await;
        }
        let before = self.table.rows;
        self.session.run("SAVEPOINT syncline_load").await?;
        let whole = match self.session.server.is_on("local_infile") {
            true => self.as_file().await?,
            false => self.in_statements().await?,
        };
        if whole {
            return self.session.run("RELEASE SAVEPOINT syncline_load").await;
        }
        self.session.run("ROLLBACK TO SAVEPOINT syncline_load").await?;
        self.table.rows = before;
        self.one_by_one().await?;
        // Every row alone is fine, so the server means something that we do not know.
        Err(self.table.named(Error::new(ErrorKind::Bug, "the server took the rows one by one and not together")))
    }

    /// Whether all rows were stored as they are.
    async fn as_file(&mut self) -> Result<bool> {
        let limit = self.session.server.packet_bytes_max();
        let refusal = Arc::new(Mutex::new(None));
        let text = Text {
            changes: self.changes.clone(),
            rows: self.rows.to_vec(),
            next: 0,
            columns: self.columns.to_vec(),
            limit,
            value: Vec::new(),
            refusal: refusal.clone(),
        };
        // The guard of LOAD DATA LOCAL: the server gets exactly these bytes, for exactly this statement, and never a file.
        self.session.conn().set_infile_handler(async move { Ok(stream::iter(text).boxed()) });
        let answered = self.session.conn().query_drop(statement(self.into, self.columns)).await;
        if let Some((row, why)) = refusal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.table.rows += row as u64 + 1;
            return Err(match (why, self.rows.get(row)) {
                (Why::Value(target, reason), Some(row)) => {
                    self.table.refuse(&target, reason, cell(self.changes, *row, &target))
                }
                _ => too_large(self.table, limit),
            });
        }
        self.table.rows += self.rows.len() as u64;
        match answered {
            Ok(()) => {}
            // One by one it will be said which row it is.
            Err(mysql_async::Error::Server(e)) if is_of_rows(refused(&e, "").kind()) => return Ok(false),
            Err(e) => return Err(self.table.named(failed(e, "the server refused the rows"))),
        }
        let conn = self.session.conn();
        Ok(conn.affected_rows() == self.rows.len() as u64 && conn.get_warnings() == 0)
    }

    /// Whether all rows were stored as they are.
    async fn in_statements(&mut self) -> Result<bool> {
        let rows_max = (VALUES_MAX / self.columns.len()).clamp(1, 500);
        let bytes_max = STATEMENT_BYTES.min(self.session.server.packet_bytes_max() / 2);
        let (mut values, mut count, mut bytes) = (Vec::new(), 0, 0);
        for (i, &row) in self.rows.iter().enumerate() {
            self.table.rows += 1;
            bytes += self.bind(row, &mut values)?;
            count += 1;
            if count == rows_max || bytes >= bytes_max || i + 1 == self.rows.len() {
                match self.session.run_with(&self.insert_sql(count), std::mem::take(&mut values)).await {
                    Ok(stored) if stored == count as u64 && self.session.conn().get_warnings() == 0 => {}
                    Ok(_) => return Ok(false),
                    Err(e) if is_of_rows(e.kind()) => return Ok(false),
                    Err(e) => return Err(self.table.named(e)),
                }
                (count, bytes) = (0, 0);
            }
        }
        Ok(true)
    }

    /// The slow way that names the row.
    async fn one_by_one(&mut self) -> Result<()> {
        let sql = self.insert_sql(1);
        let limit = self.session.server.packet_bytes_max();
        for &row in self.rows {
            self.table.rows += 1;
            let mut values = Vec::with_capacity(self.columns.len());
            if self.bind(row, &mut values)? > limit {
                return Err(too_large(self.table, limit));
            }
            self.session.run_with(&sql, values).await.map_err(|e| self.table.refused(e))?;
            unaltered(self.session, self.table).await?;
        }
        Ok(())
    }

    fn insert_sql(&self, rows: usize) -> String {
        let names: Vec<_> = self.columns.iter().map(|t| t.name.as_str()).collect();
        let one = format!("({})", vec!["?"; self.columns.len()].join(", "));
        format!("INSERT INTO {} ({}) VALUES {}", self.into, names.join(", "), vec![one; rows].join(", "))
    }

    /// Appends the row's values; answers how many bytes they are.
    fn bind(&self, row: usize, values: &mut Vec<Value>) -> Result<usize> {
        let mut bytes = 0;
        for target in self.columns {
            let cell = cell(self.changes, row, target);
            self.table.key_holds(target, cell)?;
            bytes += cell.size();
            values.push(target.place.bind(cell).map_err(|reason| self.table.refuse(target, reason, cell))?);
        }
        Ok(bytes)
    }
}

/// What is loaded of a row: its values, and the key under which the sink finds it.
fn cell<'a>(changes: &'a TableChanges, row: usize, target: &Target) -> Cell<'a> {
    if target.in_key { changes.key_cell(row, target.column) } else { changes.cell(row, target.column) }
}

/// Why a row is not sent.
enum Why {
    Value(Target, &'static str),
    TooLarge,
}

/// The text of a load, made piece by piece while the server stores what it has got.
struct Text {
    changes: TableChanges,
    rows: Vec<usize>,
    next: usize,
    columns: Vec<Target>,
    /// Most bytes of a row.
    limit: usize,
    value: Vec<u8>,
    /// Set when a row is not sent; the text ends before it.
    refusal: Arc<Mutex<Option<(usize, Why)>>>,
}

impl Text {
    fn row(&mut self, row: usize, piece: &mut Vec<u8>) -> Result<(), Why> {
        let start = piece.len();
        for (i, target) in self.columns.iter().enumerate() {
            if i > 0 {
                piece.push(b'\t');
            }
            let cell = cell(&self.changes, row, target);
            if cell.is_null() && target.in_key {
                return Err(Why::Value(target.clone(), NULL_KEY));
            }
            self.value.clear();
            match target.place.write(cell, &mut self.value) {
                Ok(Written::Null) => piece.extend_from_slice(b"\\N"),
                Ok(Written::Value) => escape(&self.value, piece),
                Err(reason) => return Err(Why::Value(target.clone(), reason)),
            }
        }
        piece.push(b'\n');
        if piece.len() - start > self.limit { Err(Why::TooLarge) } else { Ok(()) }
    }
}

impl Iterator for Text {
    type Item = std::io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Vec::with_capacity(PIECE_BYTES + 4096);
        while let Some(&row) = self.rows.get(self.next) {
            if let Err(why) = self.row(row, &mut piece) {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.next, why));
                self.next = self.rows.len();
                // Nothing of it counts: the unit is taken back.
                return None;
            }
            self.next += 1;
            if piece.len() >= PIECE_BYTES {
                break;
            }
        }
        if piece.is_empty() { None } else { Some(Ok(piece.into())) }
    }
}

/// Whether a refusal of that kind is about a row, so that inserting one by one names it.
fn is_of_rows(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Value | ErrorKind::Constraint)
}

fn too_large(table: &TableSink, limit: usize) -> Error {
    table
        .refused(Error::new(ErrorKind::Value, format!("the row is larger than the server takes ({limit} bytes)")))
        .hint("raise max_allowed_packet at the server")
}

/// Bytes are taken as they are; a column that keeps text in another character set converts them itself.
fn statement(into: &str, columns: &[Target]) -> String {
    let mut sets = Vec::new();
    let names: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(i, target)| match target.place.converts() {
            true => {
                sets.push(format!("{} = CONVERT(@v{i} USING utf8mb4)", target.name));
                format!("@v{i}")
            }
            false => target.name.clone(),
        })
        .collect();
    let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'syncline' INTO TABLE {into} CHARACTER SET binary \
         FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){set}",
        names.join(", ")
    )
}

/// Appends bytes so that the server reads exactly these.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    let special = |b: &u8| matches!(b, b'\\' | b'\t' | b'\n' | b'\r' | 0);
    let mut rest = value;
    while let Some(at) = rest.iter().position(special) {
        let (plain, more) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((byte, more)) = more.split_first() else { return };
        out.push(b'\\');
        out.push(match byte {
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            0 => b'0',
            other => *other,
        });
        rest = more;
    }
    out.extend_from_slice(rest);
}

/// Refuses what the last statement stored otherwise than it was given: in strict mode some of that is only noted.
pub async fn unaltered(session: &mut Session, table: &TableSink) -> Result<()> {
    if session.conn().get_warnings() == 0 {
        return Ok(());
    }
    let rows = session.rows("SHOW WARNINGS").await?;
    let Some(first) = rows.first() else { return Ok(()) };
    let code = text(first, 1);
    // I15: the text beside the code quotes the value.
    Err(table.refused(
        Error::new(ErrorKind::Value, "the sink would alter a value of this row").caused_by(format!("warning {code}")),
    ))
}
