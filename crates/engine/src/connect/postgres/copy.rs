//! Rows by COPY: one goes on from batch to batch of a unit, so that the server never waits for the next.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt as _;
use syncline_model::{Cell, Error, ErrorKind, Result, TableChanges};
use tokio_postgres::CopyInSink;

use super::apply::{NULL_KEY, TableSink};
use super::session::{Session, copy_place, failed};
use super::types::encode;

/// Bytes after which a COPY is ended and another one begun. The driver hears of a refused row only when a COPY ends, so
/// that is how much may be sent in vain.
const COPY_MAX: usize = 16 << 20;

/// Bytes that are sent at a time.
const PIECE: usize = 128 << 10;

/// A COPY that goes on over the batches of a unit. Dropped, it fails, and what is asked next is answered after it.
///
/// Nothing else may be asked of the session before it is ended: the answer would never come.
pub struct UnderWay {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    sql: String,
    binary: bool,
    /// Rows of the unit before its first.
    before: u64,
    /// Rows that were sent.
    rows: u64,
    bytes: usize,
}

impl UnderWay {
    async fn send(&mut self, mut bytes: Bytes) -> Result<(), tokio_postgres::Error> {
        self.bytes += bytes.len();
        while bytes.len() > PIECE {
            self.sink.feed(bytes.split_to(PIECE)).await?;
        }
        self.sink.feed(bytes).await
    }

    /// Ends it; gives the number of rows that the server took.
    async fn end(mut self, sent: Result<(), tokio_postgres::Error>) -> Result<u64, tokio_postgres::Error> {
        let sent = match (sent, self.binary) {
            (Ok(()), true) => self.sink.feed(Bytes::from_static(TAIL)).await,
            (sent, _) => sent,
        };
        // What the server says of a row comes with the end.
        let answered = self.sink.as_mut().finish().await;
        answered.and_then(|rows| sent.map(|()| rows))
    }
}

impl TableSink {
    /// Sends the rows by COPY into the table or its stage; binary, where every column has a binary form.
    pub async fn copy(&mut self, session: &Session, changes: &TableChanges, into: &str, options: &str) -> Result<()> {
        let names = self.names(self.written.iter().map(|(c, _)| *c)).join(", ");
        let binary = self.written.iter().all(|(_, kind)| kind.is_binary());
        let format = if binary { "binary" } else { "text" };
        let sql = format!("COPY {into} ({names}) FROM STDIN (FORMAT {format}{options})");
        let mut under = self.begin_copy(session, sql, binary).await?;
        let mut buffer = Vec::with_capacity(PIECE + 4096);
        let mut escaped = Vec::new();
        for row in 0..changes.rows() {
            match binary {
                true => self.push_binary(changes, row, &mut buffer)?,
                false => self.push_text(changes, row, &mut buffer, &mut escaped)?,
            }
            if buffer.len() >= PIECE {
                let piece = std::mem::replace(&mut buffer, Vec::with_capacity(PIECE + 4096));
                under = self.send_copy(under, piece.into()).await?;
            }
        }
        under = self.send_copy(under, buffer.into()).await?;
        self.sent(under, changes.rows() as u64);
        Ok(())
    }

    /// The COPY that is under way if it is by the same statement, or a new one.
    pub async fn begin_copy(&mut self, session: &Session, sql: String, binary: bool) -> Result<UnderWay> {
        match self.under.take() {
            Some(under) if under.sql == sql && under.bytes < COPY_MAX => return Ok(under),
            under => self.under = under,
        }
        self.end_copy().await?;
        let sink = Box::pin(session.client.copy_in::<_, Bytes>(&sql).await.map_err(|e| self.refused(e))?);
        let mut under = UnderWay { sink, sql, binary, before: self.rows, rows: 0, bytes: 0 };
        if binary {
            under = self.send_copy(under, Bytes::from_static(HEAD)).await?;
        }
        Ok(under)
    }

    /// Sends bytes of whole rows, or parts of them.
    pub async fn send_copy(&self, mut under: UnderWay, bytes: Bytes) -> Result<UnderWay> {
        match under.send(bytes).await {
            Ok(()) => Ok(under),
            Err(e) => {
                let before = under.before;
                Err(self.refused_row(under.end(Err(e)).await.err(), before))
            }
        }
    }

    /// So many rows were sent; the next batch may bring more.
    pub fn sent(&mut self, mut under: UnderWay, rows: u64) {
        under.rows += rows;
        self.rows += rows;
        self.under = Some(under);
    }

    /// Ends the COPY that is under way. What the server refused of any of its batches is said here.
    pub async fn end_copy(&mut self) -> Result<()> {
        let Some(under) = self.under.take() else { return Ok(()) };
        let (before, rows) = (under.before, under.rows);
        match under.end(Ok(())).await {
            Ok(taken) if taken == rows => Ok(()),
            // I10: rows that a trigger swallows are lost.
            Ok(_) => Err(Error::new(ErrorKind::Constraint, "the sink took another number of rows than it was sent")
                .at("table", self.schema.name.to_string())
                .hint("a trigger of the sink that is ENABLE ALWAYS or ENABLE REPLICA leaves rows out")),
            Err(e) => Err(self.refused_row(Some(e), before)),
        }
    }

    /// The server's refusal of a row of a COPY whose first row came after so many others.
    fn refused_row(&self, e: Option<tokio_postgres::Error>, before: u64) -> Error {
        let what = "the sink refused a row";
        let place = |error: Error| error.at("table", self.schema.name.to_string());
        let Some(e) = e else { return place(Error::new(ErrorKind::Unreachable, what)) };
        let (line, column) = copy_place(&e);
        let mut error = place(failed(e, what));
        if let Some(column) = column {
            error = error.at("column", column);
        }
        match line {
            Some(line) => error.at("row", format!("{} as read", before + line)),
            None => error,
        }
    }

    fn refuse_row(&self, column: usize, reason: &str, cell: Cell<'_>, row: usize) -> Error {
        self.refuse(column, reason, cell, self.rows + row as u64 + 1)
    }

    fn push_binary(&self, changes: &TableChanges, row: usize, buffer: &mut Vec<u8>) -> Result<()> {
        let count = i16::try_from(self.written.len()).unwrap_or(i16::MAX);
        buffer.extend_from_slice(&count.to_be_bytes());
        for (column, kind) in &self.written {
            let cell = changes.cell(row, *column);
            let refuse = |reason| self.refuse_row(*column, reason, cell, row);
            // Until the length is known, that of null.
            let at = buffer.len();
            buffer.extend_from_slice(&(-1i32).to_be_bytes());
            if cell.is_null() {
                self.is_no_key(*column).map_err(refuse)?;
                continue;
            }
            encode::binary(*kind, cell, buffer).map_err(refuse)?;
            let length = i32::try_from(buffer.len() - at - 4);
            let length = length.map_err(|_| refuse("it is longer than PostgreSQL takes"))?;
            if let Some(place) = buffer.get_mut(at..at + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    fn push_text(&self, changes: &TableChanges, row: usize, buffer: &mut Vec<u8>, plain: &mut Vec<u8>) -> Result<()> {
        for (i, (column, kind)) in self.written.iter().enumerate() {
            let cell = changes.cell(row, *column);
            let refuse = |reason| self.refuse_row(*column, reason, cell, row);
            buffer.extend_from_slice(if i > 0 { b"\t" } else { b"" });
            if cell.is_null() {
                self.is_no_key(*column).map_err(refuse)?;
                buffer.extend_from_slice(b"\\N");
                continue;
            }
            plain.clear();
            encode::text(*kind, cell, plain).map_err(refuse)?;
            encode::escaped(plain, buffer);
        }
        buffer.push(b'\n');
        Ok(())
    }

    fn is_no_key(&self, column: usize) -> Result<(), &'static str> {
        if self.schema.key.contains(&column) { Err(NULL_KEY) } else { Ok(()) }
    }
}

/// What stands before the tuples of a binary COPY
/// (<https://www.postgresql.org/docs/current/sql-copy.html>): signature, flags, length of the extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after them.
const TAIL: &[u8] = &(-1i16).to_be_bytes();
