//! What the sink creates, and whether what is there fits.

mod create;

use std::collections::HashMap;

use syncline_model::{Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

use super::catalog::{self, Found};
use super::rights::{self, Grants};
use super::session::{Server, Session, bound};
use super::types::Native;
use super::{name_of, quoted};
use crate::capture::parked;
use crate::connector::{Misfit, WritePlan, WriteSpec};

pub use create::{create_table, foreign_keys, indexes, referred};

/// The one control table of a sink: who runs a lane, and how far it got. `created` is a JSON list of the tables that the
/// lane created and that still lack what is built after the load.
pub const CREATE_POSITION: &str = "CREATE TABLE IF NOT EXISTS syncline_position (\
     job varchar(700) NOT NULL PRIMARY KEY, epoch bigint unsigned NOT NULL, owner text NOT NULL, layout text, \
     position longtext, created longtext, changed_at varchar(40) NOT NULL, \
     changes bigint unsigned NOT NULL DEFAULT 0, trouble longtext) \
     ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// What a control table of before lanes counted their changes lacks.
pub const EXTEND_POSITION: &str = "ALTER TABLE syncline_position \
     ADD COLUMN changes bigint unsigned NOT NULL DEFAULT 0, ADD COLUMN trouble longtext";

/// Longest name of a table, column or index, in characters.
const NAME_CHARS_MAX: usize = 64;

/// What opening the sink would run, and what stands against it.
pub async fn plan(session: &mut Session, spec: &WriteSpec) -> Result<WritePlan> {
    let server = session.server.clone();
    let mut plan = WritePlan { identity: server.identity(), ..WritePlan::default() };
    plan.statements.push(CREATE_POSITION.into());
    let grants = Grants::read(session).await?;
    if let Some(why) = grants.read_only(&server) {
        return Err(Error::new(ErrorKind::Denied, why).hint("name the server that is written, not a read-only replica"));
    }
    if !server.is_on("local_infile") {
        plan.notices.push(
            "the server takes no LOAD DATA LOCAL (local_infile is off); rows are inserted by statements, which is slower"
                .into(),
        );
    }
    let names: Vec<TableName> = spec.tables.iter().map(|t| t.name.clone()).collect();
    let there = catalog::tables(session, &names).await?;
    let mut alike: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *alike.entry(name.to_string().to_lowercase()).or_default() += 1;
    }
    for table in &spec.tables {
        let once = !server.folds_names() || alike.get(&table.name.to_string().to_lowercase()) == Some(&1);
        if let Some(reason) = name_problem(table, once) {
            plan.misfits.push(Misfit { table: table.name.to_string(), reason });
            continue;
        }
        let found = there.iter().find(|f| f.schema.name == table.name);
        let adds = spec.add_columns && !parked::is_own(table);
        let mut wanted = vec!["SELECT", "INSERT", "UPDATE", "DELETE"];
        if found.is_some_and(|found| adds && !table.fit(&found.schema, Some(SAME)).added.is_empty()) {
            wanted.push("ALTER");
        }
        if found.is_none() {
            wanted.push("CREATE");
            wanted.extend((!table.indexes.is_empty() || !table.foreign_keys.is_empty()).then_some("ALTER"));
        }
        let database = table.name.schema.as_deref().unwrap_or(&server.database);
        let missing = grants.missing(&wanted, database, Some(&table.name.name));
        if !missing.is_empty() {
            let grant = rights::statement(&missing, database, Some(&table.name), &server);
            plan.misfits.push(Misfit {
                table: table.name.to_string(),
                reason: format!("the login lacks {} at the sink: {grant}", missing.join(", ")),
            });
            continue;
        }
        match found {
            Some(found) => plan_existing(table, found, adds, &server, &mut plan),
            None => plan_new(session, table, spec, &mut plan).await?,
        }
    }
    Ok(plan)
}

/// Why the sink can have no table of that name, or none with such columns.
fn name_problem(table: &TableSchema, once: bool) -> Option<String> {
    let name = &*table.name.name;
    // I16: what carries the prefix is ours.
    if name.is_empty() || !parked::is_own(table) && name.to_lowercase().starts_with("syncline_") {
        return Some("this name is reserved; map the table to another name".into());
    }
    if !once {
        let why =
            "another table has this name in other case, which is the same to this server; map one to another name";
        return Some(why.into());
    }
    let long = |name: &str| {
        let odd = |c: char| c == '\0' || c > '\u{ffff}';
        name.chars().count() > NAME_CHARS_MAX || name.ends_with(' ') || name.contains(odd)
    };
    let of_parts = table.name.schema.iter().chain([&table.name.name]).chain(table.columns.iter().map(|c| &c.name));
    let wrong = of_parts.into_iter().find(|n| long(n))?;
    Some(format!(
        "MariaDB can have no name like {wrong:?}: at most {NAME_CHARS_MAX} characters, no blank at the end, nothing beyond U+FFFF"
    ))
}

/// How names of columns are compared: by letters, whatever their case and accents; whoever has such names is told.
const SAME: fn(&str, &str) -> bool = |a, b| a.to_lowercase() == b.to_lowercase();

fn plan_existing(table: &TableSchema, found: &Found, adds: bool, server: &Server, plan: &mut WritePlan) {
    let name = table.name.to_string();
    let fit = table.fit(&as_sink(table, &found.schema, server), adds.then_some(SAME));
    for i in fit.added {
        let Some(column) = table.columns.get(i) else { continue };
        match create::declared(table, i, server, &mut plan.notices) {
            Ok(declared) => {
                let once = if server.mariadb { "IF NOT EXISTS " } else { "" };
                let part = format!("ADD COLUMN {once}{} {declared} NULL", quoted(&column.name));
                plan.adds(&table.name, &column.name, alter(table, &[part]));
            }
            Err(reason) => {
                let reason = format!("column {} is {} at the source: {reason}", column.name, column.logical);
                plan.misfits.push(Misfit { table: name.clone(), reason });
            }
        }
    }
    let mut misfit = |reason: String| plan.misfits.push(Misfit { table: name.clone(), reason });
    fit.misfits.into_iter().for_each(&mut misfit);
    if !found.schema.triggers.is_empty() {
        misfit(format!(
            "the sink's table has triggers ({}), which MariaDB cannot switch off; they would change what arrives. Drop \
             them, or write into another table",
            found.schema.triggers.join(", ")
        ));
    }
    if !found.engine.eq_ignore_ascii_case("InnoDB") {
        misfit(format!(
            "the sink's table is kept by {}, which has no transactions; `ALTER TABLE ... ENGINE=InnoDB` gives it some",
            found.engine
        ));
    }
    for column in &found.schema.columns {
        let native = Native::parse(&column.native);
        let narrow = native.charset.as_deref().is_some_and(|c| c != "utf8mb4");
        let arrives = table.columns.iter().find(|c| c.name == column.name);
        if narrow && arrives.is_some_and(|c| c.native != column.native && !matches!(c.logical, LogicalType::Uuid)) {
            plan.notices.push(format!(
                "{name}: column {} keeps text in {}; a row with other characters is refused by name",
                column.name,
                native.charset.unwrap_or_default(),
            ));
        }
    }
}

/// The sink's table as it takes values: text that is bounded by bytes holds fewer characters than bytes, unless what
/// arrives is of the very same type.
fn as_sink(from: &TableSchema, there: &TableSchema, server: &Server) -> TableSchema {
    let mut there = there.clone();
    let made = create::made(from, server);
    for column in &mut there.columns {
        // A key without a value is refused by row; that another brand would allow it in a key says nothing.
        column.nullable |= from.key_columns().any(|key| key.name == column.name);
        let same = from
            .columns
            .iter()
            .any(|c| c.name == column.name && c.native == column.native && from.brand == there.brand);
        let native = Native::parse(&column.native);
        // As Syncline itself makes the column, a key's text for example: what does not fit is refused by row.
        let made = made.iter().find(|(name, _)| *name == column.name).map(|(_, made)| made);
        if made.is_some_and(|made| (&made.word, made.length()) == (&native.word, native.length())) {
            if let (Some(arrives), "varchar" | "varbinary" | "char") =
                (from.columns.iter().find(|c| c.name == column.name), native.word.as_str())
            {
                column.logical = arrives.logical.clone();
            }
            continue;
        }
        if let (LogicalType::Text { chars_max }, Some(bytes), false) = (&mut column.logical, native.bytes_max(), same) {
            *chars_max = Some(bytes / native.bytes_per_char());
        }
    }
    there
}

async fn plan_new(session: &mut Session, table: &TableSchema, spec: &WriteSpec, plan: &mut WritePlan) -> Result<()> {
    let server = session.server.clone();
    let name = table.name.to_string();
    let other = other_kind(session, &table.name).await?;
    if other == Some(Other::Itself) {
        // Somebody created it since the catalogue was read: two copies that begin at once are no misfit.
        if let [created] = &catalog::tables(session, std::slice::from_ref(&table.name)).await?[..] {
            plan_existing(table, created, spec.add_columns, &server, plan);
            return Ok(());
        }
    }
    let mut misfit = |reason: String| plan.misfits.push(Misfit { table: name.clone(), reason });
    if let Some(Other::Kind(kind)) = other {
        misfit(format!("there is a {kind} of this name at the sink, not a table of its own rows"));
        return Ok(());
    }
    let create = match create_table(table, &server) {
        Ok(create) => create,
        Err(columns) => {
            let logical =
                |name: &str| table.position(name).and_then(|c| table.columns.get(c)).map(|c| c.logical.to_string());
            let told = |(column, reason): (std::sync::Arc<str>, String)| {
                format!("column {column} is {} at the source: {reason}", logical(&column).unwrap_or_default())
            };
            columns.into_iter().map(told).for_each(misfit);
            return Ok(());
        }
    };
    let indexes = indexes(table, &server, &[]);
    match tried(session, table, &server, &indexes).await? {
        Some(reason) => misfit(reason),
        None => {
            plan.statements.push(create.sql);
            plan.statements.extend(indexes.map(|parts| alter(table, &[parts])));
            plan.statements.extend(foreign_keys(table, &spec.tables).into_iter().map(|part| alter(table, &[part])));
        }
    }
    for lost in table.not_carried.iter().chain(&create.notices) {
        plan.notices.push(format!("{name}: {lost}"));
    }
    Ok(())
}

/// `ALTER TABLE` with these parts.
pub fn alter(table: &TableSchema, parts: &[String]) -> String {
    format!("ALTER TABLE {} {}", name_of(&table.name), parts.join(", "))
}

/// What there is of a name.
#[derive(Debug, PartialEq, Eq)]
enum Other {
    /// A table of just that name, after all.
    Itself,
    /// A view, a sequence, a table that is called so in other case.
    Kind(String),
}

/// What else is called so.
async fn other_kind(session: &mut Session, name: &TableName) -> Result<Option<Other>> {
    let database = name.schema.as_deref().unwrap_or(&session.server.database).to_owned();
    let sql = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let rows = session.rows_with(sql, vec![bound(&database), bound(&name.name)]).await?;
    let folds = session.server.folds_names();
    let same = |own: &str| own == &*name.name || folds && own.to_lowercase() == name.name.to_lowercase();
    let found = rows.iter().find(|row| same(&super::session::text(row, 0)));
    Ok(found.map(|row| match super::session::text(row, 1).as_str() {
        "BASE TABLE" if super::session::text(row, 0) == *name.name => Other::Itself,
        "BASE TABLE" => Other::Kind("table with a name in other case".to_owned()),
        kind => Other::Kind(kind.to_lowercase()),
    }))
}

/// Why these statements would fail: tried with a temporary table, which nobody else sees.
async fn tried(
    session: &mut Session,
    table: &TableSchema,
    server: &Server,
    indexes: &Option<String>,
) -> Result<Option<String>> {
    let mut trial = TableSchema { name: TableName::bare("syncline_trial"), ..table.clone() };
    trial.foreign_keys.clear();
    let Ok(created) = create_table(&trial, server) else { return Ok(None) };
    let sql = created.sql.replacen("CREATE TABLE", "CREATE TEMPORARY TABLE", 1);
    let mut outcome = session.define(&sql).await;
    if let (Ok(()), Some(parts)) = (&outcome, indexes) {
        outcome = session.define(&alter(&trial, std::slice::from_ref(parts))).await;
    }
    let _ = session.run("DROP TEMPORARY TABLE IF EXISTS syncline_trial").await;
    match outcome {
        Ok(()) => Ok(None),
        Err(e) if e.kind() == ErrorKind::Schema => Ok(Some(format!("the table cannot be created at the sink: {e}"))),
        // Who may not create temporary tables may still create others.
        Err(e) if e.kind() == ErrorKind::Denied => Ok(None),
        Err(e) => Err(e),
    }
}
