//! Pages of the guide that are made of what the program does, on real servers.

mod cases;
mod page;

use std::path::Path;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use syncline::connect::sqlite::Sqlite;
use syncline::connector::{Connector, WritePlan};
use syncline::job::Job;
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{LogicalType, TableSchema};

use crate::support::binary::Folder;
use crate::support::jobs::{copy_job, described, run, write_spec};
use crate::support::place_mariadb::mariadb_at;
use crate::support::place_postgres::connector_of;
use crate::support::servers::Database;

use cases::Brand;

/// What renews the page after a change that was meant.
const RENEW: &str = "SYNCLINE_RENEW=1 cargo test -p syncline --test all guide::";

/// A database of one brand, with its connector.
struct Side {
    brand: Brand,
    server: Option<Database>,
    folder: Folder,
    connector: Arc<dyn Connector>,
}

impl Side {
    fn new(brand: Brand) -> Self {
        let folder = Folder::new();
        let server = match brand {
            Brand::Postgres => Some(Database::postgres()),
            Brand::Mariadb => Some(Database::mariadb()),
            Brand::Sqlite => None,
        };
        let connector: Arc<dyn Connector> = match (&server, brand) {
            (Some(server), Brand::Postgres) => Arc::new(connector_of(&server.url())),
            (Some(server), _) => mariadb_at(&server.url()),
            (None, _) => Arc::new(Sqlite::new(folder.path("v.db"))),
        };
        Self { brand, server, folder, connector }
    }

    fn sql(&self, sql: &str) -> String {
        match &self.server {
            Some(server) => server.sql(sql),
            None => self.folder.sql("v.db", sql),
        }
    }

    /// The one value of that table, as the database itself shows it.
    fn value(&self, table: &str) -> String {
        match self.brand {
            Brand::Postgres => self.sql(&format!("SELECT v FROM {table}")),
            Brand::Mariadb => {
                let kind = format!(
                    "SELECT data_type FROM information_schema.columns \
                     WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name = 'v'"
                );
                let shown = match self.sql(&kind).as_str() {
                    "bit" => "BIN(v)",
                    kind if kind.contains("blob") || kind.contains("binary") || kind == "point" => {
                        r"CONCAT(CHAR(92), 'x', LOWER(HEX(v)))"
                    }
                    _ => "v",
                };
                self.sql(&format!("SELECT {shown} FROM {table}")).replace("\\\\", "\\")
            }
            Brand::Sqlite => {
                let file = rusqlite::Connection::open(self.folder.path("v.db")).unwrap();
                let show = |value: ValueRef<'_>| match value {
                    ValueRef::Null => "NULL".into(),
                    ValueRef::Integer(v) => v.to_string(),
                    ValueRef::Real(v) => format!("{v:?}"),
                    ValueRef::Text(b"\xff") => "(the byte FF)".into(),
                    ValueRef::Text(v) => std::str::from_utf8(v).unwrap().replace('\0', "\\0"),
                    ValueRef::Blob(v) => format!("\\x{}", v.iter().map(|b| format!("{b:02x}")).collect::<String>()),
                };
                file.query_row(&format!("SELECT v FROM {table}"), [], |row| Ok(show(row.get_ref(0)?))).unwrap()
            }
        }
    }
}

/// What a sink would create for the column `v` of each table, or why it cannot.
fn columns(plan: &WritePlan, tables: &[Arc<TableSchema>]) -> Vec<Result<String, String>> {
    let of = |table: &Arc<TableSchema>| {
        let name = &*table.name.name;
        if let Some(misfit) = plan.misfits.iter().find(|m| m.table == name) {
            return Err(misfit.reason.clone());
        }
        let is_it = |sql: &&String| {
            sql.starts_with("CREATE TABLE")
                && (sql.contains(&format!("\"{name}\"")) || sql.contains(&format!("`{name}`")))
        };
        let create = plan.statements.iter().find(is_it).unwrap_or_else(|| panic!("{name} is not created: {plan:?}"));
        let column = create.split_once("\"v\"").or_else(|| create.split_once("`v`")).unwrap().1;
        Ok(declared(column).to_owned())
    };
    tables.iter().map(of).collect()
}

/// The type at the start of a column's declaration: up to the comma or bracket after it, without what else is said.
fn declared(column: &str) -> &str {
    let (mut depth, mut quoted) = (0, false);
    let end = column.char_indices().find(|(_, c)| {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        depth < 0 || depth == 0 && !quoted && *c == ','
    });
    let mut found = column.get(..end.map_or(column.len(), |(at, _)| at)).unwrap_or_default();
    for more in [" CHARACTER SET ", " NOT NULL", " NULL", " PRIMARY KEY", " DEFAULT "] {
        found = found.split(more).next().unwrap_or_default();
    }
    found.trim()
}

/// Every type of a brand, with what it means and what each brand creates for it.
async fn types_of(brand: Brand) -> Vec<page::TypeLine> {
    let source = Side::new(brand);
    let types = cases::types(brand);
    let mut sql = cases::prelude(brand).to_owned();
    for (i, of) in types.iter().enumerate() {
        match of.strip_suffix(" PRIMARY KEY") {
            Some(of) => sql.push_str(&format!("CREATE TABLE t{i:03} (v {of} NOT NULL PRIMARY KEY);\n")),
            None => sql.push_str(&format!("CREATE TABLE t{i:03} (id int NOT NULL PRIMARY KEY, v {of});\n")),
        }
    }
    source.sql(&sql);
    let tables = described(&source.connector).await;
    assert_eq!(tables.len(), types.len(), "every table is described, in the order of names");
    let mut lines: Vec<_> = types
        .iter()
        .zip(&tables)
        .map(|(of, table)| {
            let column = table.columns.iter().find(|c| &*c.name == "v").unwrap();
            page::TypeLine { of, logical: shown(&column.logical), native: column.native.clone(), at: Vec::new() }
        })
        .collect();
    for brand in Brand::ALL {
        let sink = Side::new(brand);
        if brand == source.brand {
            sink.sql(cases::prelude(brand));
        }
        let spec = write_spec("page", &tables.iter().collect::<Vec<_>>());
        let plan = sink.connector.plan(&spec).await.unwrap();
        for (line, column) in lines.iter_mut().zip(columns(&plan, &tables)) {
            line.at.push(column);
        }
    }
    lines
}

fn shown(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Enum { .. } => "enum".into(),
        other => other.to_string(),
    }
}

/// Every odd value of a brand, with what arrives at each brand, or why it is refused.
async fn values_of(brand: Brand) -> Vec<page::ValueLine> {
    let source = Side::new(brand);
    let values = cases::values(brand);
    let mut sql = cases::prelude(brand).to_owned();
    for (i, (of, value, _)) in values.iter().enumerate() {
        sql.push_str(&format!("CREATE TABLE v{i:03} (id int NOT NULL PRIMARY KEY, v {of});\n"));
        sql.push_str(&format!("INSERT INTO v{i:03} VALUES (1, {value});\n"));
    }
    source.sql(&sql);
    let sinks = Brand::ALL.map(Side::new);
    for sink in sinks.iter().filter(|sink| sink.brand == source.brand) {
        sink.sql(cases::prelude(brand));
    }
    let mut lines = Vec::new();
    for (i, (of, _, told)) in values.iter().enumerate() {
        let table = format!("v{i:03}");
        let mut at = Vec::new();
        for sink in &sinks {
            let include = vec![Pattern::parse(&table).unwrap()];
            let selection = Selection { include, exclude: Vec::new() };
            let job = Job { selection, ..copy_job(&source.connector, &[&sink.connector]) };
            let refused = match run(&job).await {
                Err(e) => Some(e),
                Ok(mut report) => report.lanes.remove(0).outcome.err(),
            };
            at.push(match refused {
                None => Ok(sink.value(&table)),
                Some(e) => Err(e.what().to_owned()),
            });
        }
        lines.push(page::ValueLine { of, told, at });
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_types_says_what_happens() {
    let mut made = String::new();
    for brand in Brand::ALL {
        let (types, values) = tokio::join!(types_of(brand), values_of(brand));
        made.push_str(&page::section(brand, &types, &values));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/types.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let wanted = page::between(&found, &made);
    if std::env::var_os("SYNCLINE_RENEW").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    let other = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    assert!(
        found == wanted,
        "docs/guide/types.md is not what happens: {other:#?}; if that is meant, renew it: {RENEW}"
    );
}
