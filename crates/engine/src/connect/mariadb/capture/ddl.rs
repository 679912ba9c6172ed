//! The statements of capture: control tables, change tables, triggers.

use std::fmt::Write as _;

use syncline_model::{Column, Error, ErrorKind, LogicalType, Result, TableSchema};

use super::Captured;
use super::verify::Trigger;
use crate::connect::mariadb::session::Server;
use crate::connect::mariadb::types::{Native, literal};
use crate::connect::mariadb::{name_of, quoted};

/// Columns per number in which an update's changed columns are bits.
pub const BITS: usize = 62;

/// The mode of every trigger, whatever the application's session says. It must take all that the table took: a date that
/// is none, a label that is none. As each value goes into a column of its own type, nothing is altered by it.
pub const MODE: &str = "ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";

/// A variable of the session: while it is set, what the session writes is recorded by nobody (I9). An application's session
/// has never heard of it.
pub const QUIET: &str = "@syncline_quiet";

/// Bytes of a value from which on a change says how long it is, so that whoever reads knows beforehand.
const MEASURED_FROM: u64 = 256;

/// How a table of ours is kept.
const ENGINE: &str = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// The events, each with its trigger.
pub const EVENTS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// The tables that every captured database has. `syncline_node` is last: with its row all is there.
pub fn control() -> Vec<String> {
    let table = |name: &str, columns: &str| format!("CREATE TABLE {name} ({columns}) {ENGINE}");
    vec![
        table(
            "syncline_capture",
            "log INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE, columns LONGTEXT NOT NULL",
        ),
        table(
            "syncline_outbox",
            "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, log INT UNSIGNED NOT NULL, \
             at DATETIME(6) NOT NULL, who VARCHAR(400) NOT NULL, bytes BIGINT UNSIGNED NOT NULL, \
             tick BIGINT UNSIGNED NULL, KEY by_tick (tick, id)",
        ),
        table("syncline_tick", "number BIGINT UNSIGNED NOT NULL PRIMARY KEY, token VARCHAR(32) NOT NULL"),
        table(
            "syncline_lane",
            "lane VARCHAR(190) NOT NULL PRIMARY KEY, tick BIGINT UNSIGNED NOT NULL, tables LONGTEXT NOT NULL",
        ),
        table(
            "syncline_node",
            "id INT NOT NULL PRIMARY KEY, incarnation VARCHAR(32) NOT NULL, next_log INT UNSIGNED NOT NULL",
        ),
        "INSERT INTO syncline_node VALUES (1, MD5(CONCAT(UUID(), RAND())), 1)".into(),
    ]
}

/// How a table is captured.
pub struct Capturing<'a> {
    /// The table as it is.
    schema: &'a TableSchema,
    /// What is captured of each column.
    columns: Vec<Captured>,
    server: &'a Server,
}

impl<'a> Capturing<'a> {
    pub fn new(schema: &'a TableSchema, columns: Vec<Captured>, server: &'a Server) -> Self {
        Self { schema, columns, server }
    }

    /// Everything for a table that is not captured yet; `there` are its triggers.
    pub fn create(&self, log: u64, there: &[Trigger]) -> Result<Vec<String>> {
        let columns = serde_json::to_string(&self.columns)
            .map_err(|e| Error::new(ErrorKind::Bug, "the columns cannot be written").caused_by(e))?;
        let name = &self.schema.name.name;
        let mut statements = vec![
            // No number is used twice, whatever becomes of what follows.
            format!("UPDATE syncline_node SET next_log = GREATEST(next_log, {})", log + 1),
            format!("INSERT INTO syncline_capture VALUES ({log}, {}, {})", literal(name), literal(&columns)),
            self.change_table(log),
        ];
        statements.extend(EVENTS.map(|event| self.trigger(event, log, there, "")));
        Ok(statements)
    }

    /// The triggers again, each first among its like. Nothing is missed meanwhile: the server replaces a trigger in one
    /// step. Only MariaDB can.
    pub fn first(&self, log: u64, there: &[Trigger]) -> Vec<String> {
        EVENTS.map(|event| self.trigger(event, log, there, "OR REPLACE ")).to_vec()
    }

    fn change_table(&self, log: u64) -> String {
        let mut columns = vec!["id BIGINT UNSIGNED NOT NULL PRIMARY KEY".into(), "op CHAR(1) NOT NULL".into()];
        columns.extend((0..self.words()).map(|i| format!("c{i} BIGINT UNSIGNED NULL")));
        for side in ["o", "n"] {
            let images = self.schema.columns.iter().enumerate();
            columns.extend(images.map(|(i, c)| format!("{side}{i} {} NULL DEFAULT NULL", self.kind(c))));
        }
        format!("CREATE TABLE syncline_log_{log} ({}) {ENGINE}", columns.join(", "))
    }

    /// The type of a column's images. Text and bytes are kept apart from the row, which would else be too wide for two
    /// images; the JSON of MariaDB is a text with a check, which has been made already.
    fn kind(&self, column: &Column) -> String {
        let native = Native::parse(&column.native);
        match native.word.as_str() {
            "json" if self.server.mariadb => "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".into(),
            "varchar" if is_wide(column) => native.collated("longtext"),
            "varbinary" if is_wide(column) => "longblob".into(),
            _ => column.native.clone(),
        }
    }

    fn words(&self) -> usize {
        self.schema.columns.len().div_ceil(BITS)
    }

    /// One trigger, first among the AFTER triggers of its event: what another one writes to other tables must not be
    /// recorded before the change that fired it.
    fn trigger(&self, event: &str, log: u64, there: &[Trigger], or_replace: &str) -> String {
        let first = there.iter().find(|t| t.is_foreign() && t.event == event && t.timing == "AFTER");
        let precedes = first.map(|t| format!("PRECEDES {} ", quoted(&t.name))).unwrap_or_default();
        format!(
            "CREATE {or_replace}TRIGGER {} AFTER {event} ON {} FOR EACH ROW {precedes}{}",
            trigger_name(log, event),
            name_of(&self.schema.name),
            self.body(event, log)
        )
    }

    /// What a trigger does.
    pub fn body(&self, event: &str, log: u64) -> String {
        format!("BEGIN IF {QUIET} IS NULL THEN {}; END IF; END", self.recording(event, log))
    }

    fn recording(&self, event: &str, log: u64) -> String {
        match event {
            "UPDATE" => self.update(log),
            event => {
                let (op, side, row) = if event == "INSERT" { ("I", "n", "NEW") } else { ("D", "o", "OLD") };
                let columns: Vec<_> = (0..self.schema.columns.len()).map(|i| format!("{side}{i}")).collect();
                let values: Vec<_> = self.schema.columns.iter().map(|c| image(row, c)).collect();
                let bytes: Vec<_> = self.measured().map(|(_, c)| length(row, c)).collect();
                format!("BEGIN {} END", entry(log, op, &bytes, &columns, &values))
            }
        }
    }

    /// An update that changes nothing writes nothing.
    fn update(&self, log: u64) -> String {
        let changed: Vec<_> = self.schema.columns.iter().map(|c| changed(c, "OLD", "NEW")).collect();
        let (mut declared, mut columns, mut values) = (String::new(), Vec::new(), Vec::new());
        for (word, conditions) in changed.chunks(BITS).enumerate() {
            let bits: Vec<_> = conditions.iter().enumerate().map(|(bit, c)| format!("({c} << {bit})")).collect();
            let _ = write!(declared, "DECLARE c{word} BIGINT UNSIGNED DEFAULT {}; ", bits.join(" | "));
            columns.push(format!("c{word}"));
            values.push(format!("c{word}"));
        }
        let any = columns.join(" | ");
        let has_changed = |i: usize| format!("c{} & {}", i / BITS, 1u64 << (i % BITS));
        for (i, column) in self.schema.columns.iter().enumerate() {
            let is_kept = self.is(i, |c| c.kept);
            let image = |row: &str, left_out: bool| match left_out {
                true => format!("IF({}, {}, NULL)", has_changed(i), image(row, column)),
                false => image(row, column),
            };
            columns.extend([format!("o{i}"), format!("n{i}")]);
            values.extend([image("OLD", !is_kept), image("NEW", !is_kept || is_wide(column))]);
        }
        let bytes = self.measured().map(|(i, column)| {
            let (old, new) = (length("OLD", column), length("NEW", column));
            match self.is(i, |c| c.kept) {
                true => format!("{old} + IF({}, {new}, 0)", has_changed(i)),
                false => format!("IF({}, {old} + {new}, 0)", has_changed(i)),
            }
        });
        let entry = entry(log, "U", &bytes.collect::<Vec<_>>(), &columns, &values);
        let Some((guarded, stands)) = self.guard() else {
            return format!("BEGIN {declared}IF {any} THEN {entry} END IF; END");
        };
        // A query in a condition costs for each row, whether it is asked or not: so it has a statement of its own.
        format!(
            "BEGIN {declared}DECLARE happened BOOLEAN DEFAULT ({any}) <> 0; \
             IF {guarded} THEN SET happened = {stands}; END IF; IF happened THEN {entry} END IF; END"
        )
    }

    fn is(&self, column: usize, what: impl Fn(&Captured) -> bool) -> bool {
        self.columns.get(column).is_some_and(what)
    }

    /// Whether a column changes that another row can stand against, and whether the row is then really as NEW says. For
    /// `UPDATE IGNORE` the server fires the trigger of a row that it leaves as it was. Absent if there is no such column.
    fn guard(&self) -> Option<(String, String)> {
        let guarded: Vec<_> = (0..self.columns.len()).filter(|i| self.is(*i, |c| c.guarded)).collect();
        let bits = |columns: &[usize]| {
            let words = columns.chunk_by(|a, b| a / BITS == b / BITS).filter_map(|word| {
                let mask = word.iter().fold(0u64, |mask, i| mask | 1 << (i % BITS));
                Some(format!("c{} & {mask}", word.first()? / BITS))
            });
            words.collect::<Vec<_>>().join(" | ")
        };
        let mut key = self.schema.key.clone();
        key.sort_unstable();
        if guarded.is_empty() || key.is_empty() {
            return None;
        }
        let same = |columns: &[usize], row: &str| {
            let columns = columns.iter().filter_map(|i| self.schema.columns.get(*i));
            columns.map(|c| format!(" AND NOT {}", changed(c, &name_of(&self.schema.name), row))).collect::<String>()
        };
        let stands = |row: &str, columns: &[usize]| {
            // By its own name: a routine that was running before the trigger was made looks for another one in vain.
            let table = name_of(&self.schema.name);
            let found = self.schema.key_columns().map(|c| format!("{} = {}", image(&table, c), image(row, c)));
            let found = found.collect::<Vec<_>>().join(" AND ");
            format!("EXISTS (SELECT 1 FROM {table} WHERE {found}{})", same(columns, row))
        };
        let is_there = format!("IF({}, NOT {}, {})", bits(&key), stands("OLD", &key), stands("NEW", &guarded));
        Some((bits(&guarded), is_there))
    }

    /// The columns whose values may be long enough to say how long they are.
    fn measured(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.schema.columns.iter().enumerate().filter(|(_, c)| is_wide(c))
    }
}

/// The name of a trigger of a change table.
pub fn trigger_name(log: u64, event: &str) -> String {
    format!("syncline_{log}_{}", event.to_lowercase())
}

/// An entry of the log: its place in the order over all tables, and the images.
fn entry(log: u64, op: &str, bytes: &[String], columns: &[String], values: &[String]) -> String {
    let bytes = if bytes.is_empty() { "0".to_owned() } else { bytes.join(" + ") };
    // LAST_INSERT_ID() is the trigger's own: the server gives the application's back when the trigger ends.
    format!(
        "INSERT INTO syncline_outbox (log, at, who, bytes) VALUES ({log}, UTC_TIMESTAMP(6), USER(), {bytes}); \
         INSERT INTO syncline_log_{log} (id, op, {}) VALUES (LAST_INSERT_ID(), '{op}', {});",
        columns.join(", "),
        values.join(", ")
    )
}

fn image(row: &str, column: &Column) -> String {
    format!("{row}.{}", quoted(&column.name))
}

/// Bytes of a value.
fn length(row: &str, column: &Column) -> String {
    format!("COALESCE(OCTET_LENGTH({}), 0)", image(row, column))
}

/// Most bytes that a value takes.
pub fn bytes_max(column: &Column) -> u64 {
    let native = Native::parse(&column.native);
    match &column.logical {
        LogicalType::Json => u64::MAX,
        LogicalType::Text { chars_max: Some(n) } => match native.bytes_max() {
            Some(bytes) => u64::from(bytes),
            None => u64::from(*n) * u64::from(native.bytes_per_char()),
        },
        LogicalType::Text { .. } if native.word == "set" => 64,
        LogicalType::Bytes { bytes_max: Some(n) } => u64::from(*n),
        LogicalType::Text { .. } | LogicalType::Bytes { .. } => u64::MAX,
        _ => 32,
    }
}

/// Whether its values may be long.
fn is_wide(column: &Column) -> bool {
    bytes_max(column) >= MEASURED_FROM
}

/// Whether a column differs between two rows: its bytes, not what a collation or a number makes of them. 1 or 0.
fn changed(column: &Column, old: &str, new: &str) -> String {
    let (old, new) = (image(old, column), image(new, column));
    match Native::parse(&column.native).word.as_str() {
        // Minus zero equals zero, and is another value.
        "float" | "double" => {
            format!("((NOT ({old} <=> {new}) OR {new} = 0 AND CAST({old} AS CHAR) <> CAST({new} AS CHAR)) IS TRUE)")
        }
        // By number: the error value of an enum is shown as the empty text, which may be a label too.
        "enum" | "set" => format!("(NOT (CAST({old} AS UNSIGNED) <=> CAST({new} AS UNSIGNED)))"),
        // The moment: in the hour that comes twice, two of them are shown the same.
        "timestamp" => format!("(NOT (UNIX_TIMESTAMP({old}) <=> UNIX_TIMESTAMP({new})))"),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "json" => {
            format!("(NOT (CAST({old} AS BINARY) <=> CAST({new} AS BINARY)))")
        }
        _ => format!("(NOT ({old} <=> {new}))"),
    }
}
