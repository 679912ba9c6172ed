//! Sorting a table's rows as cells are sorted, so that `compare` can walk through two databases side by side.
//!
//! The server sorts most columns so by itself, and by an index. Where a column holds what its cells carry as text
//! (infinity, years before 1, NaN in a decimal), only the text's order is that of the cells; this is looked up first,
//! since it costs the index.

use syncline_model::{Result, TableSchema};

use super::catalog::Table;
use super::quoted;
use super::session::{Session, failed};
use super::types::Kind;

/// The `ORDER BY` of a table's key. `columns` are the places of the schema's columns in the table.
pub async fn by_key(session: &Session, schema: &TableSchema, table: &Table, columns: &[usize]) -> Result<String> {
    let mut parts = Vec::new();
    for place in &schema.key {
        let Some(column) = schema.columns.get(*place) else { continue };
        let kind = columns.get(*place).and_then(|c| table.kinds.get(*c)).copied().unwrap_or(Kind::Other);
        let name = quoted(&column.name);
        let is_irregular = match irregular(&name, kind, session.version) {
            Some(condition) => {
                let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {condition})", table.sql_read());
                let found = session.client.query_one(&sql, &[]).await;
                found.map_err(|e| failed(e, "cannot read the key").at("table", schema.name.to_string()))?.get(0)
            }
            None => false,
        };
        parts.push(if is_irregular { irregular_order(&name, kind, session.version) } else { order(&name, kind) });
    }
    Ok(format!(" ORDER BY {}", parts.join(", ")))
}

/// Numbers that are none.
fn special(name: &str, version: u32) -> String {
    match version {
        140_000.. => format!("{name} IN ('NaN', 'Infinity', '-Infinity')"),
        _ => format!("{name} = 'NaN'"),
    }
}

/// What a column of that kind may hold that no cell of its type can be.
fn irregular(name: &str, kind: Kind, version: u32) -> Option<String> {
    match kind {
        Kind::Numeric(_) => Some(special(name, version)),
        Kind::Date => Some(format!("{name} < '0001-01-01' OR {name} > '9999-12-31'")),
        Kind::Timestamp(_) => Some(format!("{name} < '0001-01-01' OR {name} >= '10000-01-01'")),
        Kind::TimestampTz(_) => Some(format!("{name} < '0001-01-01 00:00+00' OR {name} >= '10000-01-01 00:00+00'")),
        _ => None,
    }
}

fn irregular_order(name: &str, kind: Kind, version: u32) -> String {
    let text = format!("{name}::text COLLATE \"C\"");
    match kind {
        // Text stands behind all numbers.
        Kind::Numeric(_) => {
            let special = special(name, version);
            format!("({special}), CASE WHEN {special} THEN 0 ELSE {name} END, {text}")
        }
        _ => text,
    }
}

/// The order of a column that holds what its cells can be.
fn order(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Text(_) => format!("{name} COLLATE \"C\""),
        // A comparison of char(n) passes over its blanks, and so does its cast.
        Kind::Char(_) => format!("pg_catalog.textin(pg_catalog.bpcharout({name})) COLLATE \"C\""),
        Kind::Name | Kind::Enum | Kind::Other | Kind::Json | Kind::Jsonb => format!("{name}::text COLLATE \"C\""),
        // To the server, a month is thirty days.
        Kind::Interval => format!(
            "extract(year FROM {name}) * 12 + extract(month FROM {name}), extract(day FROM {name}), \
             extract(hour FROM {name}) * 3600 + extract(minute FROM {name}) * 60 + extract(second FROM {name})"
        ),
        _ => name.to_owned(),
    }
}
