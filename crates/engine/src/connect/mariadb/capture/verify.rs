//! Whether a table is captured as it is now.

use std::collections::{BTreeSet, HashMap};

use syncline_model::{Error, ErrorKind, Result, TableName, TableSchema};

use super::ddl::{Capturing, EVENTS, MODE, trigger_name};
use super::{Captured, Record};
use crate::connect::mariadb::session::{Server, Session, bound, text};

/// How a table's capture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    InPlace,
    /// Nothing was missed, but others run before its triggers.
    Order,
}

/// A trigger of a table.
#[derive(Debug, Clone)]
pub struct Trigger {
    pub name: String,
    pub event: String,
    pub timing: String,
    body: String,
    mode: String,
}

impl Trigger {
    /// Whether it is the application's.
    pub fn is_foreign(&self) -> bool {
        !self.name.starts_with("syncline_")
    }
}

/// The triggers of some tables, in the order in which they run.
pub struct Triggers(HashMap<String, Vec<Trigger>>);

impl Triggers {
    /// Reads those of these tables of the connection's database.
    pub async fn read(session: &mut Session, tables: &[TableName]) -> Result<Self> {
        let mut found: HashMap<String, Vec<Trigger>> = HashMap::new();
        for tables in tables.chunks(500) {
            let sql = format!(
                "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE \
                 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() \
                 AND EVENT_OBJECT_TABLE IN ({}) ORDER BY EVENT_OBJECT_TABLE, ACTION_ORDER",
                vec!["?"; tables.len()].join(", ")
            );
            for row in session.rows_with(&sql, tables.iter().map(|t| bound(&t.name)).collect()).await? {
                found.entry(text(&row, 0)).or_default().push(Trigger {
                    name: text(&row, 1),
                    event: text(&row, 2),
                    timing: text(&row, 3),
                    body: text(&row, 4),
                    mode: text(&row, 5),
                });
            }
        }
        Ok(Self(found))
    }

    /// Those of one table.
    pub fn of(&self, table: &str) -> &[Trigger] {
        self.0.get(table).map_or(&[], Vec::as_slice)
    }
}

/// The change tables that there are.
pub async fn logs(session: &mut Session) -> Result<BTreeSet<String>> {
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
         AND TABLE_NAME LIKE 'syncline\\_log\\_%'";
    Ok(session.rows(sql).await?.iter().map(|row| text(row, 0)).collect())
}

/// What changes whenever a column of one of these tables does: cheap enough for every unit.
pub async fn marks(session: &mut Session, tables: &[TableName]) -> Result<HashMap<String, String>> {
    let mut marks: HashMap<String, String> = HashMap::new();
    for tables in tables.chunks(500) {
        let sql = format!(
            "SELECT TABLE_NAME, CONCAT_WS(' ', COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME) FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ({}) ORDER BY TABLE_NAME, ORDINAL_POSITION",
            vec!["?"; tables.len()].join(", ")
        );
        for row in session.rows_with(&sql, tables.iter().map(|t| bound(&t.name)).collect()).await? {
            let mark = marks.entry(text(&row, 0)).or_default();
            mark.push_str(&text(&row, 1));
            mark.push('\n');
        }
    }
    Ok(marks)
}

/// Looks at a captured table; `wanted` is what a lane wants of each column.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if changes may have been missed, or fewer values were kept than are needed.
pub fn state(
    server: &Server,
    record: &Record,
    schema: &TableSchema,
    wanted: &[Captured],
    there: &[Trigger],
    logs: &BTreeSet<String>,
) -> Result<State> {
    let differs = |what: String| Err(Error::new(ErrorKind::Schema, what));
    if let Some(difference) = columns_differ(record, schema) {
        return Err(difference);
    }
    if !logs.contains(&format!("syncline_log_{}", record.log)) {
        return differs("its change table is missing".into());
    }
    if record.columns.iter().zip(wanted).any(|(captured, wanted)| !captured.is_enough(wanted)) {
        return differs("a filter, a key or an index needs more of a column than was captured".into());
    }
    let capturing = Capturing::new(schema, record.columns.clone(), server);
    let mut is_first = true;
    for event in EVENTS {
        let name = trigger_name(record.log, event);
        let alike = || there.iter().filter(|t| t.event == event && t.timing == "AFTER");
        let Some(at) = alike().position(|t| t.name == name) else {
            return differs(format!("trigger {name} is missing"));
        };
        let body = capturing.body(event, record.log);
        if alike().nth(at).is_none_or(|t| t.body != body || t.mode != MODE) {
            return differs(format!("trigger {name} was changed"));
        }
        is_first &= alike().take(at).all(|t| !t.is_foreign());
    }
    Ok(if is_first { State::InPlace } else { State::Order })
}

/// The first difference between the columns as they were captured and as they are.
fn columns_differ(record: &Record, schema: &TableSchema) -> Option<Error> {
    let now = &schema.columns;
    if let Some(gone) = record.columns.iter().find(|c| !now.iter().any(|n| *n.name == c.name)) {
        let what = format!("column {} is gone or renamed since capture was installed", gone.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    if let Some(new) = now.iter().find(|n| !record.columns.iter().any(|c| c.name == *n.name)) {
        let what = format!("column {} was added since capture was installed", new.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    let other = record.columns.iter().zip(now).find(|(c, n)| c.name != *n.name || c.native != n.native)?;
    let what = format!("column {} has another type or place since capture was installed", other.1.name);
    Some(Error::new(ErrorKind::Schema, what))
}
