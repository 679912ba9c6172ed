//! The servers: fresh databases, users, TLS, and private ones that are stopped and killed.

use syncline_rig::{Brand, Login};

use crate::support::binary::until_answer;
use crate::support::servers::{Database, private, private_with};
use crate::support::{mariadb, psql};

const BRANDS: [Brand; 2] = Brand::ALL;

#[test]
fn a_database_is_fresh_and_goes() {
    for brand in BRANDS {
        let (one, other) = (Database::shared(brand), Database::shared(brand));
        one.sql("CREATE TABLE t (id int);");
        other.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1);");
        assert_eq!(one.sql("SELECT count(*) FROM t;"), "0");
        let gone = one.name().to_owned();
        drop(one);
        let names = match brand {
            Brand::Postgres => other.sql("SELECT datname FROM pg_database;"),
            Brand::Mariadb => other.sql("SHOW DATABASES;"),
        };
        let names: Vec<&str> = names.lines().collect();
        assert!(names.contains(&other.name()) && !names.contains(&gone.as_str()), "{names:?}");
    }
}

#[test]
fn what_a_server_acknowledged_survives_its_death() {
    for brand in BRANDS {
        let mut server = private(brand);
        let place = Database::on(server.address());
        place.sql("CREATE TABLE t (id int PRIMARY KEY, v text);");
        for id in 1..=20 {
            place.sql(&format!("INSERT INTO t VALUES ({id}, 'x');"));
        }
        let process = server.process().unwrap();
        server.kill().unwrap();
        assert_eq!(server.process(), None);
        assert!(!std::path::Path::new(&format!("/proc/{process}/exe")).exists());
        let said = place.refused("SELECT 1;");
        assert!(said.contains("refused") || said.contains("ERROR 2002"), "{said}");
        server.restart().unwrap();
        assert_eq!(place.sql("SELECT count(*) FROM t;"), "20", "{brand:?}");
    }
}

#[test]
fn a_killed_server_leaves_no_shared_memory() {
    let mut server = private(Brand::Postgres);
    let lock = server.address().socket_folder().with_file_name("data").join("postmaster.pid");
    let lock = std::fs::read_to_string(lock).unwrap();
    let segment = lock.lines().nth(6).unwrap().split_whitespace().next().unwrap().to_owned();
    let known = || std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    server.kill().unwrap();
    assert!(known().contains(&segment), "the test looks at the wrong place");
    drop(server);
    assert!(!known().contains(&segment), "there are only some thousands of these");
}

#[test]
fn a_stopped_server_rolls_back_what_was_open() {
    for brand in BRANDS {
        let mut server = private(brand);
        let place = Database::on(server.address());
        place.sql("CREATE TABLE t (id int PRIMARY KEY);");
        let url = place.url();
        let waiting = std::thread::spawn(move || match brand {
            Brand::Postgres => {
                psql::ran(&url, "BEGIN; INSERT INTO t VALUES (1); SELECT 'open'; SELECT pg_sleep(3600);")
            }
            Brand::Mariadb => mariadb::ran(&url, "BEGIN; INSERT INTO t VALUES (1); SELECT 'open'; SELECT sleep(3600);"),
        });
        let sleeping = match brand {
            Brand::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sle%' AND wait_event = 'PgSleep';"
            }
            Brand::Mariadb => "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep';",
        };
        until_answer("1", || place.sql(sleeping));
        // It does not wait for its client, who sleeps for longer than a stop may take.
        server.restart().unwrap();
        assert_ne!(waiting.join().unwrap().code, Some(0));
        assert_eq!(place.sql("SELECT count(*) FROM t;"), "0", "{brand:?}");
    }
}

#[test]
fn settings_can_be_given() {
    let server = private_with(Brand::Postgres, &[("max_connections", "12"), ("datestyle", "ISO, YMD")]);
    let set = psql::psql(&server.address().url("postgres"), "SELECT current_setting('max_connections');");
    assert_eq!(set, "12");
    let server = private_with(Brand::Mariadb, &[("max_connections", "12")]);
    assert_eq!(mariadb::mariadb(&server.address().url(""), "SELECT @@max_connections;"), "12");
}

#[test]
fn a_wrong_setting_is_told_with_the_servers_own_words() {
    for brand in BRANDS {
        let options = syncline_rig::Options {
            settings: vec![("no_such_setting".into(), "1".into())],
            ..syncline_rig::Options::default()
        };
        let error = syncline_rig::Server::start(brand, &options).unwrap_err();
        assert!(error.contains("did not start: it ended") && error.contains("no_such_setting"), "{error}");
    }
}

#[test]
fn users_enter_as_they_are_meant_to() {
    let place = Database::postgres();
    let ca = place.server().ca_file();
    let who = "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();";
    let url = |login, tls: &str| format!("{}?{tls}", place.url_as(login));
    assert_eq!(psql::psql(&url(Login::Open, "sslmode=disable"), who), "open_user|f");
    assert_eq!(psql::psql(&url(Login::Password, "sslmode=disable"), who), "password_user|f");
    let verified = format!("sslmode=verify-full&sslrootcert={}", ca.display());
    assert_eq!(psql::psql(&url(Login::Tls, &verified), who), "tls_user|t");
    let said = psql::psql_refused(&url(Login::Tls, "sslmode=disable"), who);
    assert!(said.contains("no encryption"), "{said}");
    let nobody = format!("postgres://password_user:wrong@127.0.0.1:{}/{}", place.server().port(), place.name());
    let said = psql::psql_refused(&nobody, who);
    assert!(said.contains("password authentication failed"), "{said}");
}

#[test]
fn users_enter_mariadb_as_they_are_meant_to() {
    let place = Database::mariadb();
    let url = |login| place.server().url_as(login, "");
    let who = "SELECT current_user(); SHOW STATUS LIKE 'Ssl_version';";
    assert_eq!(mariadb::mariadb(&url(Login::Open), who), "open_user@%\nSsl_version|");
    assert_eq!(mariadb::mariadb(&url(Login::Password), who), "password_user@%\nSsl_version|");
    let said = mariadb::mariadb_refused(&url(Login::Tls), who);
    assert!(said.contains("ERROR 1045"), "{said}");
    let mut verified = mariadb::program(&url(Login::Tls));
    verified
        .arg("--ssl")
        .arg(format!("--ssl-ca={}", place.server().ca_file().display()))
        .arg("--ssl-verify-server-cert");
    let said = crate::support::binary::fed(&mut verified, who).printed(who);
    assert_eq!(said, "tls_user@%\nSsl_version\tTLSv1.3");
}

#[test]
fn settings_are_what_later_tests_rely_on() {
    let place = Database::postgres();
    assert_eq!(place.sql("SELECT current_setting('wal_level'), current_setting('fsync');"), "logical|off");
    // By the rules of English and not by bytes.
    assert_eq!(place.sql("SELECT string_agg(v, '' ORDER BY v) FROM (VALUES ('b'), ('A'), ('a'), ('B')) t(v);"), "aAbB");
    let place = Database::mariadb();
    let variables =
        "@@log_bin, @@binlog_format, @@binlog_row_metadata, @@local_infile, 'a' = 'A', @@collation_database";
    assert_eq!(place.sql(&format!("SELECT {variables};")), "1|ROW|FULL|1|1|utf8mb4_general_ci");
}
