//! The only list of connectors.

use std::sync::Arc;

use syncline_model::{Error, ErrorKind, Result};

use crate::config::{ConnectionSpec, ConnectionUrl, Scheme};
use crate::connect::mariadb::Mariadb;
use crate::connect::memory::Memory;
use crate::connect::postgres::Postgres;
use crate::connect::sqlite::Sqlite;
use crate::connector::Connector;
use crate::job::Endpoint;
use crate::wrap::retry::{Patience, Retry};
use crate::wrap::trace::Trace;

/// The connector of a connection, with the decorators that every command wants.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a system that has no connector yet.
pub fn open(spec: &ConnectionSpec) -> Result<Endpoint> {
    let bare: Arc<dyn Connector> = match &spec.url {
        ConnectionUrl::Sqlite(path) => Arc::new(Sqlite::new(path)),
        ConnectionUrl::Memory(name) => Arc::new(Memory::named(name)),
        ConnectionUrl::Network(url) if url.scheme == Scheme::Postgres => {
            Arc::new(Postgres::new(url, spec.password.as_ref()).map_err(|e| e.at("connection", &*spec.name))?)
        }
        ConnectionUrl::Network(url) if matches!(url.scheme, Scheme::Mariadb | Scheme::Mysql) => {
            Arc::new(Mariadb::new(spec, url)?)
        }
        ConnectionUrl::Network(url) => {
            return Err(Error::new(ErrorKind::Unsupported, format!("there is no connector for {} yet", url.scheme))
                .at("connection", &*spec.name)
                .hint("this version connects SQLite (`sqlite:PATH`), PostgreSQL and MariaDB (`postgres://USER@HOST/DATABASE`)"));
        }
    };
    let patient = Arc::new(Retry::new(bare, Patience::default()));
    Ok(Endpoint { name: spec.name.clone(), connector: Arc::new(Trace::new(patient, &spec.name)) })
}
