//! What the sink creates, and whether what is there fits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use syncline_model::error::Retry;
use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Column, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};
use tokio_postgres::error::DbError;

use super::catalog::{self, Table};
use super::session::{Session, failed};
use super::{BRAND, literal, native, quoted, rights, types};
use crate::capture::parked;
use crate::connector::{Misfit, WritePlan, WriteSpec};

/// The one control table of a sink: who runs a lane, how far it got, and which tables it created.
pub const CREATE_POSITION: &str = "CREATE TABLE IF NOT EXISTS syncline_position (\
    job text NOT NULL PRIMARY KEY, epoch bigint NOT NULL, owner text NOT NULL, \
    layout text, position text, created text, changed_at timestamptz NOT NULL, \
    changes bigint NOT NULL DEFAULT 0, trouble text)";

/// Whether the control table is one in which lanes count their changes.
pub const COUNTS: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute \
    WHERE attrelid = 'syncline_position'::pg_catalog.regclass AND attname = 'changes' AND NOT attisdropped)";

/// What one of before that lacks.
pub const EXTEND_POSITION: &str = "ALTER TABLE syncline_position \
    ADD COLUMN changes bigint NOT NULL DEFAULT 0, ADD COLUMN trouble text";

/// Longest name; the server would cut off the rest.
const NAME_BYTES_MAX: usize = 63;

/// What opening the sink would run, and what stands against it.
pub async fn plan(session: &Session, spec: &WriteSpec) -> Result<WritePlan> {
    rights::must_be_writable(session).await?;
    let mut plan = WritePlan::default();
    plan.statements.push(CREATE_POSITION.into());
    let names: Vec<TableName> = spec.tables.iter().map(|t| t.name.clone()).collect();
    let there = catalog::tables(session, &names).await?;
    plan.misfits = rights::misfits(session, spec, &there).await?;
    let narrow = narrow(spec, &there);
    plan.misfits.extend(rights::not_owned(session, &narrow, &there).await?);
    let may = plan.misfits.is_empty();
    let new = spec.tables.iter().filter(|t| !there.contains_key(&t.name)).map(|t| &**t);
    let mut missing = Missing::look(session, new.chain(narrow.values())).await?;
    let mut created = Vec::new();
    for table in &spec.tables {
        if native::fits(table, there.get(&table.name).map(|t| &t.schema)) {
            plan.native.push(table.name.clone());
        }
        let mut misfit = |reason: String| plan.misfits.push(Misfit { table: table.name.to_string(), reason });
        if let Some(reason) = name_problem(table) {
            misfit(reason);
            continue;
        }
        match there.get(&table.name) {
            Some(existing) => match catalog::what_it_is(&existing.relkind) {
                Some(reason) => misfit(format!("it is there and no table of its own rows: {reason}")),
                None => {
                    if let Some(added) = narrow.get(&table.name) {
                        add_columns(added, &mut missing, &mut plan);
                    }
                    let adds = spec.add_columns && !parked::is_own(table);
                    existing_table(table, existing, adds, &mut plan);
                }
            },
            None => {
                let lacking = missing.misfits(table);
                let mut create = missing.create(table);
                create.push(create_table(table));
                create.extend(keys(table));
                if lacking.is_empty() {
                    created.push((table.name.clone(), create.clone()));
                }
                lacking.into_iter().for_each(&mut misfit);
                plan.statements.extend(create);
                plan.statements.extend(table.foreign_keys.iter().map(|key| reference(table, key)));
                for lost in &table.not_carried {
                    plan.notices.push(format!("{}: not created at the sink: {lost}", table.name));
                }
            }
        }
    }
    if may {
        plan.misfits.extend(tried(session, &created).await?);
    }
    Ok(plan)
}

/// Why tables cannot be created: tried, and taken back. A default may call what the sink does not have, a name of an
/// index may be taken.
async fn tried(session: &Session, tables: &[(TableName, Vec<String>)]) -> Result<Vec<Misfit>> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let cannot = |e| failed(e, "cannot try to create the tables");
    let mut misfits = Vec::new();
    session.client.batch_execute("BEGIN").await.map_err(cannot)?;
    for (table, statements) in tables {
        let create = format!("SAVEPOINT tried; {}; RELEASE SAVEPOINT tried", statements.join("; "));
        if let Err(e) = session.client.batch_execute(&create).await {
            // Two who create one table meet in the catalogue's own indexes.
            let met = e.as_db_error().and_then(DbError::constraint).is_some_and(|name| name.starts_with("pg_"));
            let error = failed(e, "the table cannot be created at the sink");
            if error.retry() == Retry::Soon {
                return Err(error.at("table", table.to_string()));
            }
            session.client.batch_execute("ROLLBACK TO SAVEPOINT tried").await.map_err(cannot)?;
            if met || catalog::tables(session, std::slice::from_ref(table)).await?.contains_key(table) {
                return Err(Error::new(ErrorKind::Busy, "somebody else creates the table at this moment")
                    .at("table", table.to_string()));
            }
            misfits.push(Misfit { table: table.to_string(), reason: error.to_string() });
        }
    }
    session.client.batch_execute("ROLLBACK").await.map_err(cannot)?;
    Ok(misfits)
}

/// How names are compared: letter by letter.
const SAME: fn(&str, &str) -> bool = |a, b| a == b;

/// Per table that lacks columns and is given them: the same table with these columns alone.
fn narrow(spec: &WriteSpec, there: &HashMap<TableName, Table>) -> BTreeMap<TableName, TableSchema> {
    let mut narrow = BTreeMap::new();
    for table in spec.tables.iter().filter(|t| spec.add_columns && !parked::is_own(t)) {
        let Some(existing) = there.get(&table.name).filter(|t| catalog::what_it_is(&t.relkind).is_none()) else {
            continue;
        };
        let added = table.fit(&existing.schema, Some(SAME)).added;
        let columns: Vec<_> = added.iter().filter_map(|&i| table.columns.get(i).cloned()).collect();
        if !columns.is_empty() {
            let added = TableSchema::new(table.name.clone(), columns);
            narrow.insert(table.name.clone(), TableSchema { brand: table.brand.clone(), ..added });
        }
    }
    narrow
}

/// What gives a table these columns, once, whoever else does so at the same time.
fn add_columns(added: &TableSchema, missing: &mut Missing, plan: &mut WritePlan) {
    let lacking = missing.misfits(added);
    if !lacking.is_empty() {
        let misfit = |reason| Misfit { table: added.name.to_string(), reason };
        plan.misfits.extend(lacking.into_iter().map(misfit));
        return;
    }
    for column in &added.columns {
        if SYSTEM_COLUMNS.contains(&&*column.name) {
            let reason = format!("the sink can have no column {}: PostgreSQL has one of its own", column.name);
            plan.misfits.push(Misfit { table: added.name.to_string(), reason });
            continue;
        }
        let alone = TableSchema { columns: vec![column.clone()], ..added.clone() };
        let mut statements = missing.create(&alone);
        statements.push(format!(
            "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}",
            table_sql(&added.name),
            quoted(&column.name),
            declared(added, column)
        ));
        plan.adds(&added.name, &column.name, statements.join("; "));
    }
}

/// The columns that every table has of its own.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

/// The type that a column gets at the sink.
fn declared(table: &TableSchema, column: &Column) -> String {
    if table.brand == BRAND { column.native.clone() } else { types::declared(&column.logical) }
}

fn existing_table(table: &TableSchema, existing: &Table, adds: bool, plan: &mut WritePlan) {
    let name = table.name.to_string();
    let mut misfit = |reason: String| plan.misfits.push(Misfit { table: name.clone(), reason });
    table.fit(&existing.schema, adds.then_some(SAME)).misfits.into_iter().for_each(&mut misfit);
    for (column, there) in
        table.columns.iter().filter_map(|c| Some((c, existing.schema.columns.iter().find(|t| t.name == c.name)?)))
    {
        // Two types in text form are the same only by name.
        let text_form = |c: &Column| matches!(c.logical, LogicalType::Other | LogicalType::Array(_));
        if text_form(column) && text_form(there) && (table.brand != BRAND || column.native != there.native) {
            misfit(format!(
                "column {} is {} at the source and {} at the sink",
                column.name, column.native, there.native
            ));
        }
        if there.native == "jsonb" && column.native != "jsonb" {
            plan.notices.push(format!(
                "{name}: column {} is jsonb, which keeps the meaning of JSON but not its spelling",
                column.name
            ));
        }
    }
    if !existing.schema.triggers.is_empty() {
        plan.notices.push(format!(
            "{name}: the sink's triggers ({}) do not fire for what Syncline writes",
            existing.schema.triggers.join(", ")
        ));
    }
}

/// Why the sink can have no table of that name.
fn name_problem(table: &TableSchema) -> Option<String> {
    // I16: what carries the prefix is ours.
    if !parked::is_own(table) && table.name.name.starts_with("syncline_") {
        return Some("this name is reserved; map the table to another name".into());
    }
    let columns = table.columns.iter().map(|c| &c.name);
    let mut all = std::iter::once(&table.name.name).chain(&table.name.schema).chain(columns);
    let long = all.find(|name| name.len() > NAME_BYTES_MAX || name.is_empty() || name.contains('\0'))?;
    Some(if long.is_empty() {
        "a name is empty; map it to another name".into()
    } else {
        format!(
            "the name {long} has {} bytes, PostgreSQL's names have at most {NAME_BYTES_MAX}; map it to another name",
            long.len()
        )
    })
}

/// Schemas and types that the new tables need and the sink does not have.
pub struct Missing {
    schemas: BTreeSet<String>,
    /// Types by their spelling.
    types: BTreeSet<String>,
}

impl Missing {
    /// Looks for what these new tables need, and those columns that are new.
    pub async fn look(session: &Session, new: impl Iterator<Item = &TableSchema>) -> Result<Self> {
        let new: Vec<&TableSchema> = new.collect();
        let new = || new.iter();
        let cannot = |e| failed(e, "cannot look for types and schemas");
        let own = new().filter(|t| t.brand == BRAND).flat_map(|t| &t.columns);
        let natives: BTreeSet<String> = own.map(|c| element(&c.native).to_owned()).collect();
        let natives: Vec<String> = natives.into_iter().collect();
        let sql = "SELECT t FROM pg_catalog.unnest($1::text[]) t WHERE pg_catalog.to_regtype(t) IS NULL";
        let types = session.client.query(sql, &[&natives]).await.map_err(cannot)?.iter().map(|r| r.get(0)).collect();
        let schemas: Vec<String> = new().filter_map(|t| t.name.schema.as_deref()).map(str::to_owned).collect();
        let sql = "SELECT s FROM pg_catalog.unnest($1::text[]) s WHERE pg_catalog.to_regnamespace(pg_catalog.quote_ident(s)) IS NULL";
        let schemas = session.client.query(sql, &[&schemas]).await.map_err(cannot)?.iter().map(|r| r.get(0)).collect();
        Ok(Self { schemas, types })
    }

    /// Types that cannot be created from what is known here.
    fn misfits(&self, table: &TableSchema) -> Vec<String> {
        let own = table.columns.iter().filter(|_| table.brand == BRAND);
        own.filter(|c| self.types.contains(element(&c.native)) && enum_labels(&c.logical).is_none())
            .map(|c| {
                format!(
                    "column {} is of type {}, which the sink does not have; create the type, domain or extension there first",
                    c.name, c.native
                )
            })
            .collect()
    }

    /// What must be created before that table. Each thing is created once.
    pub fn create(&mut self, table: &TableSchema) -> Vec<String> {
        let mut statements = Vec::new();
        if let Some(schema) = &table.name.schema
            && self.schemas.remove(&**schema)
        {
            statements.push(format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema)));
        }
        for column in table.columns.iter().filter(|_| table.brand == BRAND) {
            let name = element(&column.native);
            if let Some(labels) = enum_labels(&column.logical)
                && self.types.remove(name)
            {
                if let Some(schema) = schema_of(name) {
                    statements.push(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
                }
                let labels: Vec<_> = labels.iter().map(|l| literal(l)).collect();
                statements.push(format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", ")));
            }
        }
        statements
    }
}

fn enum_labels(logical: &LogicalType) -> Option<&[String]> {
    match logical {
        LogicalType::Enum { labels } => Some(labels),
        LogicalType::Array(of) => enum_labels(of),
        _ => None,
    }
}

/// The type of an array's elements, as the catalogue spells it.
fn element(native: &str) -> &str {
    native.trim_end_matches("[]")
}

/// The schema in front of a type's name, quoted as it is there.
fn schema_of(name: &str) -> Option<&str> {
    let mut quoted = false;
    let dot = name.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '.' && !quoted
    });
    dot.and_then(|(at, _)| name.get(..at))
}

/// A table's name for use in SQL.
pub fn table_sql(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&name.name)),
        None => quoted(&name.name),
    }
}

/// `CREATE TABLE` with columns alone; keys and indexes follow after the load.
pub fn create_table(table: &TableSchema) -> String {
    let same_brand = table.brand == BRAND;
    let mut parts = Vec::new();
    for column in &table.columns {
        let declared = declared(table, column);
        let mut part = format!("{} {declared}", quoted(&column.name));
        if column.numbered && !column.nullable && ["smallint", "integer", "bigint"].contains(&declared.as_str()) {
            let how =
                if column.default.as_deref() == Some(catalog::ALWAYS) && same_brand { "ALWAYS" } else { "BY DEFAULT" };
            let _ = write!(part, " GENERATED {how} AS IDENTITY");
        } else if same_brand
            && !column.generated
            && let Some(default) = &column.default
        {
            let _ = write!(part, " DEFAULT {default}");
        }
        if !column.nullable {
            part.push_str(" NOT NULL");
        }
        parts.push(part);
    }
    format!("CREATE TABLE {} ({})", table_sql(&table.name), parts.join(", "))
}

/// The key, the unique constraints and the indexes.
pub fn keys(table: &TableSchema) -> Vec<String> {
    let sql = table_sql(&table.name);
    let mut statements = Vec::new();
    if !table.key.is_empty() {
        statements.push(format!("ALTER TABLE {sql} ADD PRIMARY KEY ({})", names(table, &table.key)));
    }
    for Index { name, columns, unique } in &table.indexes {
        let columns = names(table, columns);
        statements.push(match (name, unique) {
            (None, true) => format!("ALTER TABLE {sql} ADD UNIQUE ({columns})"),
            (name, unique) => {
                let unique = if *unique { "UNIQUE " } else { "" };
                // Other brands name the indexes of each table for themselves; here they share their names with tables.
                let own = name.as_deref().filter(|n| n.len() <= NAME_BYTES_MAX && table.brand == BRAND);
                let name = own.map(quoted).unwrap_or_default();
                format!("CREATE {unique}INDEX {name} ON {sql} ({columns})")
            }
        });
    }
    statements
}

/// One reference to another table.
pub fn reference(table: &TableSchema, key: &ForeignKey) -> String {
    let mut sql = format!(
        "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {}",
        table_sql(&table.name),
        names(table, &key.columns),
        table_sql(&key.to)
    );
    if !key.to_columns.is_empty() {
        let to: Vec<_> = key.to_columns.iter().map(|c| quoted(c)).collect();
        let _ = write!(sql, " ({})", to.join(", "));
    }
    for (when, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if let Some(action) = action {
            let _ = write!(sql, " ON {when} {action}");
        }
    }
    sql
}

fn names(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().filter_map(|&c| table.columns.get(c)).map(|c| quoted(&c.name)).collect();
    names.join(", ")
}
