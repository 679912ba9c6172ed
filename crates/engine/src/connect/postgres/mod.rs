//! PostgreSQL 11 and later.
//!
//! The source reads in one snapshot, so that all tables are of one moment. The sink writes a unit as one transaction: DDL,
//! rows, position and epoch. Triggers do not fire and references are not checked for what the sink writes, where the
//! login may have it so: the rows already hold what the source's triggers made of them. Changes are captured by triggers
//! ([`capture`]) and read between ticks ([`changes`]).

mod apply;
mod capture;
mod cascade;
mod catalog;
mod changes;
mod config;
mod copy;
mod ddl;
mod finish;
mod member;
mod native;
mod net;
mod order;
mod parked;
mod ranges;
mod request;
mod rights;
mod session;
mod sink;
mod source;
mod stage;
mod tls;
mod types;

use std::sync::Arc;

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{ErrorKind, Position, Result};

use crate::capture::follow::Follower;
use crate::capture::retained::Retained;
use crate::config::{NetworkUrl, Secret};
use crate::connector::{
    Backlog, Capabilities, Capture, CaptureTable, CheckReport, Connector, Description, Finding, InstallPlan, LaneId,
    Level, Parked, ParkedQuery, ReadSpec, Sink, Source, WritePlan, WriteSpec,
};
use crate::sync::member::Member;
use config::Settings;
use session::{Session, failed};

/// The brand's name in schemas.
pub const BRAND: &str = "postgres";

/// One database of a server.
#[derive(Debug, Clone)]
pub struct Postgres {
    settings: Arc<Settings>,
}

impl Postgres {
    /// The database of that URL; what it leaves open comes from libpq's environment and files.
    ///
    /// # Errors
    /// [`syncline_model::ErrorKind::Config`] for settings that are unknown or wrong.
    pub fn new(url: &NetworkUrl, password: Option<&Secret>) -> Result<Self> {
        Ok(Self { settings: Arc::new(Settings::new(url, password)?) })
    }

    async fn session(&self) -> Result<Session> {
        session::open(&self.settings).await
    }

    /// Which database this is, by whatever name or address it was reached.
    async fn identity(&self, session: &Session) -> Result<String> {
        let cannot = |e| failed(e, "cannot ask which database this is");
        let database = "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
        let database: u32 = session.client.query_one(database, &[]).await.map_err(cannot)?.get(0);
        // Some hosts keep it to themselves.
        let system = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
        match session.client.query_one(system, &[]).await {
            Ok(row) => Ok(format!("postgres:{}/{database}", row.get::<_, String>(0))),
            Err(_) => {
                let place =
                    "SELECT pg_catalog.host(pg_catalog.inet_server_addr()) || ':' || pg_catalog.inet_server_port()";
                let place: Option<String> = session.client.query_one(place, &[]).await.map_err(cannot)?.get(0);
                Ok(format!("postgres:{}/{database}", place.unwrap_or_else(|| self.settings.place())))
            }
        }
    }
}

#[async_trait]
impl Connector for Postgres {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            snapshot: true,
            key_order: true,
            sink: true,
            native: Some(native::FORM),
            transactional_ddl: true,
            side_by_side: true,
            ..Capabilities::default()
        }
    }

    async fn check(&self) -> Result<CheckReport> {
        let session = self.session().await?;
        let mut report = CheckReport { product: session.version_text.clone(), ..CheckReport::default() };
        rights::findings(&session, &self.settings, &mut report.findings).await?;
        match sink::lanes(&session).await {
            Ok(lanes) => report.lanes = lanes,
            Err(e) => report.findings.push(Finding {
                code: "postgres.lanes",
                level: Level::Warning,
                text: e.to_string(),
                advice: Some(e.advice().to_owned()),
            }),
        }
        Ok(report)
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        let session = self.session().await?;
        let found = catalog::describe(&session, wanted).await?;
        Ok(Description { identity: self.identity(&session).await?, ..found })
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        let session = self.session().await?;
        let plan = ddl::plan(&session, spec).await?;
        Ok(WritePlan { identity: self.identity(&session).await?, ..plan })
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        if let Some(follow) = &spec.follow {
            let captured = changes::Changes::open(self, follow).await?;
            return Ok(Box::new(Follower::open(captured, at, spec.clone(), follow).await?));
        }
        Ok(Box::new(source::snapshot(self.session().await?, &self.settings, at, spec.clone()).await?))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::Writer::open(self.session().await?, spec.clone()).await?))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        parked::parked(&self.session().await?, query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        Some(self)
    }
}

#[async_trait]
impl Capture for Postgres {
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        capture::plan(&self.session().await?, tables).await
    }

    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        capture::install(&self.session().await?, tables).await
    }

    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        capture::removal(&self.session().await?, lane).await
    }

    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        capture::remove(&self.session().await?, lane).await
    }

    async fn node(&self) -> Result<Option<String>> {
        let session = self.session().await?;
        // Where it could be installed nowhere, nothing is.
        let home = match capture::home(&session).await {
            Err(e) if e.kind() == ErrorKind::Schema => return Ok(None),
            home => home?,
        };
        Ok(capture::node(&session, &home).await?.map(|node| node.incarnation))
    }

    async fn open_member(&self) -> Result<Box<dyn Member>> {
        Ok(Box::new(member::PostgresMember::open(self).await?))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>> {
        capture::backlog(&self.session().await?).await
    }

    async fn retained(&self) -> Result<Retained> {
        capture::retained(&self.session().await?).await
    }
}

/// An identifier, quoted; quotes inside are doubled (F79).
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}
