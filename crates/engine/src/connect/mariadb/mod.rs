//! MariaDB, and MySQL 8 as far as it is the same.
//!
//! The source reads in one consistent read view, so that all InnoDB tables are of one moment. The sink writes a unit as one
//! transaction of rows, position and epoch; creating a table commits on this server, so tables are created beside the
//! unit, and what was put off for them is built when the source has ended. Changes are captured by triggers.

mod apply;
mod capture;
mod catalog;
mod changes;
mod config;
mod ddl;
mod errors;
mod lanes;
mod load;
mod member;
mod net;
mod parked;
mod rights;
mod session;
mod sink;
mod source;
mod stage;
mod types;

use std::path::Path;

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{Position, Result, TableName};

use self::config::Settings;
use self::session::Session;
use crate::capture::follow::Follower;
use crate::capture::retained::Retained;
use crate::config::{ConnectionSpec, NetworkUrl};
use crate::connector::{
    Backlog, Capabilities, Capture, CaptureTable, CheckReport, Connector, Description, InstallPlan, LaneId, Parked,
    ParkedQuery, ReadSpec, Sink, Source, WritePlan, WriteSpec,
};
use crate::sync::member::Member;

/// MariaDB's name in schemas.
pub const BRAND: &str = "mariadb";

/// One database of a server.
#[derive(Debug, Clone)]
pub struct Mariadb {
    settings: Settings,
}

impl Mariadb {
    /// The database of that URL. Connects to nothing yet.
    ///
    /// # Errors
    /// [`syncline_model::ErrorKind::Config`] for a URL with a setting that is unknown, missing or wrong.
    pub fn new(spec: &ConnectionSpec, url: &NetworkUrl) -> Result<Self> {
        let home = std::env::var_os("HOME");
        Ok(Self { settings: Settings::new(spec, url, home.as_deref().map(Path::new))? })
    }

    async fn open(&self) -> Result<Session> {
        Session::open(&self.settings).await
    }
}

#[async_trait]
impl Connector for Mariadb {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            snapshot: true,
            key_order: true,
            sink: true,
            as_stored: false,
            native: None,
            transactional_ddl: false,
            side_by_side: true,
        }
    }

    async fn check(&self) -> Result<CheckReport> {
        let mut session = self.open().await?;
        let mut report = CheckReport { product: session.server.product(), ..CheckReport::default() };
        rights::findings(&mut session, &mut report.findings).await?;
        report.lanes = lanes::lanes(&mut session).await?;
        session.end().await;
        Ok(report)
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        let mut session = self.open().await?;
        let found = catalog::describe(&mut session, wanted).await;
        session.end().await;
        found
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        let mut session = self.open().await?;
        let plan = ddl::plan(&mut session, spec).await;
        session.end().await;
        plan
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        if let Some(follow) = &spec.follow {
            let captured = changes::Changes::open(&self.settings, follow).await?;
            return Ok(Box::new(Follower::open(captured, at, spec.clone(), follow).await?));
        }
        Ok(Box::new(source::snapshot(&self.settings, at, spec.clone()).await?))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        Ok(Box::new(sink::Writer::open(self.settings.clone(), spec.clone()).await?))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        let mut session = self.open().await?;
        let parked = parked::parked(&mut session, query).await;
        session.end().await;
        parked
    }

    fn capture(&self) -> Option<&dyn Capture> {
        Some(self)
    }
}

#[async_trait]
impl Capture for Mariadb {
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        let mut session = self.open().await?;
        let plan = capture::plan(&mut session, tables).await;
        session.end().await;
        plan
    }

    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        let mut session = self.open().await?;
        let installed = capture::install(&mut session, tables).await;
        session.end().await;
        installed
    }

    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        let mut session = self.open().await?;
        let plan = capture::removal(&mut session, lane).await;
        session.end().await;
        plan
    }

    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        let mut session = self.open().await?;
        let removed = capture::remove(&mut session, lane).await;
        session.end().await;
        removed
    }

    async fn node(&self) -> Result<Option<String>> {
        let mut session = self.open().await?;
        let node = capture::incarnation(&mut session).await;
        session.end().await;
        node
    }

    async fn open_member(&self) -> Result<Box<dyn Member>> {
        Ok(Box::new(member::MariadbMember::open(&self.settings).await?))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>> {
        let mut session = self.open().await?;
        let backlog = capture::backlog(&mut session).await;
        session.end().await;
        backlog
    }

    async fn retained(&self) -> Result<Retained> {
        let mut session = self.open().await?;
        let retained = capture::retained(&mut session).await;
        session.end().await;
        retained
    }
}

/// An identifier, quoted; quotes inside are doubled (F79).
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table's name as SQL; without a schema it lies in the connection's database.
fn name_of(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&name.name)),
        None => quoted(&name.name),
    }
}
