//! A MariaDB database as a place of the suite, seeded and looked at by the mariadb program.

use std::sync::Arc;

use syncline::config::{ConnectionSpec, ConnectionUrl};
use syncline::connect::mariadb::Mariadb;
use syncline::connector::Connector;
use syncline_model::{Cell, CellBuf, LogicalType, TableSchema};

use super::batches::Row;
use super::place::{Decorated, Place};
use super::servers::Database;

/// A connection to that URL, as the product opens it but for its decorators.
pub fn mariadb_at(url: &str) -> Arc<dyn Connector> {
    let (parsed, password) = ConnectionUrl::parse(url, None).unwrap();
    let ConnectionUrl::Network(network) = parsed.clone() else { panic!("no server: {url}") };
    let spec = ConnectionSpec { name: "place".into(), url: parsed, password };
    Arc::new(Mariadb::new(&spec, &network).unwrap())
}

/// A database on the shared MariaDB server.
pub struct InMariadb {
    pub database: Database,
    decorated: Decorated,
}

impl InMariadb {
    pub fn new(decorated: Decorated) -> Self {
        Self { database: Database::mariadb(), decorated }
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn word(logical: &LogicalType, in_key: bool) -> &'static str {
    match logical {
        LogicalType::Int { .. } => "bigint",
        LogicalType::Text { .. } if in_key => "varchar(350) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        LogicalType::Text { .. } => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        LogicalType::Float64 => "double",
        LogicalType::Bytes { .. } if in_key => "varbinary(1500)",
        LogicalType::Bytes { .. } => "longblob",
        other => panic!("no test creates a table with {other} by itself"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

fn literal(cell: &CellBuf) -> String {
    match cell {
        CellBuf::Plain(Cell::Null) => "NULL".into(),
        CellBuf::Plain(Cell::Int(v)) => v.to_string(),
        CellBuf::Plain(Cell::Float(v)) => format!("{v:e}"),
        CellBuf::Text(v) => format!("_utf8mb4 X'{}'", hex(v.as_bytes())),
        CellBuf::Bytes(v) => format!("X'{}'", hex(v)),
        other => panic!("MariaDB has no {other:?}"),
    }
}

impl Place for InMariadb {
    fn connector(&self) -> Arc<dyn Connector> {
        self.decorated.0(mariadb_at(&self.database.url()))
    }

    fn another(&self) -> Box<dyn Place> {
        Box::new(Self::new(self.decorated))
    }

    fn create(&self, table: &TableSchema) {
        let column = |(i, c): (usize, &syncline_model::Column)| {
            let null = if c.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", quoted(&c.name), word(&c.logical, table.key.contains(&i)))
        };
        let mut parts: Vec<String> = table.columns.iter().enumerate().map(column).collect();
        let key: Vec<String> = table.key_columns().map(|c| quoted(&c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        self.database.sql(&format!("CREATE TABLE {} ({});", quoted(&table.name.name), parts.join(", ")));
    }

    fn seed(&self, table: &str, rows: &[Row]) {
        for rows in rows.chunks(1000) {
            let values: Vec<String> = rows
                .iter()
                .map(|row| format!("({})", row.iter().map(literal).collect::<Vec<_>>().join(", ")))
                .collect();
            self.database.sql(&format!("INSERT INTO {} VALUES {};", quoted(table), values.join(", ")));
        }
    }

    fn rows(&self, table: &str) -> Option<Vec<Row>> {
        stored_rows(&self.database, table)
    }

    fn name_bytes_max(&self) -> usize {
        64
    }

    fn can_name(&self, name: &str) -> bool {
        name.chars().count() <= 64 && !name.ends_with(' ') && !name.contains(|c: char| c > '\u{ffff}')
    }
}

/// Every row as it is stored, sorted; nothing if there is no such table.
pub fn stored_rows(database: &Database, table: &str) -> Option<Vec<Row>> {
    let columns = database.sql(&format!(
        "SELECT HEX(COLUMN_NAME), DATA_TYPE FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = X'{}' ORDER BY ORDINAL_POSITION;",
        hex(table.as_bytes())
    ));
    if columns.is_empty() {
        return None;
    }
    // Each value with a letter for its kind in front.
    let shown: Vec<String> = columns
        .lines()
        .map(|line| {
            let (name, kind) = line.split_once('|').unwrap();
            let name = quoted(&String::from_utf8(unhex(name)).unwrap());
            let shown = match kind {
                "bigint" | "int" | "smallint" | "tinyint" | "mediumint" => format!("CONCAT('i', {name})"),
                "double" => format!("CONCAT('f', {name})"),
                "longblob" | "blob" | "varbinary" => format!("CONCAT('b', HEX({name}))"),
                _ => format!("CONCAT('t', HEX(CONVERT({name} USING utf8mb4)))"),
            };
            format!("COALESCE({shown}, 'n')")
        })
        .collect();
    let printed = database.sql(&format!("SELECT {} FROM {};", shown.join(", "), quoted(table)));
    let mut rows: Vec<Row> = printed.lines().map(|line| line.split('|').map(cell).collect()).collect();
    rows.sort();
    Some(rows)
}

fn cell(shown: &str) -> CellBuf {
    let (kind, value) = shown.split_at(1);
    match kind {
        "n" => CellBuf::NULL,
        "i" => CellBuf::Plain(Cell::Int(value.parse().unwrap())),
        "f" => CellBuf::Plain(Cell::Float(value.parse().unwrap())),
        "b" => CellBuf::Bytes(unhex(value).into()),
        _ => String::from_utf8(unhex(value)).unwrap().as_str().into(),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[i * 2..i * 2 + 2], 16).unwrap()).collect()
}
