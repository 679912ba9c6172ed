//! The tables in which a member keeps what the merge model needs: of columns that every brand has.
//!
//! Nothing of a row that nobody has touched since the group was made is kept: it has the rank [`UNTOUCHED`] throughout.
//!
//! [`UNTOUCHED`]: super::coded::UNTOUCHED

use std::sync::Arc;

use syncline_model::{Cell, CellBuf, Column, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

use super::member::{Member, Row, Words};

/// One row: the group as agreed, who this member is, and what it counts.
pub const GROUP: usize = 0;
/// All members.
pub const MEMBER: usize = 1;
/// How far a member is known to have seen each origin; this member's own account too.
pub const SEEN: usize = 2;
/// The ranks of rows that were touched.
pub const RANK: usize = 3;
/// Rows that are not shown: parked ones, and tombstones.
pub const HIDDEN: usize = 4;
/// What hidden rows claim, refer to and offer, so that they are found by value.
pub const CLAIM: usize = 5;
/// Units that other members may lack, in the order in which this member learned them.
pub const UNIT: usize = 6;
/// What was lost in conflicts.
pub const CONFLICT: usize = 7;
/// How many there are; the group's own tables are counted from here.
pub const TABLES: usize = 8;

#[derive(Clone, Copy)]
enum Kind {
    Int,
    Hash,
    Text,
    Bytes,
}

/// A table, by its number: name, columns, how many of them are the key, and what else is looked for.
struct Layout {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    key: usize,
    index: Option<&'static str>,
}

use Kind::{Bytes, Hash, Int, Text};

const LAYOUTS: [Layout; TABLES] = [
    Layout {
        name: "syncline_group",
        columns: &[
            ("id", Int),
            ("name", Text),
            ("agreed", Text),
            ("origin", Int),
            ("clock", Int),
            ("seq", Int),
            ("version", Int),
            ("formed", Int),
        ],
        key: 1,
        index: None,
    },
    Layout { name: "syncline_member", columns: &[("origin", Int), ("name", Text)], key: 1, index: None },
    Layout {
        name: "syncline_seen",
        columns: &[("who", Int), ("origin", Int), ("number", Int), ("stamp", Int)],
        key: 2,
        index: None,
    },
    Layout {
        name: "syncline_rank",
        columns: &[
            ("tbl", Int),
            ("hash", Hash),
            ("row_key", Bytes),
            ("ranks", Bytes),
            ("stamp", Int),
            ("deleted", Int),
        ],
        key: 2,
        index: Some("deleted"),
    },
    Layout {
        name: "syncline_hidden",
        columns: &[("tbl", Int), ("hash", Hash), ("row_key", Bytes), ("fate", Int), ("image", Bytes)],
        key: 2,
        index: None,
    },
    Layout {
        name: "syncline_claim",
        columns: &[("tbl", Int), ("hash", Hash), ("claimed", Hash)],
        key: 3,
        index: Some("claimed"),
    },
    Layout {
        name: "syncline_unit",
        columns: &[("seq", Int), ("origin", Int), ("last_number", Int), ("newest", Int), ("body", Bytes)],
        key: 1,
        index: None,
    },
    Layout {
        name: "syncline_conflict",
        columns: &[
            ("id", Hash),
            ("noted_ms", Int),
            ("tbl", Int),
            ("row_key", Bytes),
            ("register", Int),
            ("lost", Bytes),
            ("lost_stamp", Int),
            ("lost_origin", Int),
            ("won", Bytes),
            ("won_stamp", Int),
            ("won_origin", Int),
            ("resolved", Int),
        ],
        key: 1,
        index: None,
    },
];

impl Kind {
    fn word(self, words: &Words) -> &'static str {
        match self {
            Int => words.int,
            Hash => words.hash,
            Text => words.text,
            Bytes => words.bytes,
        }
    }

    fn logical(self) -> LogicalType {
        match self {
            Int => LogicalType::Int { bits: 64, signed: true },
            Hash => LogicalType::Bytes { bytes_max: Some(16) },
            Text => LogicalType::Text { chars_max: None },
            Bytes => LogicalType::Bytes { bytes_max: None },
        }
    }
}

/// What creates them.
pub fn create(member: &dyn Member) -> Vec<String> {
    let words = member.words();
    let mut statements = Vec::new();
    for layout in &LAYOUTS {
        let columns = layout.columns.iter().map(|(name, kind)| format!("{name} {} NOT NULL", kind.word(&words)));
        let columns: Vec<String> = columns.collect();
        let key: Vec<&str> = layout.columns.iter().take(layout.key).map(|(name, _)| *name).collect();
        let (own, columns, key) = (member.own(layout.name), columns.join(", "), key.join(", "));
        statements.push(format!("CREATE TABLE {own} ({columns}, PRIMARY KEY ({key})){}", words.options));
        statements.extend(layout.index.map(|column| {
            let name = layout.name;
            format!("CREATE INDEX {name}_by_{column} ON {own} ({column})")
        }));
    }
    statements
}

/// The name of one of them.
pub fn name(table: usize) -> &'static str {
    LAYOUTS.get(table).map_or("", |layout| layout.name)
}

/// What they look like.
pub fn schemas(member: &dyn Member) -> Vec<Arc<TableSchema>> {
    let words = member.words();
    let schema = |layout: &Layout| {
        let columns = layout.columns.iter().map(|(name, kind)| Column {
            native: kind.word(&words).to_owned(),
            nullable: false,
            ..Column::new(name, kind.logical())
        });
        let name = TableName { schema: member.home(), name: layout.name.into() };
        let mut schema = TableSchema::new(name, columns.collect());
        schema.key = (0..layout.key).collect();
        Arc::new(schema)
    };
    LAYOUTS.iter().map(schema).collect()
}

/// A number of one of these tables.
pub fn int(row: &Row, column: usize) -> Result<i64> {
    match row.get(column).map(CellBuf::as_cell) {
        Some(Cell::Int(number)) => Ok(number),
        _ => Err(damaged()),
    }
}

/// One that is never negative.
pub fn count(row: &Row, column: usize) -> Result<u64> {
    u64::try_from(int(row, column)?).map_err(|_| damaged())
}

/// One that is a place in a list.
pub fn place(row: &Row, column: usize) -> Result<usize> {
    usize::try_from(int(row, column)?).map_err(|_| damaged())
}

/// A text.
pub fn text(row: &Row, column: usize) -> Result<&str> {
    match row.get(column) {
        Some(CellBuf::Text(text)) => Ok(text),
        _ => Err(damaged()),
    }
}

/// Bytes.
pub fn bytes(row: &Row, column: usize) -> Result<&[u8]> {
    match row.get(column) {
        Some(CellBuf::Bytes(bytes)) => Ok(bytes),
        _ => Err(damaged()),
    }
}

/// A number for one of these tables.
pub fn cell(number: u64) -> CellBuf {
    CellBuf::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The place in a list for one of these tables.
pub fn at(place: usize) -> CellBuf {
    CellBuf::from(i64::try_from(place).unwrap_or(i64::MAX))
}

/// Bytes for one of these tables.
pub fn blob(bytes: Vec<u8>) -> CellBuf {
    CellBuf::Bytes(bytes.into())
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "what a member keeps of its sync group cannot be read")
        .hint("only Syncline may write to its tables; the guide's chapter on sync says how to make the group anew")
}
