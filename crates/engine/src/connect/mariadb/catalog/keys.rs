//! Keys, indexes and references of tables.

use std::collections::{BTreeMap, HashMap};

use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Result, TableName};

use super::Found;
use crate::connect::mariadb::session::{Session, text, text_or_null};

/// Adds them to the tables found.
pub async fn read(
    session: &mut Session,
    database: &str,
    names: &[&TableName],
    found: &mut HashMap<String, Found>,
) -> Result<()> {
    indexes(session, database, names, found).await?;
    foreign_keys(session, database, names, found).await
}

/// One index as the catalogue tells it, line by line.
#[derive(Default)]
struct Listed {
    unique: bool,
    kind: String,
    /// Column, prefix length.
    parts: Vec<(Option<String>, bool)>,
}

async fn indexes(
    session: &mut Session,
    database: &str,
    names: &[&TableName],
    found: &mut HashMap<String, Found>,
) -> Result<()> {
    let (which, values) = super::condition("TABLE", database, names);
    let sql = format!(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS \
         WHERE {which} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    );
    let mut listed: BTreeMap<(String, String), Listed> = BTreeMap::new();
    for row in session.rows_with(&sql, values).await? {
        let index = listed.entry((text(&row, 0), text(&row, 1))).or_default();
        index.unique = text(&row, 2) == "0";
        index.kind = text(&row, 3);
        index.parts.push((text_or_null(&row, 4), text_or_null(&row, 5).is_some()));
    }
    for ((table, name), index) in listed {
        let Some(table) = found.get_mut(&table) else { continue };
        table.index_names.push(name.clone());
        let schema = &mut table.schema;
        let plain = index.kind == "BTREE" && index.parts.iter().all(|(column, prefix)| column.is_some() && !prefix);
        let columns: Option<Vec<usize>> =
            index.parts.iter().map(|(column, _)| schema.position(column.as_deref().unwrap_or_default())).collect();
        match columns.filter(|_| plain) {
            Some(columns) => {
                if index.unique {
                    table.unique.push(index.parts.into_iter().filter_map(|(column, _)| column).collect());
                }
                if name == "PRIMARY" {
                    schema.key = columns;
                } else {
                    schema.indexes.push(Index { name: Some(name), columns, unique: index.unique });
                }
            }
            // A prefix that is unique refuses more than its column does; the key of such a table is named by a person.
            None => {
                table.odd_unique |= index.unique;
                schema.not_carried.push(format!("index {name} (over a prefix or an expression, or not a B-tree)"));
            }
        }
    }
    for table in found.values_mut() {
        promote(table);
    }
    Ok(())
}

/// A table without a primary key whose rows a unique index over columns without null tells apart has that for its key.
fn promote(table: &mut Found) {
    let schema = &mut table.schema;
    if !schema.key.is_empty() {
        return;
    }
    let never_null = |c: &usize| schema.columns.get(*c).is_some_and(|c| !c.nullable);
    if let Some(at) = schema.indexes.iter().position(|i| i.unique && i.columns.iter().all(never_null)) {
        schema.key = schema.indexes.remove(at).columns;
    }
}

async fn foreign_keys(
    session: &mut Session,
    database: &str,
    names: &[&TableName],
    found: &mut HashMap<String, Found>,
) -> Result<()> {
    // Two queries and no join: MariaDB 10.11 was seen to crash in a join of these two.
    let (which, values) = super::condition("CONSTRAINT", database, names);
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE {which}"
    );
    let mut rules: BTreeMap<(String, String), (Option<String>, Option<String>)> = BTreeMap::new();
    for row in session.rows_with(&sql, values).await? {
        let action = |column: usize| Some(text(&row, column)).filter(|a| a != "RESTRICT" && a != "NO ACTION");
        rules.insert((text(&row, 0), text(&row, 1)), (action(2), action(3)));
    }
    if rules.is_empty() {
        return Ok(());
    }
    let (which, values) = super::condition("TABLE", database, names);
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, \
         REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE {which} AND REFERENCED_TABLE_NAME IS NOT NULL \
         ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
    );
    let own = session.server.database.clone();
    let mut keys: BTreeMap<(String, String), ForeignKey> = BTreeMap::new();
    for row in session.rows_with(&sql, values).await? {
        let named = (text(&row, 0), text(&row, 1));
        let (Some(table), Some((on_delete, on_update))) = (found.get(&named.0), rules.get(&named)) else { continue };
        let schema = text(&row, 3);
        let key = keys.entry(named).or_insert_with(|| ForeignKey {
            columns: Vec::new(),
            to: TableName {
                schema: (schema != own).then(|| schema.as_str().into()),
                name: text(&row, 4).as_str().into(),
            },
            to_columns: Vec::new(),
            on_delete: on_delete.clone(),
            on_update: on_update.clone(),
        });
        key.columns.extend(table.schema.position(&text(&row, 2)));
        key.to_columns.push(text(&row, 5));
    }
    for ((table, _), key) in keys {
        if let Some(table) = found.get_mut(&table) {
            table.schema.foreign_keys.push(key);
        }
    }
    Ok(())
}
