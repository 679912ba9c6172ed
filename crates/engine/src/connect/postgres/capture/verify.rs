//! Whether a table is captured as it is now.

use std::collections::HashMap;

use syncline_model::{Error, ErrorKind, Result};
use tokio_postgres::Row;

use super::super::catalog::Table;
use super::super::session::{Session, failed};
use super::ddl::{Home, ORDER, SHAPE, Triggers};
use super::{Captured, Facts, Record, is_exact};

/// How a table's capture stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    InPlace,
    /// Nothing was missed, but a filter needs more than is kept.
    KeepsTooLittle,
    /// A trigger of that name would run before ours.
    Behind(String),
}

/// Bits of `pg_trigger.tgtype`.
const ROW: i16 = 1;
const BEFORE: i16 = 2;
const INSTEAD: i16 = 64;
/// After insert, delete and update of each row; after truncate.
const OURS: [(&str, i16); 2] = [("", 1 + 4 + 8 + 16), ("_truncate", 32)];

/// Looks at a captured table; `kept` is what a lane needs kept of each column.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if changes may have been missed.
pub async fn state(
    session: &Session,
    home: &Home,
    record: &Record,
    table: &Table,
    facts: &Facts,
    kept: &[bool],
) -> Result<State> {
    let differs = |what: String| Error::new(ErrorKind::Schema, what);
    if record.oid != table.oid {
        return Err(differs("the table was dropped and created again".into()));
    }
    if let Some(difference) = columns_differ(record, table, facts) {
        return Err(difference);
    }
    let cannot = |e| failed(e, "cannot look at the triggers").at("table", record.name.clone());
    let sql = "SELECT t.tgname::text, t.tgenabled::text, t.tgtype, n.nspname::text, p.proname::text, p.prosrc, p.prosecdef \
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE t.tgrelid = $1 AND NOT t.tgisinternal";
    let triggers = session.client.query(sql, &[&table.oid]).await.map_err(cannot)?;
    let columns = record.columns.clone();
    let body = Triggers::new(home, &record.schema, &record.name, facts, columns).body(record.log);
    for (suffix, class) in OURS {
        let name = format!("!syncline_{}{suffix}", record.log);
        let found = triggers.iter().find(|t| t.get::<_, String>(0) == name);
        match found.map(|t| is_ours(t, home, record.log, class, &body)) {
            Some(true) => {}
            Some(false) => return Err(differs(format!("trigger {name} was changed or switched off"))),
            None => return Err(differs(format!("trigger {name} is missing"))),
        }
    }
    // Recorded by a function that found other columns than it knows.
    let sql = format!("SELECT EXISTS (SELECT FROM {} WHERE log = {})", home.of("syncline_odd"), record.log);
    if session.client.query_one(&sql, &[]).await.map_err(cannot)?.get(0) {
        return Err(differs("the table was written while it had other columns".into()).of_columns());
    }
    let own = format!("!syncline_{}", record.log);
    let before = triggers.iter().find(|t| runs_before(t, &own));
    let keeps_enough = kept.iter().zip(&record.columns).all(|(needed, c)| c.kept || !needed);
    Ok(match before {
        Some(trigger) => State::Behind(trigger.get(0)),
        None if keeps_enough => State::InPlace,
        None => State::KeepsTooLittle,
    })
}

fn is_ours(trigger: &Row, home: &Home, log: u64, class: i16, body: &str) -> bool {
    let enabled = matches!(trigger.get::<_, &str>(1), "O" | "A");
    enabled
        && trigger.get::<_, i16>(2) == class
        && trigger.get::<_, &str>(3) == home.name
        && trigger.get::<_, &str>(4) == format!("syncline_log_{log}")
        && trigger.get::<_, &str>(5) == body
        && trigger.get::<_, bool>(6)
}

/// Whether a trigger of the application runs after each row, and before ours: the server goes by the bytes of the names.
fn runs_before(trigger: &Row, own: &str) -> bool {
    let class = trigger.get::<_, i16>(2);
    let name = trigger.get::<_, &str>(0);
    let is_after_row = class & ROW != 0 && class & (BEFORE | INSTEAD) == 0;
    is_after_row && trigger.get::<_, &str>(1) != "D" && !name.starts_with("!syncline_") && name < own
}

/// The first difference between the columns as they were captured and as they are.
fn columns_differ(record: &Record, table: &Table, facts: &Facts) -> Option<Error> {
    let now = &table.schema.columns;
    if let Some(gone) = record.columns.iter().find(|c| !now.iter().any(|n| *n.name == c.name)) {
        let what = format!("column {} is gone or renamed since capture was installed", gone.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    if let Some(new) = now.iter().find(|n| !record.columns.iter().any(|c| c.name == *n.name)) {
        let what = format!("column {} was added since capture was installed", new.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    // What it held is gone, though it is called as before.
    let numbered =
        |c: &Captured| now.iter().zip(&facts.numbers).find(|(n, _)| *n.name == c.name).map(|(_, number)| *number);
    if let Some(again) = record.columns.iter().find(|c| c.number != 0 && numbered(c).is_some_and(|n| n != c.number)) {
        let what = format!("column {} was dropped and added again since capture was installed", again.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    let other = |(c, n): &(&Captured, &syncline_model::Column)| c.name != *n.name || c.native != n.native;
    let found = record.columns.iter().zip(now).find(other)?;
    let what = format!("column {} has another type or place since capture was installed", found.1.name);
    Some(Error::new(ErrorKind::Schema, what))
}

/// What is wrong with the sequence that gives the order: two sessions that draw ahead number the changes of one row the
/// wrong way round, and so does a sequence that falls or begins again (F20, F112).
pub async fn order(session: &Session, home: &Home) -> Result<Option<&'static str>> {
    let sql = format!(
        "SELECT s.seqcache <> 1, s.seqincrement < 1 OR s.seqcycle, o.last_value < (SELECT drawn FROM {} ORDER BY tick DESC LIMIT 1) \
         FROM {} o, pg_catalog.pg_sequence s WHERE s.seqrelid = pg_catalog.to_regclass($1)",
        home.of("syncline_tick"),
        home.of(ORDER)
    );
    let row = session.client.query_one(&sql, &[&home.of(ORDER)]).await;
    let row = row.map_err(|e| failed(e, "cannot look at syncline_order"))?;
    let is = |i: usize| row.get::<_, Option<bool>>(i) == Some(true);
    Ok(match (is(0), is(1), is(2)) {
        (true, ..) => Some("sequence syncline_order was altered: sessions draw numbers ahead"),
        (_, true, _) => Some("sequence syncline_order was altered: its numbers do not rise"),
        (.., true) => Some("sequence syncline_order was altered: its numbers went back"),
        _ => None,
    })
}

/// What changes whenever somebody has changed a table or its triggers, by the table's number; under [`OF_ALL`] what all
/// have in common.
pub type Marks = HashMap<u32, String>;

/// No table has that number.
pub const OF_ALL: u32 = 0;

/// The marks of these tables, and that of all: cheap enough for every unit. A table that is gone has none.
pub async fn marks(session: &Session, home: &Home, oids: &[u32]) -> Result<Marks> {
    let sql = "SELECT oid, pg_catalog.string_agg(x, ',' ORDER BY x) FROM ( \
        SELECT c.oid, pg_catalog.concat_ws(' ', c.relname, c.relnamespace) FROM pg_catalog.pg_class c WHERE c.oid = ANY($1) \
        UNION ALL SELECT a.attrelid, pg_catalog.concat_ws(' ', a.attnum, a.xmin) FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped \
        UNION ALL SELECT t.tgrelid, pg_catalog.concat_ws(' ', t.oid, t.xmin, p.oid, p.xmin) FROM pg_catalog.pg_trigger t \
            JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = ANY($1) AND NOT t.tgisinternal \
        UNION ALL SELECT 0, pg_catalog.concat_ws(' ', c.relname, c.oid, c.relfilenode) FROM pg_catalog.pg_class c \
            WHERE c.relnamespace = $2 AND c.relname IN ('syncline_order', 'syncline_node')) s (oid, x) GROUP BY 1";
    let rows = session.client.query(sql, &[&oids, &home.oid]).await;
    let rows = rows.map_err(|e| failed(e, "cannot look whether the tables were changed"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What the catalogue says of tables, and only capture asks.
pub async fn facts(session: &Session, tables: impl Iterator<Item = &Table> + Send) -> Result<Vec<Facts>> {
    let exact = |t: &Table| {
        let columns = t.schema.columns.iter().zip(&t.kinds);
        (t.oid, columns.map(|(column, kind)| is_exact(column, *kind)).collect::<Vec<_>>())
    };
    let mut exact: HashMap<u32, Vec<bool>> = tables.map(exact).collect();
    let oids: Vec<u32> = exact.keys().copied().collect();
    let cannot = |e| failed(e, "cannot describe the tables");
    let sql = format!(
        "SELECT a.attrelid, {SHAPE}, pg_catalog.has_table_privilege(a.attrelid, 'TRIGGER'), \
         pg_catalog.array_agg(a.attnum ORDER BY a.attnum) \
         FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1"
    );
    let mut found = Vec::new();
    for row in session.client.query(&sql, &[&oids]).await.map_err(cannot)? {
        found.push(Facts {
            oid: row.get(0),
            shape: row.get::<_, Option<String>>(1).unwrap_or_default(),
            may: row.get(2),
            types: Vec::new(),
            exact: exact.remove(&row.get(0)).unwrap_or_default(),
            numbers: row.get(3),
        });
    }
    let sql = "WITH RECURSIVE base AS ( \
        SELECT a.attrelid, a.attnum, a.atttypid AS type, a.atttypmod AS modifier FROM pg_catalog.pg_attribute a \
        WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped \
        UNION ALL SELECT b.attrelid, b.attnum, t.typbasetype, CASE WHEN b.modifier < 0 THEN t.typtypmod ELSE b.modifier END \
        FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd') \
        SELECT b.attrelid, pg_catalog.format_type(b.type, b.modifier) FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type \
        WHERE t.typtype <> 'd' ORDER BY b.attrelid, b.attnum";
    for row in session.client.query(sql, &[&oids]).await.map_err(cannot)? {
        let oid: u32 = row.get(0);
        if let Some(facts) = found.iter_mut().find(|f| f.oid == oid) {
            facts.types.push(row.get(1));
        }
    }
    Ok(found)
}
