//! What is installed in a PostgreSQL database so that its changes are found (I16).
//!
//! Per captured table: a change table `syncline_log_<n>` with values of the very types of the table's own, old and new,
//! and a trigger function that writes to it in the application's own transaction. One sequence gives the order over all
//! tables; each entry has its transaction's number, by which ticks know what was committed (F16, F17).

pub mod ddl;
mod install;
mod verify;

use serde::{Deserialize, Serialize};
use syncline_model::{Column, Error, ErrorKind, LogicalType, Result, TableName};

use super::catalog::{self, Table};
use super::session::{Session, failed};
use super::types::Kind;
use crate::connector::{Backlog, CaptureTable, InstallPlan, LaneId};
use ddl::Home;
pub use install::{install, plan, removal, remove};
use verify::State;
pub use verify::{Marks, OF_ALL, marks, order};

/// A column of a captured table, as it was when capture was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    pub name: String,
    /// As declared.
    pub native: String,
    /// Whether its values may be long. Those that are not travel together, in one value of a row type.
    pub long: bool,
    /// Whether an update keeps its old value even if it did not change. Always so unless it may be long.
    pub kept: bool,
    /// Its number in the catalogue, which none that comes later has; 0 where that was not asked for.
    #[serde(default)]
    pub number: i16,
}

/// A captured table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of its change table.
    pub log: u64,
    /// The table.
    pub schema: String,
    pub name: String,
    /// Its number in the catalogue when capture was installed.
    pub oid: u32,
    pub columns: Vec<Captured>,
}

/// What the catalogue says of a table, and only capture asks.
#[derive(Debug, Clone)]
pub struct Facts {
    pub oid: u32,
    /// Its columns in one text.
    pub shape: String,
    /// Whether the login may create triggers.
    pub may: bool,
    /// Per column its type, without domains.
    pub types: Vec<String>,
    /// Per column whether its type's equality is that of bytes.
    pub exact: Vec<bool>,
    /// Per column its number in the catalogue.
    pub numbers: Vec<i16>,
}

/// What is said once of all captured tables.
#[derive(Debug, Clone)]
pub struct Node {
    /// Drawn at random when capture was installed.
    pub incarnation: String,
    /// The last number that a change table got: none is used twice.
    pub logs: u64,
}

/// Where everything of ours is, or would be.
pub async fn home(session: &Session) -> Result<Home> {
    let name = catalog::default_schema(session).await?.ok_or_else(|| {
        Error::new(ErrorKind::Schema, "no schema of the search path exists, so capture can be installed nowhere")
            .hint("CREATE SCHEMA public")
    })?;
    let cannot = |e| failed(e, "cannot look at the default schema");
    let sql = "SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let oid = session.client.query_one(sql, &[&name]).await.map_err(cannot)?.get(0);
    // What ALTER DEFAULT PRIVILEGES gives away would be a way to write to the change tables.
    let sql = "SELECT DISTINCT pg_catalog.quote_ident(r.rolname) FROM pg_catalog.pg_default_acl d, \
        pg_catalog.aclexplode(d.defaclacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee \
        WHERE d.defaclrole = current_user::regrole AND r.rolname <> current_user ORDER BY 1";
    let others = session.client.query(sql, &[]).await.map_err(cannot)?.iter().map(|row| row.get(0)).collect();
    Ok(Home { name, oid, others })
}

async fn is_there(session: &Session, name: &str) -> Result<bool> {
    let row = session.client.query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&name]).await;
    Ok(row.map_err(|e| failed(e, "cannot look for Syncline's tables"))?.get(0))
}

/// What was installed here, if anything was.
pub async fn node(session: &Session, home: &Home) -> Result<Option<Node>> {
    let table = home.of("syncline_node");
    if !is_there(session, &table).await? {
        return Ok(None);
    }
    let row = session.client.query_opt(&format!("SELECT incarnation, logs FROM {table}"), &[]).await;
    let row = row.map_err(|e| failed(e, "cannot read syncline_node").hint("the login that installed capture may"))?;
    Ok(row.map(|row| Node { incarnation: row.get(0), logs: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0) }))
}

/// The tables that are captured, by number; none if nothing was ever installed.
pub async fn records(session: &Session, home: &Home) -> Result<Vec<Record>> {
    let table = home.of("syncline_capture");
    if !is_there(session, &table).await? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT log, schema, name, oid, columns FROM {table} ORDER BY log");
    let rows = session.client.query(&sql, &[]).await.map_err(|e| failed(e, "cannot read syncline_capture"))?;
    let record = |row: &tokio_postgres::Row| {
        let (schema, name): (String, String) = (row.get(1), row.get(2));
        let columns = serde_json::from_str(row.get(4)).map_err(|_| {
            Error::new(ErrorKind::Corrupt, "syncline_capture.columns is no list of columns").at("table", name.clone())
        })?;
        Ok(Record { log: u64::try_from(row.get::<_, i64>(0)).unwrap_or(0), schema, name, oid: row.get(3), columns })
    };
    rows.iter().map(record).collect()
}

/// A lane that reads here.
pub struct Lane {
    pub lane: LaneId,
    /// What it has confirmed.
    pub tick: u64,
    /// The numbers of the change tables that it reads.
    pub logs: Vec<u64>,
}

/// The lanes that read here.
pub async fn lanes(session: &Session, home: &Home) -> Result<Vec<Lane>> {
    let table = home.of("syncline_lane");
    if !is_there(session, &table).await? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT lane, tick, tables FROM {table} ORDER BY lane");
    let rows = session.client.query(&sql, &[]).await.map_err(|e| failed(e, "cannot read syncline_lane"))?;
    let lane = |row: &tokio_postgres::Row| Lane {
        lane: LaneId(row.get(0)),
        tick: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0),
        logs: serde_json::from_str(row.get(2)).unwrap_or_default(),
    };
    Ok(rows.iter().map(lane).collect())
}

/// What waits for each lane.
pub async fn backlog(session: &Session) -> Result<Vec<Backlog>> {
    let home = home(session).await?;
    let logs: Vec<u64> = records(session, &home).await?.iter().map(|r| r.log).collect();
    let mut waiting = Vec::new();
    for lane in lanes(session, &home).await? {
        let after = format!(
            "FROM {} t WHERE t.tick = {} AND NOT pg_catalog.pg_visible_in_snapshot(l.xid, t.snapshot)",
            home.of("syncline_tick"),
            lane.tick
        );
        let each =
            logs.iter().map(|log| format!("SELECT l.at FROM {} l WHERE EXISTS (SELECT {after})", home.log(*log)));
        let each: Vec<_> = each.collect();
        let (mut changes, mut age_s) = (0, None);
        if !each.is_empty() {
            let sql = format!(
                "SELECT count(*), (extract(epoch FROM pg_catalog.clock_timestamp() - min(at)))::float8 FROM ({}) w",
                each.join(" UNION ALL ")
            );
            let row = session.client.query_one(&sql, &[]).await.map_err(|e| failed(e, "cannot count what waits"))?;
            (changes, age_s) = (u64::try_from(row.get::<_, i64>(0)).unwrap_or(0), row.get(1));
        }
        waiting.push(Backlog { lane: lane.lane, changes, age_s });
    }
    Ok(waiting)
}

/// Whether an update that leaves the column alone leaves it out: it may be long.
fn may_be_long(column: &Column, kind: Option<Kind>) -> bool {
    match kind {
        Some(Kind::Other) | None => !matches!(column.logical, LogicalType::Interval),
        _ => matches!(
            column.logical,
            LogicalType::Text { chars_max: None } | LogicalType::Bytes { bytes_max: None } | LogicalType::Json
        ),
    }
}

/// Per column of the table as it is, whether this lane needs its old value even if an update does not change it: key,
/// what a filter looks at, and what is short anyway.
fn kept(there: &Table, table: &CaptureTable) -> Vec<bool> {
    let schema = &there.schema;
    let is_key = |name: &str| table.schema.key_columns().any(|k| &*k.name == name);
    let long = |i: usize, c: &Column| may_be_long(c, there.kinds.get(i).copied());
    let columns = schema.columns.iter().enumerate();
    columns.map(|(i, c)| table.whole || schema.key.contains(&i) || is_key(&c.name) || !long(i, c)).collect()
}

/// Whether values that are equal to the server are the same to the byte. Not so `1.0` and `1.00`, `-0` and `0`, one day and
/// 24 hours, nor texts under a collation for which different ones are equal.
fn is_exact(column: &Column, kind: Kind) -> bool {
    match kind {
        Kind::Text(_) => column.collation.is_none(),
        Kind::Bool | Kind::Int(_) | Kind::Oid | Kind::Name | Kind::Bytea | Kind::Uuid | Kind::Enum => true,
        Kind::Date | Kind::Time(_) | Kind::Timestamp(_) | Kind::TimestampTz(_) => true,
        _ => false,
    }
}

/// The columns of a table as they are recorded.
fn recorded(there: &Table, facts: &Facts, kept: &[bool]) -> Vec<Captured> {
    let columns = there.schema.columns.iter().enumerate().zip(kept);
    let one = |((i, c), kept): ((usize, &Column), &bool)| Captured {
        name: c.name.to_string(),
        native: c.native.clone(),
        long: may_be_long(c, there.kinds.get(i).copied()),
        kept: *kept,
        number: facts.numbers.get(i).copied().unwrap_or_default(),
    };
    columns.map(one).collect()
}

/// The record of a table as it is.
fn record_of<'r>(records: &'r [Record], table: &Table) -> Option<&'r Record> {
    records.iter().find(|r| r.schema == table.namespace && *r.name == *table.schema.name.name)
}

/// A captured table that a lane reads, as it is.
pub struct Verified {
    pub record: Record,
    /// How its columns travel.
    pub kinds: Vec<Kind>,
}

/// Whether the tables that a lane reads are captured as they are now, and by which change tables.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if one is not.
pub async fn verified(session: &Session, home: &Home, tables: &[CaptureTable]) -> Result<Vec<Verified>> {
    let records = records(session, home).await?;
    let names: Vec<TableName> = tables.iter().map(|t| t.schema.name.clone()).collect();
    let there = catalog::tables(session, &names).await?;
    let facts = verify::facts(session, there.values()).await?;
    let located = |table: &CaptureTable, e: Error| {
        e.at("table", table.schema.name.to_string())
            .hint("`syncline install` brings it into place; a table that is captured anew is loaded again")
    };
    let order = order(session, home).await?;
    let missing = |table: &CaptureTable, what: String| located(table, Error::new(ErrorKind::Schema, what));
    let mut found = Vec::with_capacity(tables.len());
    for wanted in tables {
        if let Some(what) = order {
            return Err(missing(wanted, what.into()));
        }
        let table = there.get(&wanted.schema.name);
        let table = table.ok_or_else(|| missing(wanted, "the table is no longer there".into()))?;
        let record = record_of(&records, table).zip(facts.iter().find(|f| f.oid == table.oid));
        let (record, facts) = record.ok_or_else(|| missing(wanted, "the table's changes are not captured".into()))?;
        match verify::state(session, home, record, table, facts, &kept(table, wanted)).await {
            Ok(State::InPlace) => found.push(Verified { record: record.clone(), kinds: table.kinds.clone() }),
            Ok(State::KeepsTooLittle) => return Err(missing(wanted, "a filter needs more than is kept".into())),
            Ok(State::Behind(trigger)) => return Err(missing(wanted, behind(&trigger))),
            Err(e) if e.kind() == ErrorKind::Schema => return Err(located(wanted, e)),
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

fn behind(trigger: &str) -> String {
    format!(
        "trigger {trigger} would run before Syncline's, and what it changes would be recorded before what fired it; \
         give it a name that begins with a letter"
    )
}

/// Everything of a plan that needs no table.
async fn begun(session: &Session, home: &Home, plan: &mut InstallPlan) -> Result<Node> {
    if session.version < 130_000 {
        plan.obstacles.push(format!(
            "the server is {}; capture by triggers needs PostgreSQL 13 or later, whose transactions have numbers that never come twice",
            session.version_text
        ));
    }
    let standby = session.client.query_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await;
    if standby.map_err(|e| failed(e, "cannot look at the server"))?.get(0) {
        plan.obstacles.push("the server is a standby; capture is installed at the primary server".into());
    }
    let node = node(session, home).await?;
    if node.is_none() {
        plan.statements.extend(home.control());
    }
    Ok(node.unwrap_or(Node { incarnation: String::new(), logs: 0 }))
}

/// The right that misses to install anything at all.
async fn may_not_create(session: &Session, home: &Home) -> Result<Option<String>> {
    let sql = "SELECT pg_catalog.has_schema_privilege($1::oid, 'CREATE'), pg_catalog.quote_ident(current_user)";
    let row = session.client.query_one(sql, &[&home.oid]).await;
    let row = row.map_err(|e| failed(e, "cannot look at the login's rights"))?;
    let user: String = row.get(1);
    let schema = super::quoted(&home.name);
    Ok((!row.get::<_, bool>(0)).then(|| {
        format!("the login may not create anything in schema {}; GRANT CREATE ON SCHEMA {schema} TO {user}", home.name)
    }))
}
