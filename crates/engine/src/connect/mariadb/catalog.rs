//! MariaDB's catalogue: which tables there are and what they look like.
//!
//! One query per kind of thing for all tables together: `information_schema` opens every table's files, and one query per
//! table would open them many times over.

mod keys;

use std::collections::{BTreeMap, HashMap};

use mysql_async::{Row, Value};
use syncline_model::pattern::Selection;
use syncline_model::{Column, LogicalType, Result, TableName, TableSchema};

use super::session::{Session, bound, text, text_or_null};
use super::types::{self, Native};
use crate::connector::Description;

/// Databases that are the server's own.
const SYSTEM: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// A table with what only the connector needs to know of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The table.
    pub schema: TableSchema,
    /// Its storage engine.
    pub engine: String,
    /// Whether it has a unique index over a prefix or an expression.
    pub odd_unique: bool,
    /// Its other unique indexes, the key included, by the names of their columns in order.
    pub unique: Vec<Vec<String>>,
    /// The names of all its indexes.
    pub index_names: Vec<String>,
    /// Bytes of its rows, roughly.
    pub bytes: u64,
}

/// The tables that `wanted` selects, by name.
pub async fn describe(session: &mut Session, wanted: &Selection) -> Result<Description> {
    let mut found = Description { identity: session.server.identity(), ..Description::default() };
    let mut chosen = Vec::new();
    for listed in listed(session, wanted).await? {
        // I16: what is ours carries the prefix, and is never data.
        if listed.name.name.starts_with("syncline_") {
            continue;
        }
        found.names.push(listed.name.clone());
        if !wanted.wants(&listed.name, None) {
            continue;
        }
        match listed.kind.as_str() {
            kind if holds_rows(kind) => {
                found.rows_estimates.insert(listed.name.clone(), listed.rows);
                chosen.push(listed.name);
            }
            "SEQUENCE" => found.skipped.push((listed.name, "a sequence holds no rows".into())),
            _ => found.skipped.push((listed.name, "a view holds no rows of its own".into())),
        }
    }
    found.tables = tables(session, &chosen).await?.into_iter().map(|f| f.schema).collect();
    Ok(found)
}

/// Whether a `TABLE_TYPE` is that of a table with rows of its own.
fn holds_rows(kind: &str) -> bool {
    matches!(kind, "BASE TABLE" | "SYSTEM VERSIONED")
}

struct Listed {
    name: TableName,
    kind: String,
    rows: u64,
}

/// Everything that could be a table: of the connection's database, and of others where a pattern names a database.
async fn listed(session: &mut Session, wanted: &Selection) -> Result<Vec<Listed>> {
    let others = wanted.include.iter().any(|p| p.as_str().contains('.'));
    let scope = if others { "TRUE" } else { "TABLE_SCHEMA = DATABASE()" };
    let own = session.server.database.clone();
    let rows = session
        .rows(&format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS FROM information_schema.TABLES \
             WHERE {scope} ORDER BY TABLE_SCHEMA, TABLE_NAME"
        ))
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let (database, name) = (text(&row, 0), text(&row, 1));
        let schema = (database != own).then(|| database.as_str().into());
        let name = TableName { schema, name: name.as_str().into() };
        let foreign = name.schema.is_some();
        // Temporary tables are of one session.
        let kind = text(&row, 2);
        if kind == "TEMPORARY" || foreign && (SYSTEM.contains(&database.as_str()) || !wanted.wants(&name, None)) {
            continue;
        }
        found.push(Listed { name, kind, rows: text(&row, 3).parse().unwrap_or(0) });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Those of the named tables that there are, in the order of the names.
pub async fn tables(session: &mut Session, names: &[TableName]) -> Result<Vec<Found>> {
    let own = session.server.database.clone();
    let mut by_schema: BTreeMap<String, Vec<&TableName>> = BTreeMap::new();
    for name in names {
        by_schema.entry(name.schema.as_deref().unwrap_or(&own).to_owned()).or_default().push(name);
    }
    let mut found: HashMap<TableName, Found> = HashMap::new();
    for (database, names) in by_schema {
        // The list of names spares the server opening every other table.
        for names in names.chunks(500) {
            found.extend(of_database(session, &database, names).await?);
        }
    }
    Ok(names.iter().filter_map(|name| found.remove(name)).collect())
}

/// The condition that finds these tables, and its values. Names are compared without regard to case here; the caller
/// keeps those that are the same.
fn condition(column: &str, database: &str, names: &[&TableName]) -> (String, Vec<Value>) {
    let places = vec!["?"; names.len()].join(", ");
    let values = std::iter::once(database).chain(names.iter().map(|n| &*n.name)).map(bound).collect();
    (format!("{column}_SCHEMA = ? AND TABLE_NAME IN ({places})"), values)
}

async fn of_database(session: &mut Session, database: &str, names: &[&TableName]) -> Result<Vec<(TableName, Found)>> {
    let (which, values) = condition("TABLE", database, names);
    let mut found: HashMap<String, Found> = HashMap::new();
    let sql = format!(
        "SELECT TABLE_NAME, ENGINE, CREATE_OPTIONS, TABLE_TYPE, DATA_LENGTH FROM information_schema.TABLES WHERE {which}"
    );
    for row in session.rows_with(&sql, values.clone()).await? {
        let name = text(&row, 0);
        let Some(asked) = names.iter().find(|n| *n.name == *name) else { continue };
        if !holds_rows(&text(&row, 3)) {
            continue;
        }
        let mut schema = TableSchema::new((*asked).clone(), Vec::new());
        schema.brand = session.server.brand().into();
        if text(&row, 2).contains("partitioned") {
            schema.not_carried.push("the partitions".into());
        }
        if text(&row, 3) == "SYSTEM VERSIONED" {
            schema.not_carried.push("the history of a system-versioned table".into());
        }
        found.insert(
            name,
            Found {
                schema,
                engine: text(&row, 1),
                odd_unique: false,
                unique: Vec::new(),
                index_names: Vec::new(),
                bytes: text(&row, 4).parse().unwrap_or(0),
            },
        );
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    columns(session, &which, &values, &mut found).await?;
    checks(session, database, names, &mut found).await?;
    keys::read(session, database, names, &mut found).await?;
    let sql = format!(
        "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS \
         WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE IN ({}) ORDER BY TRIGGER_NAME",
        vec!["?"; names.len()].join(", ")
    );
    for row in session.rows_with(&sql, values).await? {
        if let Some(table) = found.get_mut(&text(&row, 0)) {
            table.schema.triggers.push(text(&row, 1));
        }
    }
    Ok(found.into_values().map(|f| (f.schema.name.clone(), f)).collect())
}

async fn columns(
    session: &mut Session,
    which: &str,
    values: &[Value],
    found: &mut HashMap<String, Found>,
) -> Result<()> {
    let sql = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, CHARACTER_SET_NAME, \
         COLLATION_NAME, GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE {which} \
         ORDER BY TABLE_NAME, ORDINAL_POSITION"
    );
    let mariadb = session.server.mariadb;
    for row in session.rows_with(&sql, values.to_vec()).await? {
        if let Some(table) = found.get_mut(&text(&row, 0)) {
            table.schema.columns.push(column(&row, mariadb));
        }
    }
    Ok(())
}

fn column(row: &Row, mariadb: bool) -> Column {
    let (charset, collation) = (text_or_null(row, 6), text_or_null(row, 7));
    let native = types::full(&text(row, 2), charset.as_deref(), collation.as_deref());
    let extra = text(row, 5);
    let lower = extra.to_ascii_lowercase();
    let nullable = text(row, 3) == "YES";
    let mut default = text_or_null(row, 4).filter(|d| !(mariadb && d == "NULL"));
    // MySQL tells literals without their quotes.
    if !mariadb && !lower.contains("default_generated") {
        default = default.map(|d| types::literal(&d));
    }
    let generated = lower.contains("generated") && !lower.starts_with("default_generated")
        || text_or_null(row, 8).is_some_and(|e| !e.is_empty());
    // Belongs to the default: a sink of the same brand writes it after it.
    if let Some(at) = lower.find("on update")
        && !generated
    {
        let clause = extra.get(at..).unwrap_or_default();
        default = Some(format!("{} {clause}", default.unwrap_or_else(|| if nullable { "NULL" } else { "0" }.into())));
    }
    Column {
        name: text(row, 1).as_str().into(),
        logical: Native::parse(&native).logical(),
        native,
        nullable,
        generated,
        collation: collation.filter(|c| !types::is_by_bytes(c)),
        numbered: lower.contains("auto_increment"),
        default: if generated { None } else { default },
    }
}

/// Check constraints: MariaDB's JSON columns are text with one; of the others only their number is told.
async fn checks(
    session: &mut Session,
    database: &str,
    names: &[&TableName],
    found: &mut HashMap<String, Found>,
) -> Result<()> {
    if !session.server.mariadb {
        return Ok(());
    }
    let (which, values) = condition("CONSTRAINT", database, names);
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE {which}"
    );
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for row in session.rows_with(&sql, values).await? {
        let (name, clause) = (text(&row, 0), text(&row, 2));
        let Some(table) = found.get_mut(&name) else { continue };
        let json = table.schema.columns.iter_mut().find(|c| {
            clause.eq_ignore_ascii_case(&format!("json_valid({})", super::quoted(&c.name)))
                && c.native.starts_with("longtext")
        });
        match json {
            Some(column) => {
                column.logical = LogicalType::Json;
                // The word makes the same column again.
                column.native = "json".into();
                column.collation = None;
            }
            None => *others.entry(name).or_default() += 1,
        }
    }
    for (name, checks) in others {
        if let Some(table) = found.get_mut(&name) {
            let s = if checks == 1 { "" } else { "s" };
            table.schema.not_carried.push(format!("{checks} check constraint{s}"));
        }
    }
    Ok(())
}
