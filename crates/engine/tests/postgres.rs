//! What only PostgreSQL has: its types, its structures, its ways to say no.

mod access;
mod changes;
mod loads;
mod losses;
mod ranges;
mod structure;
mod values;

use std::sync::Arc;

use syncline::connector::Connector;

use crate::support::place_postgres::connector_of;
use crate::support::servers::Database;

fn connector(database: &Database) -> Arc<dyn Connector> {
    Arc::new(connector_of(&database.url()))
}
