//! Rows as COPY has them in its binary format, for a copy between two PostgreSQL databases.

use bytes::Bytes;
use syncline_model::change::NativeRows;
use syncline_model::{Column, Error, ErrorKind, Result, TableSchema};

use super::apply::TableSink;
use super::session::Session;
use super::{BRAND, quoted};
use crate::connector::WriteReport;

/// The form's name: tuples of a binary COPY, without what stands before and after them.
pub const FORM: &str = "postgres-copy/1";

/// Types of every PostgreSQL whose binary form says nothing of the database that it comes from, as the catalogue spells
/// them, beside those that have cells. Arrays of these and of the others are like them.
const TEXT_ONLY: &[&str] = &[
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "xml",
    "bit",
    "bit varying",
    "time with time zone",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "tsvector",
    "tsquery",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "pg_lsn",
];

/// Element types whose arrays name them by a number that is the same everywhere.
const ELEMENTS: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "text",
    "character varying",
    "character",
    "bytea",
    "date",
    "time without time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
    "uuid",
    "json",
    "jsonb",
];

/// Whether a column's values can pass undecoded from one database to the other.
fn passes(column: &Column) -> bool {
    use syncline_model::LogicalType::{Array, Other};
    let (name, is_array) = match column.native.strip_suffix("[]") {
        Some(element) => (without_bounds(element), true),
        None => (without_bounds(&column.native), false),
    };
    match &column.logical {
        Array(_) => is_array && (ELEMENTS.contains(&&*name) || TEXT_ONLY.contains(&&*name)),
        Other => TEXT_ONLY.contains(&&*name),
        _ => true,
    }
}

/// `numeric(10,2)` and `timestamp(3) without time zone` without their bounds.
fn without_bounds(native: &str) -> String {
    match (native.find('('), native.find(')')) {
        (Some(open), Some(close)) if open < close => {
            [native.get(..open), native.get(close + 1..)].into_iter().flatten().collect()
        }
        _ => native.to_owned(),
    }
}

/// Whether rows of this table can come undecoded into the table that is there, or into one that is created for it.
pub fn fits(table: &TableSchema, there: Option<&TableSchema>) -> bool {
    let same = |column: &Column| match there {
        Some(there) => there.columns.iter().any(|c| c.name == column.name && c.native == column.native && !c.generated),
        None => true,
    };
    // A null in a key is refused by whoever looks at it; nobody does here.
    let keyed = table.key_columns().all(|c| !c.nullable);
    table.brand == BRAND && keyed && table.columns.iter().all(|c| passes(c) && same(c))
}

impl TableSink {
    /// As [`TableSink::load`], for rows that come undecoded.
    pub async fn load_native(&mut self, session: &Session, rows: &NativeRows, report: &mut WriteReport) -> Result<()> {
        if rows.form != FORM {
            return Err(
                Error::new(ErrorKind::Bug, "rows came in a form that is not PostgreSQL's").at("form", rows.form)
            );
        }
        let there = self.there().map(|t| t.schema.clone());
        if !fits(&rows.schema, there.as_ref()) {
            return Err(Error::new(ErrorKind::Schema, "the sink's table was changed meanwhile")
                .at("table", rows.schema.name.to_string())
                .hint("run the same command again"));
        }
        if rows.rows == 0 {
            return Ok(());
        }
        let Some((into, options)) = self.target(session).await? else { return Ok(()) };
        let names: Vec<_> = rows.schema.columns.iter().map(|c| quoted(&c.name)).collect();
        let sql = format!("COPY {into} ({}) FROM STDIN (FORMAT binary{options})", names.join(", "));
        let count = rows.rows as u64;
        let under = self.begin_copy(session, sql, true).await?;
        let under = self.send_copy(under, Bytes::from_owner(rows.bytes.clone())).await?;
        self.sent(under, count);
        report.rows += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
