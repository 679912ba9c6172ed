#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use syncline_model::{ErrorKind, Result};

use super::super::tls::Tls;
use super::{Settings, Surroundings};
use crate::config::ConnectionUrl;

fn settings(url: &str, variables: &[(&str, &str)], home: &Path) -> Result<Settings> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|v| (*v).to_owned());
    let (url, password) = ConnectionUrl::parse(url, None).unwrap();
    let ConnectionUrl::Network(url) = url else { panic!("no server's URL") };
    Settings::within(&url, password.as_ref(), &Surroundings { variable: &variable, home: Some(home.into()) })
}

fn password(settings: &Settings) -> Option<&str> {
    settings.driver().get_password().map(|p| std::str::from_utf8(p).unwrap())
}

#[test]
fn the_url_wins_over_the_service_and_the_service_over_the_environment() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".pg_service.conf"), "# x\n[a]\nhost=h1\n[b]\nhost = h2\nport=7\nuser=u2\n")
        .unwrap();
    let around = [("PGHOST", "h3"), ("PGPORT", "9"), ("PGUSER", "u3"), ("PGDATABASE", "d3"), ("PGSERVICE", "b")];
    let found = settings("postgres:///?user=u1&sslmode=disable", &around, home.path()).unwrap();
    assert_eq!((found.place().as_str(), found.driver().get_user()), ("h2:7/d3", Some("u1")));
    let found = settings("postgres://u1@h0:1/d0?service=a&sslmode=disable", &around, home.path()).unwrap();
    assert_eq!(found.place(), "h0:1/d0");
    let error = settings("postgres://h/d?service=c", &[], home.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_unknown_setting_names_the_nearest_and_never_its_value() {
    let home = tempfile::tempdir().unwrap();
    let error = settings("postgres://u@h/d?sslmod=hunter2", &[], home.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`sslmode`") && !error.to_string().contains("hunter2"), "{error}");
    for mode in ["prefer", "allow", "verify_full"] {
        let error = settings(&format!("postgres://u@h/d?sslmode={mode}"), &[], home.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

#[test]
fn a_network_is_not_trusted_and_a_socket_is() {
    let home = tempfile::tempdir().unwrap();
    let tls = |url: &str| settings(url, &[], home.path()).unwrap().tls;
    assert!(matches!(tls("postgres://u@db.example.com/d"), Tls::Full(_)));
    assert!(matches!(tls("postgres://u@localhost/d"), Tls::Off));
    assert!(matches!(tls("postgres://u@127.0.0.2/d"), Tls::Off));
    assert!(matches!(tls("postgres://u@[::1]/d"), Tls::Off));
    assert!(matches!(tls("postgres:///d?user=u&host=/run/x&sslmode=verify-full"), Tls::Off));
    assert!(matches!(tls("postgres://u@localhost/d?sslmode=verify-full"), Tls::Full(_)));
    assert!(matches!(tls("postgres://u@h/d?sslmode=require"), Tls::Unproven(_)));
    assert!(matches!(tls("postgres://u@h/d?sslmode=require&sslrootcert=x"), Tls::Authority(_)));
}

#[test]
fn the_password_file_is_used_if_nobody_else_may_read_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    let lines = "# no\nother:*:*:*:wrong\nh:1:d:u\\:x:pass\\:wo\\\\rd\n*:*:*:\\*:star\n*:*:d:*:any\n";
    std::fs::write(&file, lines).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let of = |url: &str| settings(url, &[], home.path()).unwrap();
    assert_eq!(password(&of("postgres://u%3Ax@h:1/d?sslmode=disable")), Some("pass:wo\\rd"));
    assert_eq!(password(&of("postgres://u@h:1/d?sslmode=disable")), Some("any"));
    assert_eq!(password(&of("postgres://*@h:1/e?sslmode=disable")), Some("star"));
    assert_eq!(password(&of("postgres://u@h:1/e?sslmode=disable")), None);
    assert_eq!(password(&of("postgres://u:own@h:1/d?sslmode=disable")), Some("own"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = of("postgres://u@h:1/d?sslmode=disable");
    assert_eq!(password(&open), None);
    assert!(open.passfile_problem.unwrap().contains("chmod 600"));
}

#[test]
fn connections_are_counted() {
    let home = tempfile::tempdir().unwrap();
    let of = |rest: &str| settings(&format!("postgres://u@localhost/d{rest}"), &[], home.path());
    assert_eq!(of("").unwrap().connections(), 1);
    assert_eq!(of("?connections=64").unwrap().connections(), 64);
    for wrong in ["0", "65", "-1", "many", ""] {
        let error = of(&format!("?connections={wrong}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{wrong}");
        assert!(error.to_string().contains("from 1 to 64"), "{error}");
    }
}
