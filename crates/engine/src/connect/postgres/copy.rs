//! Rows of a batch as one COPY.

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt as _;
use syncline_model::{Cell, Error, Result, TableChanges};

use super::apply::{NULL_KEY, TableSink};
use super::session::{Session, copy_place, failed};
use super::types::encode;

impl TableSink {
    /// Sends the rows by COPY into the table or its stage; binary, where every column has a binary form.
    pub async fn copy(&self, session: &Session, changes: &TableChanges, into: &str, options: &str) -> Result<()> {
        let names = self.names(self.written.iter().map(|(c, _)| *c)).join(", ");
        let binary = self.written.iter().all(|(_, kind)| kind.is_binary());
        let format = if binary { "binary" } else { "text" };
        let sql = format!("COPY {into} ({names}) FROM STDIN (FORMAT {format}{options})");
        let mut sink = Box::pin(session.client.copy_in::<_, Bytes>(&sql).await.map_err(|e| self.refused(e))?);
        let mut rows =
            CopyRows { table: self, binary, buffer: BytesMut::with_capacity(PIECE + 4096), scratch: Vec::new() };
        let sent: Result<(), Failure> = async {
            rows.head();
            for row in 0..changes.rows() {
                rows.push(changes, row).map_err(Failure::Ours)?;
                if rows.buffer.len() >= PIECE {
                    let piece = rows.buffer.split().freeze();
                    sink.feed(piece).await.map_err(Failure::Theirs)?;
                }
            }
            rows.tail();
            sink.feed(rows.buffer.split().freeze()).await.map_err(Failure::Theirs)
        }
        .await;
        let answered = match sent {
            Ok(()) => sink.as_mut().finish().await,
            // Nothing more is sent; the transaction is void, and is taken back.
            Err(Failure::Ours(e)) => return Err(e),
            // What the server says of it comes with the end.
            Err(Failure::Theirs(e)) => sink.as_mut().finish().await.and(Err(e)),
        };
        match answered {
            Ok(_) => Ok(()),
            Err(e) => Err(self.refused_row(e)),
        }
    }

    /// The server's refusal of a row of a COPY.
    pub fn refused_row(&self, e: tokio_postgres::Error) -> Error {
        let (line, column) = copy_place(&e);
        let mut error = failed(e, "the sink refused a row").at("table", self.schema.name.to_string());
        if let Some(column) = column {
            error = error.at("column", column);
        }
        match line {
            Some(line) => error.at("row", format!("{} as read", self.rows + line)),
            None => error,
        }
    }
}

/// What stands before the tuples of a binary COPY
/// (<https://www.postgresql.org/docs/current/sql-copy.html>): signature, flags, length of the extension.
pub const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after them.
pub const TAIL: &[u8] = &(-1i16).to_be_bytes();

/// Bytes that are sent at a time.
const PIECE: usize = 256 << 10;

/// Who ended a COPY early.
enum Failure {
    Ours(Error),
    Theirs(tokio_postgres::Error),
}

/// The rows of a COPY on their way.
struct CopyRows<'t> {
    table: &'t TableSink,
    binary: bool,
    buffer: BytesMut,
    scratch: Vec<u8>,
}

impl CopyRows<'_> {
    fn head(&mut self) {
        if self.binary {
            self.buffer.extend_from_slice(HEAD);
        }
    }

    fn tail(&mut self) {
        if self.binary {
            self.buffer.extend_from_slice(TAIL);
        }
    }

    fn push(&mut self, changes: &TableChanges, row: usize) -> Result<()> {
        let table = self.table;
        let refuse = |column: usize, reason: &str, cell: Cell<'_>| {
            table.refuse(column, reason, cell, table.rows + row as u64 + 1)
        };
        if self.binary {
            let count = i16::try_from(table.written.len()).unwrap_or(i16::MAX);
            self.buffer.extend_from_slice(&count.to_be_bytes());
        }
        for (i, (column, kind)) in table.written.iter().enumerate() {
            let cell = changes.cell(row, *column);
            if cell.is_null() && table.schema.key.contains(column) {
                return Err(refuse(*column, NULL_KEY, cell));
            }
            self.scratch.clear();
            if self.binary {
                if cell.is_null() {
                    self.buffer.extend_from_slice(&(-1i32).to_be_bytes());
                    continue;
                }
                encode::binary(*kind, cell, &mut self.scratch).map_err(|reason| refuse(*column, reason, cell))?;
                let length = i32::try_from(self.scratch.len());
                let length = length.map_err(|_| refuse(*column, "it is longer than PostgreSQL takes", cell))?;
                self.buffer.extend_from_slice(&length.to_be_bytes());
                self.buffer.extend_from_slice(&self.scratch);
            } else {
                self.buffer.extend_from_slice(if i > 0 { b"\t" } else { b"" });
                if cell.is_null() {
                    self.buffer.extend_from_slice(b"\\N");
                    continue;
                }
                encode::text(*kind, cell, &mut self.scratch).map_err(|reason| refuse(*column, reason, cell))?;
                let mut escaped = Vec::with_capacity(self.scratch.len() + 16);
                encode::escaped(&self.scratch, &mut escaped);
                self.buffer.extend_from_slice(&escaped);
            }
        }
        if !self.binary {
            self.buffer.extend_from_slice(b"\n");
        }
        Ok(())
    }
}
