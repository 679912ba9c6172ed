//! Bringing capture into place, and taking it away.

use std::time::Duration;

use syncline_model::{Error, ErrorKind, Result};

use super::ddl::{self, Capturing};
use super::verify::{State, Triggers, logs, state};
use super::{incarnation, is_there, lanes, number, obstacles, records, wanted};
use crate::connect::mariadb::session::{Session, bound, text};
use crate::connect::mariadb::types::literal;
use crate::connect::mariadb::{catalog, quoted};
use crate::connector::{CaptureTable, InstallPlan, LaneId};

/// How often a definition asks for its lock. Whoever wants the table meanwhile waits behind it, so each try is short.
const TRIES: u32 = 8;

/// How long the application goes on undisturbed between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// How long one that installs waits for another.
const OTHERS_WAIT_SECONDS: u32 = 20;

/// What must run so that these tables are captured, and what stands against it.
pub async fn plan(session: &mut Session, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let mut plan = InstallPlan::default();
    let is_new = incarnation(session).await?.is_none();
    let mut next = 1;
    if is_new {
        // What half an installation left.
        plan.statements.extend(drop_all(session).await?);
        plan.statements.extend(ddl::control());
    } else if let Some(row) = session.rows("SELECT next_log FROM syncline_node").await?.first() {
        next = number(row, 0)?;
    }
    let there = if is_new { Vec::new() } else { records(session).await? };
    let names: Vec<_> = tables.iter().map(|t| t.schema.name.clone()).collect();
    let found = catalog::tables(session, &names).await?;
    let triggers = Triggers::read(session, &names).await?;
    let logs = logs(session).await?;
    let server = session.server.clone();
    for table in tables {
        let name = &*table.schema.name.name;
        let found = found.iter().find(|f| f.schema.name == table.schema.name);
        let Some(found) = obstacles::of_table(&table.schema.name, found, &mut plan) else { continue };
        let mut columns = wanted(found, table);
        let record = there.iter().find(|r| r.name == name);
        let stands = record.map(|r| (r, state(&server, r, &found.schema, &columns, triggers.of(name), &logs)));
        match stands {
            Some((_, Ok(State::InPlace))) => {}
            Some((r, Ok(State::Order))) if server.mariadb => {
                let capturing = Capturing::new(&found.schema, r.columns.clone(), &server);
                plan.statements.extend(capturing.first(r.log, triggers.of(name)));
            }
            other => {
                if let Some((r, why)) = other {
                    let why = why.err().map_or_else(String::new, |e| format!(" ({})", e.what()));
                    plan.notices.push(format!("{name} is captured anew and will be loaded again{why}"));
                    // What other lanes need is kept too.
                    for column in &mut columns {
                        column.kept |= r.columns.iter().any(|c| c.kept && c.name == column.name);
                    }
                    plan.statements.extend(drop_table(session, r.log).await?);
                }
                plan.statements
                    .extend(Capturing::new(&found.schema, columns, &server).create(next, triggers.of(name))?);
                next += 1;
            }
        }
    }
    if !plan.statements.is_empty() {
        obstacles::of_server(session, &mut plan).await?;
        // What the definitions keep for ever of the session that makes them.
        plan.statements.insert(0, format!("SET SESSION sql_mode = '{}'", ddl::MODE));
    }
    Ok(plan)
}

/// Runs the plan. Each statement stands alone on this server; what is left by one that fails or is killed is found and
/// mended by the next.
pub async fn install(session: &mut Session, tables: &[CaptureTable]) -> Result<InstallPlan> {
    one_at_a_time(session).await?;
    // Looked at under the lock: nobody else installs between the look and the statements.
    let plan = plan(session, tables).await?;
    if plan.obstacles.is_empty() {
        run(session, &plan.statements).await.map_err(|e| e.at("doing", "installing capture"))?;
    }
    Ok(plan)
}

/// Runs [`removal`].
pub async fn remove(session: &mut Session, lane: Option<&LaneId>) -> Result<Vec<String>> {
    one_at_a_time(session).await?;
    let statements = removal(session, lane).await?;
    run(session, &statements).await.map_err(|e| e.at("doing", "removing capture"))?;
    Ok(statements)
}

/// What removes a lane and what only it needed; without a lane, everything.
pub async fn removal(session: &mut Session, lane: Option<&LaneId>) -> Result<Vec<String>> {
    let others: Vec<_> = match lane {
        Some(lane) => lanes(session).await?.into_iter().filter(|l| !l.lane.is_of(lane)).collect(),
        None => Vec::new(),
    };
    if others.is_empty() {
        return drop_all(session).await;
    }
    let mut statements = Vec::new();
    for record in records(session).await? {
        if !others.iter().any(|l| l.tables.contains(&record.name)) {
            statements.extend(drop_table(session, record.log).await?);
        }
    }
    for gone in lanes(session).await?.iter().filter(|l| lane.is_some_and(|lane| l.lane.is_of(lane))) {
        statements.push(format!("DELETE FROM syncline_lane WHERE lane = {}", literal(&gone.lane.0)));
    }
    Ok(statements)
}

/// What drops a change table with all that belongs to it: first the triggers, which would fail without it.
async fn drop_table(session: &mut Session, log: u64) -> Result<Vec<String>> {
    let mut statements = triggers_named(session, &format!("syncline\\_{log}\\_%")).await?;
    if is_there(session, &format!("syncline_log_{log}")).await? {
        statements.push(format!("DROP TABLE syncline_log_{log}"));
    }
    // Its entries in the outbox mean nothing any more, and go with the others.
    statements.push(format!("DELETE FROM syncline_capture WHERE log = {log}"));
    Ok(statements)
}

/// What drops all that capture ever installed; positions of lanes that write here stay.
async fn drop_all(session: &mut Session) -> Result<Vec<String>> {
    let mut statements = triggers_named(session, "syncline\\_%").await?;
    let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
         AND (TABLE_NAME LIKE 'syncline\\_log\\_%' OR TABLE_NAME IN ('syncline_capture', 'syncline_outbox', \
         'syncline_tick', 'syncline_lane', 'syncline_node')) ORDER BY TABLE_NAME <> 'syncline_node', TABLE_NAME";
    let tables = session.rows(sql).await?;
    statements.extend(tables.iter().map(|row| format!("DROP TABLE {}", quoted(&text(row, 0)))));
    Ok(statements)
}

/// What drops the triggers that are ours by their names (I16).
async fn triggers_named(session: &mut Session, like: &str) -> Result<Vec<String>> {
    let sql = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
         AND TRIGGER_NAME LIKE ? ORDER BY TRIGGER_NAME";
    let names = session.rows_with(sql, vec![bound(like)]).await?;
    Ok(names.iter().map(|row| format!("DROP TRIGGER {}", quoted(&text(row, 0)))).collect())
}

/// Keeps others from installing or removing in this database until the session ends.
async fn one_at_a_time(session: &mut Session) -> Result<()> {
    let sql = format!("SELECT GET_LOCK(CONCAT('syncline ', MD5(DATABASE())), {OTHERS_WAIT_SECONDS})");
    match session.rows(&sql).await?.first().map(|row| text(row, 0)).as_deref() {
        Some("1") => Ok(()),
        _ => Err(Error::new(ErrorKind::Busy, "another process installs or removes capture in this database")),
    }
}

/// Runs definitions one by one.
async fn run(session: &mut Session, statements: &[String]) -> Result<()> {
    session.run("SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1").await?;
    for sql in statements {
        patiently(session, sql).await?;
    }
    Ok(())
}

/// Runs one that may have to wait for a lock on a table.
async fn patiently(session: &mut Session, sql: &str) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match session.define(sql).await {
            Err(e) if e.kind() == ErrorKind::Busy && tries < TRIES => tokio::time::sleep(BETWEEN_TRIES).await,
            Err(e) if e.kind() == ErrorKind::Busy => {
                let who = obstacles::open_transactions(session).await;
                return Err(Error::new(ErrorKind::Busy, "a table is used without a pause, and cannot be defined anew")
                    .caused_by(e)
                    .hint(format!("{who}; when they have ended, run the same command again")));
            }
            other => return other,
        }
    }
}
