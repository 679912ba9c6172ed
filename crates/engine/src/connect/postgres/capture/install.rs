//! Bringing capture into place, and removing it.

use std::time::Duration;

use syncline_model::{ErrorKind, Result, TableName};

use super::super::catalog::{self, Table};
use super::super::quoted;
use super::super::session::{Session, failed};
use super::ddl::{self, COLUMNS_MAX, Home, Triggers};
use super::verify::{self, State};
use super::{Facts, Record, begun, behind, home, is_there, kept, lanes, may_not_create, record_of, recorded, records};
use crate::connector::{CaptureTable, InstallPlan, LaneId};

/// Serialises those who install.
const INSTALL_LOCK: i64 = 0x5359_4e43_0001;

/// How long the application may wait behind an installation that itself waits for a lock.
const LOCK_WAIT: &str = "SET LOCAL lock_timeout = '1s'";

/// How often a lock is asked for, and the pause between, in which whoever waited goes on.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(500);

/// What must run so that these tables are captured, and what stands against it.
pub async fn plan(session: &Session, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let mut plan = InstallPlan::default();
    let home = home(session).await?;
    let node = begun(session, &home, &mut plan).await?;
    let mut next = node.logs + 1;
    let mut records = records(session, &home).await?;
    let order = if node.incarnation.is_empty() { None } else { verify::order(session, &home).await? };
    if let Some(what) = order {
        plan.notices.push(format!("{what}; all tables are captured anew and will be loaded again"));
        plan.statements.extend(records.drain(..).flat_map(|r| ddl::drop_table(&home, r.log)));
        plan.statements.extend(ddl::mend_order(&home));
    }
    let names: Vec<TableName> = tables.iter().map(|t| t.schema.name.clone()).collect();
    let there = catalog::tables(session, &names).await?;
    let facts = verify::facts(session, there.values()).await?;
    // The trigger of a table that was renamed went along with it, and would record for nobody.
    for record in &records {
        let name = format!("{}.{}", quoted(&record.schema), quoted(&record.name));
        if !is_there(session, &name).await? {
            plan.notices.push(format!("{} is gone or renamed, and no longer captured", record.name));
            plan.statements.extend(ddl::drop_table(&home, record.log));
        }
    }
    for wanted in tables {
        let name = &wanted.schema.name;
        let Some(table) = there.get(name).filter(|t| catalog::what_it_is(&t.relkind).is_none()) else {
            plan.obstacles.push(format!("{name} is not a table; only tables have triggers"));
            continue;
        };
        let Some(facts) = facts.iter().find(|f| f.oid == table.oid) else {
            plan.obstacles.push(format!("{name} has no columns"));
            continue;
        };
        one(session, &home, &mut plan, &mut next, wanted, table, facts, record_of(&records, table)).await?;
    }
    if !plan.statements.is_empty() {
        plan.obstacles.extend(may_not_create(session, &home).await?);
    }
    Ok(plan)
}

/// What one table needs.
#[allow(clippy::too_many_arguments)]
async fn one(
    session: &Session,
    home: &Home,
    plan: &mut InstallPlan,
    next: &mut u64,
    wanted: &CaptureTable,
    table: &Table,
    facts: &Facts,
    record: Option<&Record>,
) -> Result<()> {
    let name = &wanted.schema.name;
    let mut kept = kept(table, wanted);
    let state = match record {
        Some(record) => Some((record, verify::state(session, home, record, table, facts, &kept).await)),
        None => None,
    };
    let triggers = |kept: &[bool]| {
        Triggers::new(home, &table.namespace, &table.schema.name.name, facts, recorded(table, facts, kept))
    };
    match state {
        Some((_, Ok(State::InPlace))) => return Ok(()),
        Some((_, Ok(State::Behind(trigger)))) => {
            plan.obstacles.push(format!("{name}: {}", behind(&trigger)));
            return Ok(());
        }
        Some((record, Ok(State::KeepsTooLittle))) => {
            // What other lanes need is kept too.
            kept.iter_mut().zip(&record.columns).for_each(|(kept, c)| *kept |= c.kept);
            plan.statements.extend(triggers(&kept).again(record.log));
            return Ok(());
        }
        Some((_, Err(e))) if e.kind() != ErrorKind::Schema => return Err(e),
        Some((record, Err(e))) => {
            plan.notices.push(format!("{name} is captured anew and will be loaded again ({})", e.what()));
            plan.statements.extend(ddl::drop_table(home, record.log));
        }
        None => {}
    }
    plan.obstacles.extend(obstacles(session, table, facts).await?);
    if table.relkind == "p" {
        plan.notices.push(format!(
            "{name}: rows that come or go with ATTACH or DETACH PARTITION, or with TRUNCATE of one partition, are not seen"
        ));
    }
    plan.statements.extend(triggers(&kept).create(*next));
    *next += 1;
    Ok(())
}

/// What stands against capturing one table.
async fn obstacles(session: &Session, table: &Table, facts: &Facts) -> Result<Vec<String>> {
    let name = &table.schema.name;
    let columns = table.schema.columns.len();
    let mut found = Vec::new();
    if !facts.may {
        let cannot = |e| failed(e, "cannot look at the login's rights");
        let user =
            session.client.query_one("SELECT pg_catalog.quote_ident(current_user)", &[]).await.map_err(cannot)?;
        found.push(format!(
            "the login may not create triggers on {name}; GRANT TRIGGER ON {} TO {}",
            table.sql(),
            user.get::<_, String>(0)
        ));
    }
    if columns > COLUMNS_MAX {
        found.push(format!(
            "{name} has {columns} columns; capture keeps the old and the new row side by side, which PostgreSQL has no room for"
        ));
    }
    // Not yet ours, so that any name before ours is in the way.
    let own = "SELECT t.tgname::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal \
        AND t.tgtype & 67 = 1 AND t.tgname::text COLLATE \"C\" < '!syncline_' LIMIT 1";
    let cannot = |e| failed(e, "cannot look at the triggers").at("table", name.to_string());
    let before = session.client.query_opt(own, &[&table.oid]).await.map_err(cannot)?;
    found.extend(before.map(|row| format!("{name}: {}", behind(row.get(0)))));
    Ok(found)
}

/// Runs the plan in one transaction. The application never waits longer than a second for it (F113): who does not get a
/// lock by then lets go of all of them, and tries again later.
pub async fn install(session: &Session, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let mut tries = 1;
    loop {
        let installed = match begin(session).await {
            Ok(()) => run(session, tables).await,
            Err(e) => Err(e),
        };
        match ended(session, installed).await {
            Err(e) if e.kind() == ErrorKind::Busy => {
                let names: Vec<String> = tables.iter().map(|t| super::super::ddl::table_sql(&t.schema.name)).collect();
                let who = blocker(session, &names).await;
                if tries == LOCK_TRIES {
                    return Err(match who {
                        Some(who) => e
                            .given_up()
                            .hint(format!("{who} holds a table; run the same command again when it has ended")),
                        None => e,
                    });
                }
                tracing::info!(blocker = who, "a table is locked; trying again");
                tries += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn begin(session: &Session) -> Result<()> {
    let sql = format!("BEGIN; {LOCK_WAIT}; SELECT pg_catalog.pg_advisory_xact_lock({INSTALL_LOCK})");
    session.client.batch_execute(&sql).await.map_err(|e| failed(e, "cannot begin to install capture"))
}

/// Ends the transaction as the work in it went.
async fn ended<T>(session: &Session, done: Result<T>) -> Result<T> {
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.client.batch_execute(end).await.map_err(|e| failed(e, "cannot end the installation"));
    let done = done?;
    ended.map(|()| done)
}

async fn run(session: &Session, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let plan = plan(session, tables).await?;
    if plan.obstacles.is_empty() {
        for sql in &plan.statements {
            session.client.batch_execute(sql).await.map_err(|e| failed(e, "cannot install capture"))?;
        }
    }
    Ok(plan)
}

/// Who holds one of these tables so that no trigger can be created, without what it runs (I15).
async fn blocker(session: &Session, tables: &[String]) -> Option<String> {
    let sql = "SELECT s.pid, s.usename::text, s.application_name, \
            extract(epoch FROM pg_catalog.clock_timestamp() - s.xact_start)::bigint \
        FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity s ON s.pid = l.pid \
        WHERE l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
            AND l.relation = ANY(SELECT pg_catalog.to_regclass(t)::oid FROM pg_catalog.unnest($1::text[]) t) \
            AND l.pid <> pg_catalog.pg_backend_pid() AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') \
        ORDER BY s.xact_start LIMIT 1";
    let row = session.client.query_opt(sql, &[&tables]).await.ok()??;
    let (pid, user): (i32, Option<String>) = (row.get(0), row.get(1));
    let (program, since): (Option<String>, Option<i64>) = (row.get(2), row.get(3));
    let program = program.filter(|p| !p.is_empty()).map(|p| format!(" ({p})")).unwrap_or_default();
    let since = since.map(|s| format!(", for {s} s")).unwrap_or_default();
    Some(format!("process {pid} of user {}{program}{since}", user.unwrap_or_default()))
}

/// What removes a lane and what only it needed; without a lane, everything.
pub async fn removal(session: &Session, lane: Option<&LaneId>) -> Result<Vec<String>> {
    let home = home(session).await?;
    let others = match lane {
        Some(lane) => lanes(session, &home).await?.into_iter().filter(|l| !l.lane.is_of(lane)).collect(),
        None => Vec::new(),
    };
    if others.is_empty() {
        return everything(session, &home).await;
    }
    let mut statements = Vec::new();
    for record in records(session, &home).await? {
        if !others.iter().any(|l| l.logs.contains(&record.log)) {
            statements.extend(ddl::drop_table(&home, record.log));
        }
    }
    for gone in lanes(session, &home).await?.iter().filter(|l| lane.is_some_and(|lane| l.lane.is_of(lane))) {
        let gone = super::super::literal(&gone.lane.0);
        statements.push(format!("DELETE FROM {} WHERE lane = {gone}", home.of("syncline_lane")));
    }
    Ok(statements)
}

/// Everything of ours in the default schema, by its prefix (I16); positions of lanes that write here stay.
async fn everything(session: &Session, home: &Home) -> Result<Vec<String>> {
    if !is_there(session, &home.of("syncline_node")).await? {
        return Ok(Vec::new());
    }
    let cannot = |e| failed(e, "cannot look for what is installed");
    let sql = "SELECT proname::text FROM pg_catalog.pg_proc WHERE pronamespace = $1 AND proname ~ '^syncline_log_[0-9]+$' \
        AND prorettype = 'pg_catalog.trigger'::regtype ORDER BY 1";
    let functions = session.client.query(sql, &[&home.oid]).await.map_err(cannot)?;
    let mut statements: Vec<String> =
        functions.iter().map(|f| format!("DROP FUNCTION {}() CASCADE", home.of(f.get(0)))).collect();
    let sql = "SELECT relname::text, relkind::text FROM pg_catalog.pg_class WHERE relnamespace = $1 AND relkind IN ('r', 'S', 'c') \
        AND (relname ~ '^syncline_(log|row)_[0-9]+$' OR relname = ANY($2)) \
        ORDER BY relkind <> 'r', relname";
    let names: Vec<&str> = ddl::CONTROL.into_iter().chain([ddl::ORDER]).collect();
    for row in session.client.query(sql, &[&home.oid, &names]).await.map_err(cannot)? {
        let kind = match row.get(1) {
            "S" => "SEQUENCE",
            "c" => "TYPE",
            _ => "TABLE",
        };
        statements.push(format!("DROP {kind} {}", home.of(&quoted(row.get(0)))));
    }
    Ok(statements)
}

/// Runs [`removal`] in one transaction.
pub async fn remove(session: &Session, lane: Option<&LaneId>) -> Result<Vec<String>> {
    let mut tries = 1;
    loop {
        let removed = async {
            begin(session).await?;
            let statements = removal(session, lane).await?;
            for sql in &statements {
                session.client.batch_execute(sql).await.map_err(|e| failed(e, "cannot remove capture"))?;
            }
            Ok(statements)
        };
        match ended(session, removed.await).await {
            Err(e) if e.kind() == ErrorKind::Busy && tries < LOCK_TRIES => {
                tries += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            other => return other,
        }
    }
}
