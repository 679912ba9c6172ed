//! Where the server is and how to log in.

use std::time::Duration;

use syncline_model::Result;

use crate::config::{NetworkUrl, Secret};

/// Everything that a login needs.
#[derive(Clone)]
pub struct Settings {
    driver: tokio_postgres::Config,
    place: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)
    }
}

impl Settings {
    /// From a connection's URL.
    pub fn new(url: &NetworkUrl, password: Option<&Secret>) -> Result<Self> {
        let mut driver = tokio_postgres::Config::new();
        driver.application_name("syncline").host(url.host.as_deref().unwrap_or("127.0.0.1"));
        driver.port(url.port.unwrap_or(5432)).user(url.user.as_deref().unwrap_or("postgres"));
        let database = url.path.trim_start_matches('/');
        driver.dbname(if database.is_empty() { "postgres" } else { database });
        for (key, value) in &url.query {
            if key == "host" {
                driver = driver.clone();
                driver.host(value);
            } else if key == "options" {
                driver.options(value);
            }
        }
        if let Some(password) = password {
            driver.password(password.expose());
        }
        let place = url.to_string();
        Ok(Self { driver, place })
    }

    pub fn driver(&self) -> &tokio_postgres::Config {
        &self.driver
    }

    pub fn place(&self) -> String {
        self.place.clone()
    }

    /// Whether no network lies between.
    pub fn is_near(&self) -> bool {
        true
    }

    /// How long a login may take.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(15)
    }
}
