//! A PostgreSQL database as a place of the suite, seeded and looked at by psql.

use std::sync::{Arc, Mutex};

use syncline::config::ConnectionUrl;
use syncline::connect::postgres::Postgres;
use syncline::connector::Connector;
use syncline_model::{Cell, CellBuf, LogicalType, TableSchema};

use super::batches::Row;
use super::place::{Decorated, Place, quoted};
use super::servers::Database;

/// A database of its own on the shared server.
pub struct InPostgres {
    database: Option<Database>,
    decorated: Decorated,
}

/// Databases of finished tests, empty again: emptying one is many times faster than creating one.
static EMPTY: Mutex<Vec<Database>> = Mutex::new(Vec::new());

/// Makes a database as good as new.
const CLEAR: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid(); \
    DO $$ DECLARE s name; BEGIN FOR s IN SELECT nspname FROM pg_namespace \
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); \
    END LOOP; END $$; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public;";

impl InPostgres {
    #[track_caller]
    pub fn new(decorated: Decorated) -> Self {
        let empty = EMPTY.lock().unwrap().pop();
        Self { database: Some(empty.unwrap_or_else(Database::postgres)), decorated }
    }

    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("there until it is dropped")
    }
}

impl Drop for InPostgres {
    fn drop(&mut self) {
        let Some(database) = self.database.take().filter(|_| !std::thread::panicking()) else { return };
        database.sql(CLEAR);
        EMPTY.lock().unwrap().push(database);
    }
}

/// The connector of that URL.
#[track_caller]
pub fn connector_of(url: &str) -> Postgres {
    match ConnectionUrl::parse(url, None).unwrap() {
        (ConnectionUrl::Network(network), password) => Postgres::new(&network, password.as_ref()).unwrap(),
        (other, _) => panic!("{other} is no URL of a server"),
    }
}

fn word(logical: &LogicalType) -> &'static str {
    match logical {
        LogicalType::Int { .. } => "bigint",
        LogicalType::Text { .. } => "text",
        LogicalType::Float64 => "double precision",
        LogicalType::Bytes { .. } => "bytea",
        other => panic!("no test creates a table with {other} by itself"),
    }
}

pub fn literal(value: &CellBuf) -> String {
    match value {
        CellBuf::Plain(Cell::Null) => "NULL".into(),
        CellBuf::Plain(Cell::Int(v)) => v.to_string(),
        CellBuf::Plain(Cell::Float(v)) => format!("'{v:?}'"),
        CellBuf::Text(v) => format!("'{}'", v.replace('\'', "''")),
        CellBuf::Bytes(v) => format!("'\\x{}'", v.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        other => panic!("no test seeds {other:?}"),
    }
}

impl Place for InPostgres {
    fn connector(&self) -> Arc<dyn Connector> {
        self.decorated.0(Arc::new(connector_of(&self.database().url())))
    }

    fn another(&self) -> Box<dyn Place> {
        Box::new(Self::new(self.decorated))
    }

    fn create(&self, table: &TableSchema) {
        let column = |c: &syncline_model::Column| {
            format!("{} {}{}", quoted(&c.name), word(&c.logical), if c.nullable { "" } else { " NOT NULL" })
        };
        let mut parts: Vec<String> = table.columns.iter().map(column).collect();
        let key: Vec<String> = table.key_columns().map(|c| quoted(&c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        self.database().sql(&format!("CREATE TABLE {} ({});", quoted(&table.name.name), parts.join(", ")));
    }

    fn seed(&self, table: &str, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        let row = |row: &Row| format!("({})", row.iter().map(literal).collect::<Vec<_>>().join(", "));
        let rows: Vec<_> = rows.iter().map(row).collect();
        self.database().sql(&format!("INSERT INTO {} VALUES {};", quoted(table), rows.join(",\n")));
    }

    fn name_bytes_max(&self) -> usize {
        63
    }

    fn rows(&self, table: &str) -> Option<Vec<Row>> {
        let name = quoted(table);
        let there = self.database().sql(&format!(
            "SELECT t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
             WHERE a.attrelid = to_regclass({}) AND a.attnum > 0 ORDER BY a.attnum;",
            literal(&name.as_str().into())
        ));
        if there.is_empty() {
            return None;
        }
        let types: Vec<&str> = there.lines().collect();
        let printed = self.database().sql(&format!("SELECT row_to_json(t) FROM {name} AS t;"));
        let cell = |(value, class): (&serde_json::Value, &&str)| -> CellBuf {
            let text = value.as_str().unwrap_or_default();
            match *class {
                _ if value.is_null() => CellBuf::NULL,
                "int8" => value.as_i64().unwrap().into(),
                "float8" => CellBuf::Plain(Cell::Float(
                    value.as_f64().unwrap_or_else(|| text.replace("Infinity", "inf").parse().unwrap()),
                )),
                "bytea" => {
                    let digits = text.strip_prefix("\\x").unwrap();
                    let pairs =
                        (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap());
                    CellBuf::Bytes(pairs.collect())
                }
                "text" | "varchar" => text.into(),
                other => panic!("no test looks at {other}"),
            }
        };
        let mut rows: Vec<Row> = printed
            .lines()
            .map(|line| {
                let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
                row.values().zip(&types).map(cell).collect()
            })
            .collect();
        rows.sort();
        Some(rows)
    }
}
