//! SQLite's catalogue: which tables there are and what they look like.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension as _};
use syncline_model::pattern::Selection;
use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Column, LogicalType, Result, TableName, TableSchema};

use super::{BRAND, failed, types};
use crate::connector::Description;

/// The tables that `wanted` selects, by name.
pub fn describe(conn: &Connection, wanted: &Selection) -> Result<Description> {
    let mut found = Description::default();
    let texts = Texts::read(conn)?;
    for (name, kind, without_rowid) in listed(conn)? {
        let table = TableName::bare(&name);
        // I16: what is ours carries the prefix, and is never data.
        if name.starts_with("sqlite_") || name.starts_with("syncline_") {
            continue;
        }
        found.names.push(table.clone());
        if !wanted.wants(&table, None) {
            continue;
        }
        match kind.as_str() {
            "table" => {
                let schema = table_schema(conn, &name, &texts)?;
                if let Some(rows) = rows_estimate(conn, &name, without_rowid) {
                    found.rows_estimates.insert(table, rows);
                }
                found.tables.push(schema);
            }
            "view" => found.skipped.push((table, "a view holds no rows of its own".into())),
            "virtual" => found.skipped.push((table, "a virtual table is kept by its module".into())),
            // Shadow tables belong to a virtual table; their owner is named above.
            _ => {}
        }
    }
    Ok(found)
}

/// What kind of thing that name is, if it is there: SQLite compares names without regard to ASCII case.
pub fn kind_of(conn: &Connection, name: &str) -> Result<Option<(String, String)>> {
    let sql = "SELECT name, type FROM pragma_table_list(?1) WHERE schema = 'main'";
    let found =
        conn.prepare_cached(sql).and_then(|mut stmt| stmt.query_row([name], |r| Ok((r.get(0)?, r.get(1)?))).optional());
    found.map_err(|e| failed(e, "cannot look a table up").at("table", name))
}

fn listed(conn: &Connection) -> Result<Vec<(String, String, bool)>> {
    let mut stmt = conn
        .prepare_cached("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
        .map_err(|e| failed(e, "cannot list tables"))?;
    let rows = stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)));
    rows.and_then(Iterator::collect).map_err(|e| failed(e, "cannot list tables"))
}

/// What only the schema's own texts tell, by table in lower case. Read once for all tables: to look each up would read
/// the whole list every time.
#[derive(Default)]
pub struct Texts(HashMap<String, (String, Vec<String>)>);

impl Texts {
    /// Reads all of them.
    pub fn read(conn: &Connection) -> Result<Self> {
        let read = || -> rusqlite::Result<Self> {
            let mut texts = Self::default();
            let mut stmt = conn.prepare(
                "SELECT type, tbl_name, name, sql FROM sqlite_schema WHERE type IN ('table', 'trigger') ORDER BY name",
            )?;
            let mut rows = stmt.query([])?;
            while let Some(row) = rows.next()? {
                let (kind, table): (String, String) = (row.get(0)?, row.get(1)?);
                let entry = texts.0.entry(table.to_ascii_lowercase()).or_default();
                match kind.as_str() {
                    "table" => entry.0 = row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                    _ => entry.1.push(row.get(2)?),
                }
            }
            Ok(texts)
        };
        read().map_err(|e| failed(e, "cannot read the schema"))
    }

    /// Adds what they tell about a table. Words inside comments or literals can only add a notice or an AUTOINCREMENT
    /// that changes no value.
    fn tell(&self, schema: &mut TableSchema) {
        let Some((sql, triggers)) = self.0.get(&schema.name.name.to_ascii_lowercase()) else { return };
        schema.triggers.clone_from(triggers);
        let words: Vec<String> =
            sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_ascii_uppercase).collect();
        if words.iter().any(|w| w == "AUTOINCREMENT") {
            schema.options.push(AUTOINCREMENT.into());
        }
        let checks = words.iter().filter(|w| *w == "CHECK").count();
        if checks > 0 {
            schema.not_carried.push(format!("{checks} check constraint{}", if checks == 1 { "" } else { "s" }));
        }
    }
}

/// One table, all of it.
pub fn table_schema(conn: &Connection, name: &str, texts: &Texts) -> Result<TableSchema> {
    let mut schema = structure(conn, name)?;
    texts.tell(&mut schema);
    Ok(schema)
}

/// One table, as far as pragmas tell.
pub fn structure(conn: &Connection, name: &str) -> Result<TableSchema> {
    let read = || -> rusqlite::Result<TableSchema> {
        let (columns, key) = columns(conn, name)?;
        let mut schema = TableSchema::new(TableName::bare(name), columns);
        schema.brand = BRAND.into();
        schema.key = key;
        indexes(conn, &mut schema)?;
        schema.foreign_keys = foreign_keys(conn, &schema)?;
        let mut stmt = conn.prepare_cached("SELECT wr, strict FROM pragma_table_list(?1) WHERE schema = 'main'")?;
        let (without_rowid, strict): (bool, bool) = stmt.query_row([name], |r| Ok((r.get(0)?, r.get(1)?)))?;
        schema.options.extend(without_rowid.then(|| "WITHOUT ROWID".to_owned()));
        schema.options.extend(strict.then(|| "STRICT".to_owned()));
        schema.loose = !strict;
        if is_rowid_alias(&schema) {
            let alias = schema.key.first().copied().and_then(|c| schema.columns.get_mut(c));
            alias.into_iter().for_each(|c| c.numbered = true);
        }
        Ok(schema)
    };
    read().map_err(|e| failed(e, "cannot describe the table").at("table", name))
}

fn columns(conn: &Connection, name: &str) -> rusqlite::Result<(Vec<Column>, Vec<usize>)> {
    let mut stmt = conn.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let mut rows = stmt.query([name])?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (column, declared): (String, String) = (row.get(0)?, row.get(1)?);
        let (pk, hidden): (usize, u8) = (row.get(4)?, row.get(5)?);
        if pk > 0 {
            key.push((pk, columns.len()));
        }
        let (_, collation, _, _, _) = conn.column_metadata(Some("main"), name, column.as_str())?;
        let collation = collation.map(|c| c.to_string_lossy().into_owned()).filter(|c| c != "BINARY");
        columns.push(Column {
            name: column.into(),
            logical: types::logical(&declared),
            native: declared,
            nullable: !row.get::<_, bool>(2)?,
            generated: matches!(hidden, 2 | 3),
            collation,
            numbered: false,
            default: row.get(3)?,
        });
    }
    key.sort_unstable();
    // The alias of the rowid is never null, though SQLite does not say so.
    if let [(_, only)] = key[..]
        && let Some(column) = columns.get_mut(only)
        && column.native.eq_ignore_ascii_case("INTEGER")
    {
        column.nullable = false;
    }
    Ok((columns, key.into_iter().map(|(_, column)| column).collect()))
}

fn indexes(conn: &Connection, schema: &mut TableSchema) -> rusqlite::Result<()> {
    let mut list =
        conn.prepare_cached("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY seq DESC")?;
    let found = list
        .query_map([&*schema.name.name], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, String>(2)?, r.get::<_, bool>(3)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut info = conn.prepare_cached("SELECT cid, coll FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno")?;
    for (name, unique, origin, partial) in found {
        if origin == "pk" {
            continue;
        }
        let mut plain = !partial;
        let mut columns = Vec::new();
        let mut rows = info.query([&name])?;
        while let Some(row) = rows.next()? {
            let collation: Option<String> = row.get(1)?;
            let column = usize::try_from(row.get::<_, i64>(0)?).ok();
            let own = column.and_then(|c| schema.columns.get(c)).map(|c| c.collation.as_deref().unwrap_or("BINARY"));
            plain &= own.is_some() && own == collation.as_deref();
            columns.extend(column);
        }
        if plain {
            let name = (origin == "c").then_some(name);
            schema.indexes.push(Index { name, columns, unique });
        } else {
            schema
                .not_carried
                .push(format!("index {name} (partial, over an expression, or with a collation of its own)"));
        }
    }
    Ok(())
}

/// A table's name as its own CREATE statement spells it: references may spell it in another case.
fn spelled(conn: &Connection, name: String) -> rusqlite::Result<String> {
    let sql = "SELECT name FROM pragma_table_list(?1) WHERE schema = 'main'";
    let own = conn.prepare_cached(sql)?.query_row([&name], |r| r.get(0)).optional()?;
    Ok(own.unwrap_or(name))
}

fn column_spelled(conn: &Connection, table: &str, name: String) -> rusqlite::Result<String> {
    let sql = "SELECT name FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE";
    let own = conn.prepare_cached(sql)?.query_row([table, &name], |r| r.get(0)).optional()?;
    Ok(own.unwrap_or(name))
}

fn foreign_keys(conn: &Connection, schema: &TableSchema) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut stmt = conn.prepare_cached(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = stmt.query([&*schema.name.name])?;
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let action = |i: usize| -> rusqlite::Result<Option<String>> {
            Ok(Some(row.get::<_, String>(i)?).filter(|a| a != "NO ACTION"))
        };
        let (on_update, on_delete) = (action(4)?, action(5)?);
        let to = spelled(conn, row.get(1)?)?;
        let key = keys.entry(row.get(0)?).or_insert_with(|| ForeignKey {
            columns: Vec::new(),
            to: TableName::bare(&to),
            to_columns: Vec::new(),
            on_delete,
            on_update,
        });
        let from: String = row.get(2)?;
        key.columns.extend(schema.columns.iter().position(|c| c.name.eq_ignore_ascii_case(&from)));
        if let Some(column) = row.get::<_, Option<String>>(3)? {
            key.to_columns.push(column_spelled(conn, &to, column)?);
        }
    }
    // SQLite lists the last one first.
    Ok(keys.into_values().rev().collect())
}

/// Rows, roughly and at no cost: the largest rowid.
fn rows_estimate(conn: &Connection, name: &str, without_rowid: bool) -> Option<u64> {
    if without_rowid {
        return None;
    }
    let rows: Option<i64> =
        conn.query_row(&format!("SELECT max(rowid) FROM {}", super::quoted(name)), [], |r| r.get(0)).ok()?;
    rows.map_or(Some(0), |rows| u64::try_from(rows).ok())
}

/// Whether the table keeps anything unique besides exactly these columns: a unique index (whole, partial or over an
/// expression), or another primary key.
pub fn other_unique(conn: &Connection, table: &TableSchema, key: &[&str]) -> Result<bool> {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let key = sorted(key.iter().map(|c| (*c).to_owned()).collect());
    let primary = sorted(table.key_columns().map(|c| c.name.to_string()).collect());
    let other = || -> rusqlite::Result<bool> {
        let mut list = conn.prepare_cached("SELECT name, partial FROM pragma_index_list(?1) WHERE \"unique\"")?;
        let mut info = conn.prepare_cached("SELECT name FROM pragma_index_info(?1)")?;
        let mut rows = list.query([&*table.name.name])?;
        while let Some(row) = rows.next()? {
            let (index, partial): (String, bool) = (row.get(0)?, row.get(1)?);
            let columns = info.query_map([index], |r| r.get::<_, Option<String>>(0))?;
            // An expression has no name.
            let columns: Vec<String> = columns.map(|c| Ok(c?.unwrap_or_default())).collect::<rusqlite::Result<_>>()?;
            if partial || sorted(columns) != key {
                return Ok(true);
            }
        }
        Ok(!primary.is_empty() && primary != key)
    };
    other().map_err(|e| failed(e, "cannot read the indexes").at("table", table.name.to_string()))
}

/// Whether the database keeps text in UTF-8.
pub fn is_utf8(conn: &Connection) -> Result<bool> {
    let encoding = conn.query_row("PRAGMA encoding", [], |r| r.get::<_, String>(0));
    encoding.map(|e| e == "UTF-8").map_err(|e| failed(e, "cannot read the encoding"))
}

/// A number that changes whenever anybody changes the schema.
pub fn schema_version(conn: &Connection) -> Result<i64> {
    conn.query_row("PRAGMA schema_version", [], |r| r.get(0)).map_err(|e| failed(e, "cannot read the schema's version"))
}

/// The option of a table whose rowids are never used twice.
pub const AUTOINCREMENT: &str = "AUTOINCREMENT";

/// Whether a column of this schema is the alias of the rowid.
pub fn is_rowid_alias(schema: &TableSchema) -> bool {
    matches!(schema.key[..], [only] if schema.columns.get(only).is_some_and(|c| {
        c.native.eq_ignore_ascii_case("INTEGER") && matches!(c.logical, LogicalType::Int { .. })
    })) && !schema.options.iter().any(|o| o == "WITHOUT ROWID")
}
