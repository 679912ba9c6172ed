//! `syncline_parked`, the table of a sink that keeps the changes which were set aside: the same at every brand.
//!
//! A sink creates and writes it as any other table, in the units of the lane that parks, so that what is set aside, the
//! data beside it and the position become durable together (I2). Its values stay in the database that parks them (I15).

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use syncline_model::change::{Op, Uniform};
use syncline_model::{ChangeBatch, Column, LogicalType, TableChanges, TableName, TableSchema};

use crate::connector::ParkedQuery;

/// Its name.
pub const NAME: &str = "syncline_parked";

/// A lane's id is no longer; a key of text needs an end at some brands.
const LANE_CHARS_MAX: u32 = 700;

/// The column that is written when another change comes to wait behind a parked one.
pub const BEHIND: &str = "behind";

static SCHEMA: LazyLock<Arc<TableSchema>> = LazyLock::new(|| {
    let text = || LogicalType::Text { chars_max: None };
    let lane = LogicalType::Text { chars_max: Some(LANE_CHARS_MAX) };
    let whole = || LogicalType::Int { bits: 64, signed: true };
    let given = |name, logical| Column { nullable: false, ..Column::new(name, logical) };
    let columns = vec![
        given("lane", lane),
        given("ord", whole()),
        given("table_name", text()),
        given("row_key", text()),
        given("op", LogicalType::Text { chars_max: Some(1) }),
        given("holds", text()),
        given("contents", text()),
        Column::new("reason", text()),
        Column::new(BEHIND, whole()),
        given("parked_at", text()),
    ];
    Arc::new(TableSchema { key: vec![0, 1], ..TableSchema::new(TableName::bare(NAME), columns) })
});

/// What it looks like.
#[must_use]
pub fn schema() -> Arc<TableSchema> {
    SCHEMA.clone()
}

/// Whether this is it, and no table of a user's that was given its name.
#[must_use]
pub fn is_own(table: &TableSchema) -> bool {
    *table == **SCHEMA
}

/// How many changes a batch sets aside.
#[must_use]
pub fn set_aside(batch: &ChangeBatch) -> u64 {
    let own = batch.tables.iter().filter(|t| is_own(t.schema()));
    own.map(|t| match &t.marks().op {
        Uniform::One(Op::Insert) => t.rows() as u64,
        _ => (0..t.rows()).filter(|row| t.op(*row) == Op::Insert).count() as u64,
    })
    .sum()
}

/// How many changes or loaded rows a batch carries, those included that it sets aside: what a lane counts at its sink. What
/// else is written into this table is nobody's change.
#[must_use]
pub fn carried(batch: &ChangeBatch) -> u64 {
    let own = batch.tables.iter().filter(|t| is_own(t.schema())).map(TableChanges::rows).sum::<usize>();
    (batch.rows() - own) as u64 + set_aside(batch)
}

/// The one SELECT that reads it, its columns in the order of [`crate::connector::Parked`]. The lane is bound in the place
/// of `bound`, if one is asked for.
#[must_use]
pub fn select(query: &ParkedQuery, bound: &str) -> String {
    let contents = if query.contents { "contents" } else { "NULL" };
    let mut sql = format!(
        "SELECT lane, ord, table_name, row_key, op, holds, reason, parked_at, {contents} FROM {NAME} WHERE ord >= {}",
        query.from
    );
    if query.lane.is_some() {
        let _ = write!(sql, " AND lane = {bound}");
    }
    sql.push_str(" ORDER BY lane, ord");
    if let Some(rows) = query.rows_max {
        let _ = write!(sql, " LIMIT {rows}");
    }
    sql
}
