//! Several connections that see one moment.
//!
//! Two read views that are opened one after the other differ by what was committed in between. So nobody may commit while
//! all begin, for the sake of a session that ends with that. `FLUSH TABLES WITH READ LOCK` holds up every writer of the
//! server, but on MariaDB it waits for running statements alone, not for open transactions or readers. It needs a right
//! that few logins have; without it, and on MySQL, where it waits for readers and makes others wait for them, the tables
//! that several connections read are locked: `LOCK TABLES` waits for transactions that have written to them, and one that
//! wants a second of these tables meanwhile may be told of a deadlock.

use std::time::Duration;

use futures_util::future::try_join_all;
use syncline_model::{Error, ErrorKind, Result, TableName};

use crate::connect::mariadb::config::Settings;
use crate::connect::mariadb::name_of;
use crate::connect::mariadb::session::Session;

/// Every SELECT of a transaction sees what its beginning saw.
const LEVEL: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// Opens a read view: from here on the connection sees this moment.
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Longest that writers wait for connections to begin.
const HELD_MAX: Duration = Duration::from_secs(2);

/// One connection at a moment of its own.
pub async fn alone(mut session: Session) -> Result<Vec<Session>> {
    session.run(LEVEL).await?;
    session.run(BEGIN).await?;
    Ok(vec![session])
}

/// Several connections at one moment, for these tables; one where the server has no room, no right or no lock for us.
pub async fn together(first: Session, settings: &Settings, tables: &[&TableName]) -> Result<Vec<Session>> {
    let mut sessions = vec![first];
    match at_once(&mut sessions, settings, tables).await {
        Ok(()) => {
            tracing::info!(connections = sessions.len(), tables = tables.len(), "large tables are read in ranges");
            return Ok(sessions);
        }
        Err(e) => tracing::warn!(error = %e, "large tables are read by one connection"),
    }
    // One of them may still wait for an answer.
    tokio::spawn(async move {
        for session in sessions {
            session.end().await;
        }
    });
    alone(Session::open(settings).await?).await
}

/// Begins on all of them, or fails; then they are at any moment.
async fn at_once(sessions: &mut Vec<Session>, settings: &Settings, tables: &[&TableName]) -> Result<()> {
    let mut holder = Session::open(settings).await?;
    while sessions.len() < settings.connections {
        match Session::open(settings).await {
            Ok(session) => sessions.push(session),
            Err(e) if e.kind() == ErrorKind::Busy && sessions.len() > 1 => break,
            Err(e) => return Err(e),
        }
    }
    try_join_all(sessions.iter_mut().map(|session| session.run(LEVEL))).await?;
    // Should the way to us be lost meanwhile, the server ends the session, and the lock with it.
    holder.run("SET SESSION lock_wait_timeout = 1, wait_timeout = 10").await?;
    hold(&mut holder, tables).await?;
    let begun = tokio::time::timeout(HELD_MAX, try_join_all(sessions.iter_mut().map(|s| s.run(BEGIN)))).await;
    // Only who still has the lock now has had it all the time.
    let held = holder.run("UNLOCK TABLES").await;
    holder.end().await;
    match begun {
        Ok(begun) => begun.map(drop).and(held),
        Err(_) => Err(Error::new(ErrorKind::Busy, "the connections did not begin in time")),
    }
}

/// Takes the lock under which nobody commits into these tables.
async fn hold(holder: &mut Session, tables: &[&TableName]) -> Result<()> {
    if holder.server.mariadb {
        match holder.run("FLUSH TABLES WITH READ LOCK").await {
            Err(e) if e.kind() == ErrorKind::Denied => {}
            held => return held,
        }
    }
    let locks: Vec<String> = tables.iter().map(|table| format!("{} READ", name_of(table))).collect();
    holder.run(&format!("LOCK TABLES {}", locks.join(", "))).await
}
