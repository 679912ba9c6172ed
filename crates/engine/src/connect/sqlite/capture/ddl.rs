//! The statements of capture: control tables, change tables, triggers.

use rusqlite::Connection;
use syncline_model::{Column, Error, ErrorKind, Result, TableSchema};

use super::super::{failed, quoted, types};
use super::recorded;

/// Most columns of a captured table: SQLite's 2,000, less those of our own, halved.
pub const COLUMNS_MAX: usize = 980;

/// Columns per number in which an update's changed columns are bits.
pub const BITS: usize = 62;

/// The tables that every captured database has.
pub fn control() -> Vec<String> {
    vec![
        "CREATE TABLE syncline_node (incarnation TEXT NOT NULL)".into(),
        "INSERT INTO syncline_node VALUES (lower(hex(randomblob(8))))".into(),
        "CREATE TABLE syncline_capture (log INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, \
            columns TEXT NOT NULL)"
            .into(),
        "CREATE TABLE syncline_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, at REAL NOT NULL)"
            .into(),
        "CREATE TABLE syncline_tick (number INTEGER PRIMARY KEY, token TEXT NOT NULL)".into(),
        "CREATE TABLE syncline_lane (lane TEXT PRIMARY KEY, tick INTEGER NOT NULL, tables TEXT NOT NULL)".into(),
    ]
}

/// How a table is captured.
pub struct Triggers<'a> {
    schema: &'a TableSchema,
    /// Per column, whether an update keeps its old value even if it did not change.
    kept: Vec<bool>,
}

impl<'a> Triggers<'a> {
    /// `schema` is the table as it is.
    pub fn new(schema: &'a TableSchema, kept: Vec<bool>) -> Self {
        Self { schema, kept }
    }

    fn table(&self) -> String {
        quoted(&self.schema.name.name)
    }

    /// Everything for a table that is not captured yet.
    pub fn create(&self, log: u64) -> Result<Vec<String>> {
        let n = self.schema.columns.len();
        let images: Vec<_> = ["o", "n"].iter().flat_map(|side| (0..n).map(move |i| format!("{side}{i}"))).collect();
        let bits: Vec<_> = (0..n.div_ceil(BITS)).map(|i| format!("c{i}")).collect();
        // Columns without a type keep values as they are stored.
        let mut statements = vec![
            format!(
                "INSERT INTO syncline_capture VALUES ({log}, {}, {})",
                text(&self.schema.name.name),
                self.columns()?
            ),
            format!(
                "CREATE TABLE syncline_log_{log} (id INTEGER PRIMARY KEY, op TEXT NOT NULL, {}, {})",
                bits.join(", "),
                images.join(", ")
            ),
        ];
        if !self.in_the_way().is_empty() {
            let olds: Vec<_> = (0..n).map(|i| format!("o{i}")).collect();
            statements.push(format!("CREATE TABLE syncline_replaced_{log} (gone, {})", olds.join(", ")));
        }
        statements.extend(self.all(log));
        Ok(statements)
    }

    /// The triggers of a table that is captured already, once the old ones are gone.
    pub fn again(&self, log: u64) -> Result<Vec<String>> {
        let record = format!("UPDATE syncline_capture SET columns = {} WHERE log = {log}", self.columns()?);
        Ok([record].into_iter().chain(self.all(log)).collect())
    }

    fn columns(&self) -> Result<String> {
        let columns = serde_json::to_string(&recorded(self.schema, &self.kept))
            .map_err(|e| Error::new(ErrorKind::Bug, "the columns cannot be written").caused_by(e))?;
        Ok(text(&columns))
    }

    /// The triggers, those after a change last: SQLite runs the newest first, and a trigger of the application that
    /// touches the row again must not be recorded before the change that fired it.
    pub fn all(&self, log: u64) -> Vec<String> {
        let mut triggers = self.noted(log);
        triggers.extend([self.insert(log), self.update(log), self.delete(log)]);
        // What a REPLACE removed is recorded before the row that took its place.
        triggers.extend(self.replaced(log));
        triggers
    }

    /// The start of an entry of the log; the entry itself must follow at once.
    fn numbered(log: u64) -> String {
        format!("INSERT INTO syncline_outbox (log, at) VALUES ({log}, julianday('now'));")
    }

    fn insert(&self, log: u64) -> String {
        let (n, new): (Vec<_>, Vec<_>) = self.images("n", "NEW").into_iter().unzip();
        format!(
            "CREATE TRIGGER syncline_{log}_insert AFTER INSERT ON {} BEGIN {} \
             INSERT INTO syncline_log_{log} (id, op, {}) VALUES (last_insert_rowid(), 'I', {}); END",
            self.table(),
            Self::numbered(log),
            n.join(", "),
            new.join(", ")
        )
    }

    fn delete(&self, log: u64) -> String {
        let (o, old): (Vec<_>, Vec<_>) = self.images("o", "OLD").into_iter().unzip();
        format!(
            "CREATE TRIGGER syncline_{log}_delete AFTER DELETE ON {} BEGIN {} {} \
             INSERT INTO syncline_log_{log} (id, op, {}) VALUES (last_insert_rowid(), 'D', {}); END",
            self.table(),
            self.forget_replaced(log),
            Self::numbered(log),
            o.join(", "),
            old.join(", ")
        )
    }

    /// An update that changes nothing writes nothing. Which columns changed is worked out once, in the inner SELECT.
    fn update(&self, log: u64) -> String {
        let strict = self.schema.options.iter().any(|o| o == "STRICT");
        let changed: Vec<_> = self.schema.columns.iter().map(|column| changed(column, strict)).collect();
        let words: Vec<_> = (0..changed.len().div_ceil(BITS)).map(|i| format!("c{i}")).collect();
        let (mut columns, mut values, mut bits) = (words.clone(), words, Vec::new());
        for (word, conditions) in columns.clone().iter().zip(changed.chunks(BITS)) {
            let set: Vec<_> = conditions.iter().enumerate().map(|(bit, c)| format!("(({c}) << {bit})")).collect();
            bits.push(format!("{} AS {word}", set.join(" | ")));
        }
        for (i, column) in self.schema.columns.iter().enumerate() {
            let name = quoted(&column.name);
            let bit = format!("c{} & {}", i / BITS, 1u64 << (i % BITS));
            columns.push(format!("o{i}"));
            values.push(match self.kept.get(i) {
                Some(true) => format!("OLD.{name}"),
                _ => format!("iif({bit}, OLD.{name}, NULL)"),
            });
            columns.push(format!("n{i}"));
            values.push(format!("iif({bit}, NEW.{name}, NULL)"));
        }
        format!(
            "CREATE TRIGGER syncline_{log}_update AFTER UPDATE ON {} WHEN {} BEGIN {} \
             INSERT INTO syncline_log_{log} (id, op, {}) SELECT last_insert_rowid(), 'U', {} FROM (SELECT {}); END",
            self.table(),
            changed.join(" OR "),
            Self::numbered(log),
            columns.join(", "),
            values.join(", "),
            bits.join(", ")
        )
    }

    /// Per column its name in the change table and in the trigger.
    fn images(&self, side: &str, row: &str) -> Vec<(String, String)> {
        let columns = self.schema.columns.iter().enumerate();
        columns.map(|(i, c)| (format!("{side}{i}"), format!("{row}.{}", quoted(&c.name)))).collect()
    }

    /// The sets of columns that must be unique: what stands in a new row's way shares one of them. Partial indexes and
    /// those over expressions are not among them.
    fn in_the_way(&self) -> Vec<Vec<usize>> {
        let unique = self.schema.indexes.iter().filter(|i| i.unique).map(|i| i.columns.clone());
        [self.schema.key.clone()].into_iter().chain(unique).filter(|columns| !columns.is_empty()).collect()
    }

    /// Whether a row shares one of these sets with the new row, which stands first: by its columns' collations.
    fn conflict(&self, row: impl Fn(usize) -> String) -> String {
        let name = |c: &usize| self.schema.columns.get(*c).map(|c| quoted(&c.name)).unwrap_or_default();
        let same = |columns: Vec<usize>| {
            let parts: Vec<_> = columns.iter().map(|c| format!("NEW.{} = {}", name(c), row(*c))).collect();
            format!("({})", parts.join(" AND "))
        };
        self.in_the_way().into_iter().map(same).collect::<Vec<_>>().join(" OR ")
    }

    /// The columns of these sets: an update of others stands in nobody's way.
    fn unique_columns(&self) -> String {
        let mut columns: Vec<usize> = self.in_the_way().into_iter().flatten().collect();
        columns.sort_unstable();
        columns.dedup();
        let names = columns.iter().filter_map(|c| self.schema.columns.get(*c)).map(|c| quoted(&c.name));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The triggers that note which rows a `REPLACE` would remove.
    fn noted(&self, log: u64) -> Vec<String> {
        if self.in_the_way().is_empty() {
            return Vec::new();
        }
        let names: Vec<_> = self.schema.columns.iter().map(|c| quoted(&c.name)).collect();
        let olds: Vec<_> = (0..names.len()).map(|i| format!("o{i}")).collect();
        let conflict = self.conflict(|c| names.get(c).cloned().unwrap_or_default());
        let note = |event: &str, of: &str, and: &str| {
            format!(
                "CREATE TRIGGER syncline_{log}_before_{} BEFORE {event}{of} ON {} \
                 WHEN EXISTS (SELECT 1 FROM {} WHERE ({conflict}){and}) BEGIN \
                 DELETE FROM syncline_replaced_{log}; \
                 INSERT INTO syncline_replaced_{log} (gone, {}) SELECT 0, {} FROM {} WHERE ({conflict}){and}; END",
                event.to_lowercase(),
                self.table(),
                self.table(),
                olds.join(", "),
                names.join(", "),
                self.table()
            )
        };
        let key = self.schema.key.iter().filter_map(|c| self.schema.columns.get(*c));
        let is_itself: Vec<_> = key.map(|c| format!("{0} IS OLD.{0}", quoted(&c.name))).collect();
        let not_itself = match is_itself.is_empty() {
            true => String::new(),
            false => format!(" AND NOT ({})", is_itself.join(" AND ")),
        };
        vec![note("INSERT", "", ""), note("UPDATE", &format!(" OF {}", self.unique_columns()), &not_itself)]
    }

    /// The triggers that record noted rows which are gone.
    fn replaced(&self, log: u64) -> Vec<String> {
        if self.in_the_way().is_empty() {
            return Vec::new();
        }
        let olds: Vec<_> = (0..self.schema.columns.len()).map(|i| format!("o{i}")).collect();
        let images: Vec<_> = olds.iter().map(|o| format!("NEW.{o}")).collect();
        let after = |event: &str, of: &str, by_update: bool| {
            format!(
                "CREATE TRIGGER syncline_{log}_after_{} AFTER {event}{of} ON {} \
                 WHEN EXISTS (SELECT 1 FROM syncline_replaced_{log}) BEGIN {} END",
                event.to_lowercase(),
                self.table(),
                self.record_replaced(log, by_update)
            )
        };
        vec![
            format!(
                "CREATE TRIGGER syncline_{log}_replaced AFTER UPDATE ON syncline_replaced_{log} BEGIN {} \
                 INSERT INTO syncline_log_{log} (id, op, {}) VALUES (last_insert_rowid(), 'D', {}); END",
                Self::numbered(log),
                olds.join(", "),
                images.join(", ")
            ),
            after("INSERT", "", false),
            after("UPDATE", &format!(" OF {}", self.unique_columns()), true),
        ]
    }

    /// That a row has the key which a noted row had, column by column.
    fn same_key(&self, log: u64, row: &str) -> Option<String> {
        let key = self.schema.key.iter().filter_map(|c| Some((*c, self.schema.columns.get(*c)?)));
        let same = key.map(|(c, column)| format!("{row}.{} IS syncline_replaced_{log}.o{c}", quoted(&column.name)));
        let same: Vec<_> = same.collect();
        (!same.is_empty()).then(|| same.join(" AND "))
    }

    /// The rows noted before that are no longer there are recorded as deleted. The row
    /// that an update changed is not one of them, nor what an `INSERT` noted that became an `UPDATE` or nothing.
    fn record_replaced(&self, log: u64, by_update: bool) -> String {
        let conflict = self.conflict(|c| format!("syncline_replaced_{log}.o{c}"));
        let mut gone = format!("({conflict})");
        // Without a key of its own, a row that shared a unique value with the new one cannot be there any more.
        if let (Some(new), Some(kept), Some(old)) =
            (self.same_key(log, "NEW"), self.same_key(log, "kept"), self.same_key(log, "OLD"))
        {
            let table = self.table();
            gone.push_str(&format!(" AND (({new}) OR NOT EXISTS (SELECT 1 FROM {table} AS kept WHERE {kept}))"));
            if by_update {
                gone.push_str(&format!(" AND NOT ({old})"));
            }
        }
        format!("UPDATE syncline_replaced_{log} SET gone = 1 WHERE {gone}; DELETE FROM syncline_replaced_{log};")
    }

    /// Within the trigger after a delete: a row that is recorded here is not recorded as replaced too, as it would be
    /// where delete triggers fire for `REPLACE` (`PRAGMA recursive_triggers`).
    fn forget_replaced(&self, log: u64) -> String {
        let same = self.same_key(log, "OLD").filter(|_| !self.in_the_way().is_empty());
        same.map_or_else(String::new, |same| format!("DELETE FROM syncline_replaced_{log} WHERE {same};"))
    }
}

/// A literal.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Whether an update changed the column: its bytes, not what a collation makes of them, and its storage class where the
/// column keeps `1` and `1.0` apart. SQL cannot tell minus zero from zero.
fn changed(column: &Column, strict: bool) -> String {
    let name = quoted(&column.name);
    let binary = if column.collation.is_some() { " COLLATE BINARY" } else { "" };
    let mut condition = format!("OLD.{name}{binary} IS NOT NEW.{name}");
    if types::affinity(&column.native, strict) == types::Affinity::Blob {
        condition = format!("({condition} OR typeof(OLD.{name}) IS NOT typeof(NEW.{name}))");
    }
    condition
}

/// What drops the triggers of a change table.
pub fn drop_triggers(conn: &Connection, log: u64) -> Result<Vec<String>> {
    let ours = named(conn, "trigger", &format!("syncline_{log}_"))?;
    Ok(ours.iter().map(|name| format!("DROP TRIGGER {}", quoted(name))).collect())
}

/// What drops a change table with all that belongs to it.
pub fn drop_table(conn: &Connection, log: u64) -> Result<Vec<String>> {
    let mut statements = drop_triggers(conn, log)?;
    for name in [format!("syncline_log_{log}"), format!("syncline_replaced_{log}")] {
        if super::catalog::kind_of(conn, &name)?.is_some() {
            statements.push(format!("DROP TABLE {name}"));
        }
    }
    statements.push(format!("DELETE FROM syncline_capture WHERE log = {log}"));
    statements.push(format!("DELETE FROM syncline_outbox WHERE log = {log}"));
    Ok(statements)
}

/// What drops all that capture ever installed; positions of lanes that write here stay.
pub fn drop_all(conn: &Connection) -> Result<Vec<String>> {
    let triggers = named(conn, "trigger", "syncline_")?;
    let tables = named(conn, "table", "syncline_")?.into_iter().filter(|name| name != "syncline_position");
    let mut statements: Vec<_> = triggers.iter().map(|name| format!("DROP TRIGGER {}", quoted(name))).collect();
    statements.extend(tables.map(|name| format!("DROP TABLE {}", quoted(&name))));
    Ok(statements)
}

/// What is ours by its prefix (I16).
fn named(conn: &Connection, kind: &str, prefix: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY rowid";
    let mut stmt = conn.prepare(sql).map_err(|e| failed(e, "cannot read the schema"))?;
    let names = stmt.query_map([kind, prefix], |r| r.get(0));
    names.and_then(Iterator::collect).map_err(|e| failed(e, "cannot read the schema"))
}
