//! What the sink creates, and whether what is there fits.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use rusqlite::Connection;
use syncline_model::schema::Index;
use syncline_model::{Column, LogicalType, Result, TableSchema};

use super::catalog::{self, Texts};
use super::{BRAND, quoted, types};
use crate::capture::parked;
use crate::connector::{Misfit, WritePlan, WriteSpec};

/// The one control table of a sink: who runs a lane, and how far it got.
pub const CREATE_POSITION: &str = "CREATE TABLE IF NOT EXISTS syncline_position (\
     job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, \
     layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT)";

/// What a control table of before lanes counted their changes lacks.
pub const EXTEND_POSITION: &str = "ALTER TABLE syncline_position ADD COLUMN changes INTEGER NOT NULL DEFAULT 0; \
     ALTER TABLE syncline_position ADD COLUMN trouble TEXT";

/// What opening the sink would run, and what stands against it. `conn` is absent if the file is.
pub fn plan(conn: Option<&Connection>, spec: &WriteSpec) -> Result<WritePlan> {
    let mut plan = WritePlan::default();
    plan.statements.push(CREATE_POSITION.into());
    let texts = conn.map_or_else(|| Ok(Texts::default()), Texts::read)?;
    // To SQLite, names that differ only in case are one name (F79).
    let mut alike: HashMap<String, usize> = HashMap::new();
    for table in &spec.tables {
        *alike.entry(table.name.name.to_ascii_lowercase()).or_default() += 1;
    }
    let mut taken: HashSet<String> = alike.keys().cloned().collect();
    for table in &spec.tables {
        let once = alike.get(&table.name.name.to_ascii_lowercase()) == Some(&1);
        match name_problem(table, once) {
            Some(reason) => plan.misfits.push(Misfit { table: table.name.to_string(), reason }),
            None => plan_table(conn, table, &texts, spec.add_columns, &mut plan)?,
        }
        for name in table.indexes.iter().filter_map(|i| index_name(table, i)) {
            if !taken.insert(name.to_ascii_lowercase()) {
                let reason = format!("its index {name} has the name of another table or index of this copy");
                plan.misfits.push(Misfit { table: table.name.to_string(), reason });
            }
        }
    }
    Ok(plan)
}

/// Why the sink can have no table of that name.
fn name_problem(table: &TableSchema, once: bool) -> Option<String> {
    let name = &*table.name.name;
    if let Some(schema) = &table.name.schema {
        return Some(format!("SQLite has no schemas; map the table to a plain name instead of {schema}.{name}"));
    }
    if parked::is_own(table) {
        return None;
    }
    // I16: what carries the prefix is ours.
    if name.is_empty() || ["sqlite_", "syncline_"].iter().any(|own| starts_with(name, own)) {
        return Some("this name is reserved; map the table to another name".into());
    }
    let problem = "another table has this name in other case, which is the same to SQLite; map one to another name";
    (!once).then(|| problem.into())
}

fn plan_table(
    conn: Option<&Connection>,
    table: &TableSchema,
    texts: &Texts,
    adds: bool,
    plan: &mut WritePlan,
) -> Result<()> {
    let name = &*table.name.name;
    let there = match conn {
        Some(conn) => catalog::kind_of(conn, name)?,
        None => None,
    };
    let mut misfit = |reason: String| plan.misfits.push(Misfit { table: table.name.to_string(), reason });
    match (there, conn) {
        (Some((own, kind)), Some(conn)) if kind == "table" => {
            let existing = catalog::table_schema(conn, &own, texts)?;
            let same: fn(&str, &str) -> bool = |a, b| a.eq_ignore_ascii_case(b);
            let fit = table.fit(&existing, (adds && !parked::is_own(table)).then_some(same));
            fit.misfits.into_iter().for_each(&mut misfit);
            for column in fit.added.iter().filter_map(|&i| table.columns.get(i)) {
                match add_column(table, column, &existing) {
                    Ok(statement) => plan.adds(&table.name, &column.name, statement),
                    Err(reason) => plan.misfits.push(Misfit { table: table.name.to_string(), reason }),
                }
            }
            let same_type = |c: &Column| {
                existing.columns.iter().any(|e| e.name == c.name && e.native.eq_ignore_ascii_case(&c.native))
            };
            if table.brand == BRAND && table.columns.iter().all(same_type) {
                plan.native.push(table.name.clone());
            }
            if !existing.triggers.is_empty() {
                plan.notices.push(format!(
                    "{name}: the sink's triggers ({}) do not fire for what Syncline writes",
                    existing.triggers.join(", ")
                ));
            }
        }
        (Some((own, kind)), _) => {
            let kind = if kind == "virtual" { "virtual table" } else { &kind };
            misfit(format!("{own} is a {kind} at the sink, not a table of its own rows"));
        }
        (None, _) => {
            plan.native.extend((table.brand == BRAND).then(|| table.name.clone()));
            let create = [create_table(table)].into_iter().chain(create_indexes(table)).collect::<Vec<_>>();
            if let Some(reason) = creation_problem(conn, table, &create) {
                misfit(reason);
            }
            plan.statements.extend(create);
            let foreign = table.columns.iter().filter(|c| c.collation.is_some() && known_collation(c).is_none());
            let foreign =
                foreign.map(|c| format!("the collation of column {}, which only its own program knows", c.name));
            for lost in table.not_carried.iter().cloned().chain(foreign) {
                plan.notices.push(format!("{name}: not created at the sink: {lost}"));
            }
        }
    }
    Ok(())
}

/// Why these statements would fail: tried in memory, and by the names that the sink has already.
fn creation_problem(conn: Option<&Connection>, table: &TableSchema, create: &[String]) -> Option<String> {
    let tried = Connection::open_in_memory().and_then(|memory| memory.execute_batch(&create.join(";")));
    if let Err(e) = tried {
        return Some(format!("the table cannot be created at the sink: {e}"));
    }
    let taken = |name: &String| {
        let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
        conn.is_some_and(|conn| conn.prepare_cached(sql).and_then(|mut stmt| stmt.exists([name])).unwrap_or(false))
    };
    let name = table.indexes.iter().filter_map(|i| index_name(table, i)).find(taken)?;
    Some(format!("the sink has something called {name} already, which is the name of an index of this table"))
}

/// The column's collation, if every SQLite has it.
fn known_collation(column: &Column) -> Option<&str> {
    column.collation.as_deref().filter(|c| ["NOCASE", "RTRIM"].iter().any(|known| known.eq_ignore_ascii_case(c)))
}

/// `CREATE TABLE` with keys, unique constraints and references; the other indexes follow after the load.
pub fn create_table(table: &TableSchema) -> String {
    let same_brand = table.brand == BRAND;
    let rowid_alias = same_brand && catalog::is_rowid_alias(table);
    let autoincrement = rowid_alias && table.options.iter().any(|o| o == catalog::AUTOINCREMENT);
    let mut parts = Vec::new();
    for (i, column) in table.columns.iter().enumerate() {
        let mut part = quoted(&column.name);
        // Only the rowid numbers rows by itself.
        let counts = column.numbered && table.key == [i] && matches!(column.logical, LogicalType::Int { .. });
        let declared = if counts && !same_brand { "INTEGER".into() } else { declared(table, column) };
        if !declared.is_empty() {
            let _ = write!(part, " {declared}");
        }
        if autoincrement && table.key == [i] {
            part.push_str(" PRIMARY KEY AUTOINCREMENT");
        }
        let is_rowid = rowid_alias && table.key == [i];
        if !column.nullable && !is_rowid {
            part.push_str(" NOT NULL");
        }
        // A generated column arrives as a value and stays one: the formula is not known here.
        if same_brand
            && let Some(default) = &column.default
            && !column.generated
        {
            let _ = match is_one_word(default) {
                true => write!(part, " DEFAULT {default}"),
                false => write!(part, " DEFAULT ({default})"),
            };
        }
        if same_brand && let Some(collation) = known_collation(column) {
            let _ = write!(part, " COLLATE {}", quoted(collation));
        }
        parts.push(part);
    }
    if !autoincrement {
        parts.push(format!("PRIMARY KEY ({})", names(table, &table.key)));
    }
    for index in table.indexes.iter().filter(|i| is_constraint(i)) {
        parts.push(format!("UNIQUE ({})", names(table, &index.columns)));
    }
    for key in &table.foreign_keys {
        let mut part = format!("FOREIGN KEY ({}) REFERENCES {}", names(table, &key.columns), quoted(&key.to.name));
        if !key.to_columns.is_empty() {
            let to: Vec<_> = key.to_columns.iter().map(|c| quoted(c)).collect();
            let _ = write!(part, " ({})", to.join(", "));
        }
        for (when, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
            if let Some(action) = action {
                let _ = write!(part, " ON {when} {action}");
            }
        }
        parts.push(part);
    }
    let options: Vec<_> = match same_brand {
        true => table.options.iter().filter(|o| *o != catalog::AUTOINCREMENT).map(String::as_str).collect(),
        false => Vec::new(),
    };
    let mut sql = format!("CREATE TABLE {} ({})", quoted(&table.name.name), parts.join(", "));
    if !options.is_empty() {
        let _ = write!(sql, " {}", options.join(", "));
    }
    sql
}

/// The type that a column gets at the sink.
fn declared(table: &TableSchema, column: &Column) -> String {
    match table.brand == BRAND {
        true => as_type(table, &column.native),
        false => types::declared(&column.logical),
    }
}

/// `ALTER TABLE` that gives a table the column as creating it would, but for what rows that are there do not have.
///
/// # Errors
/// Why the sink's table can have no such column.
fn add_column(table: &TableSchema, column: &Column, existing: &TableSchema) -> Result<String, String> {
    let declared = declared(table, column);
    let strict = existing.options.iter().any(|o| o == "STRICT");
    if strict && !["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"].iter().any(|t| t.eq_ignore_ascii_case(&declared)) {
        return Err(format!(
            "the sink has no column {}, and its table is STRICT, which knows no type {declared}: add the column there",
            column.name
        ));
    }
    let mut sql = format!("ALTER TABLE {} ADD COLUMN {} {declared}", quoted(&table.name.name), quoted(&column.name));
    if table.brand == BRAND
        && let Some(collation) = known_collation(column)
    {
        let _ = write!(sql, " COLLATE {}", quoted(collation));
    }
    Ok(sql.trim_end().to_owned())
}

/// A declared type as SQL takes it: known ones as they are, others quoted, since they may hold anything.
fn as_type(table: &TableSchema, native: &str) -> String {
    let known = types::logical(native) != LogicalType::Any;
    let plain = is_plain_type(native);
    let strict = table.options.iter().any(|o| o == "STRICT");
    if native.is_empty() || strict || known && plain { native.to_owned() } else { quoted(native) }
}

/// Whether a declared type is words, then at most numbers in brackets. Anything else could be read as more than a type.
fn is_plain_type(native: &str) -> bool {
    let (words, numbers) = match native.split_once('(') {
        Some((words, rest)) => match rest.strip_suffix(')') {
            Some(numbers) => (words, Some(numbers)),
            None => return false,
        },
        None => (native, None),
    };
    let word =
        |w: &str| w.starts_with(|c: char| c.is_ascii_alphabetic()) && w.chars().all(|c| c.is_ascii_alphanumeric());
    let number = |n: &str| !n.trim().is_empty() && n.trim().bytes().all(|b| b.is_ascii_digit());
    let keyword = [
        "AS",
        "GENERATED",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "PRIMARY",
        "REFERENCES",
        "NOT",
        "NULL",
        "CONSTRAINT",
    ];
    words.split_whitespace().all(|w| word(w) && !keyword.iter().any(|k| k.eq_ignore_ascii_case(w)))
        && numbers.is_none_or(|n| n.split(',').all(number))
}

/// As SQLite compares names, without regard to ASCII case.
fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a default is a bare or quoted word. SQLite takes that for text, and in brackets for a column's name.
fn is_one_word(default: &str) -> bool {
    let bare = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    default.starts_with(['"', '`', '[']) || default.chars().all(bare)
}

/// `CREATE INDEX` for every index that is not part of `CREATE TABLE`.
pub fn create_indexes(table: &TableSchema) -> Vec<String> {
    let wanted = table.indexes.iter().filter(|i| !is_constraint(i));
    wanted
        .filter_map(|index| {
            let name = index_name(table, index)?;
            let unique = if index.unique { "UNIQUE " } else { "" };
            let columns = names(table, &index.columns);
            Some(format!("CREATE {unique}INDEX {} ON {} ({columns})", quoted(&name), quoted(&table.name.name)))
        })
        .collect()
}

/// An index's name at the sink. To SQLite, tables and indexes share their names; other brands name the indexes of each
/// table for themselves, often after a column.
fn index_name(table: &TableSchema, index: &Index) -> Option<String> {
    let name = index.name.as_deref()?;
    match table.brand == BRAND {
        true => Some(name.to_owned()),
        false => Some(format!("{}_{name}_idx", table.name.name)),
    }
}

fn is_constraint(index: &Index) -> bool {
    index.unique && index.name.is_none()
}

fn names(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().filter_map(|&c| table.columns.get(c)).map(|c| quoted(&c.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
