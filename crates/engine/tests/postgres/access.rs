//! Ways in, and what is said where there is none. No message holds a value or a password (I15).

use syncline::connector::Connector as _;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind};
use syncline_rig::Login;

use super::connector;
use crate::support::jobs::{copy_job, failure, run_well};
use crate::support::place_postgres::connector_of;
use crate::support::proxy::Proxy;
use crate::support::servers::Database;

async fn refusal(url: &str) -> Error {
    connector_of(url).describe(&Selection::default()).await.expect_err("nobody gets in")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_way_in_is_used_and_every_refusal_says_why() {
    let place = Database::postgres();
    let through = |login, rest: &str| format!("{}{rest}", place.url_as(login));
    let authority = format!("sslrootcert={}", place.server().ca_file().display());
    for rest in [
        "",
        "?sslmode=require",
        &format!("?sslmode=verify-full&{authority}"),
        &format!("?sslmode=verify-ca&{authority}"),
    ] {
        connector_of(&through(Login::Password, rest)).check().await.unwrap_or_else(|e| panic!("{rest}: {e}"));
    }
    let socket = format!(
        "postgres:///{}?user=postgres&host={}&port={}",
        place.name(),
        place.server().socket_folder().display(),
        place.server().port()
    );
    connector_of(&socket).check().await.unwrap();
    connector_of(&through(Login::Tls, &format!("?sslmode=verify-full&{authority}"))).check().await.unwrap();
    let port = place.server().port();
    let cases = [
        (through(Login::Tls, ""), ErrorKind::Denied),
        (through(Login::Password, "?sslmode=verify-full&sslrootcert=system"), ErrorKind::Denied),
        (format!("postgres://password_user:wrong@127.0.0.1:{port}/{}", place.name()), ErrorKind::Denied),
        (format!("postgres://password_user@127.0.0.1:{port}/{}?passfile=/none", place.name()), ErrorKind::Denied),
        (format!("postgres://nobody@127.0.0.1:{port}/{}", place.name()), ErrorKind::Denied),
        (format!("postgres://postgres@127.0.0.1:{port}/no_such_database"), ErrorKind::NotFound),
        ("postgres://postgres@127.0.0.1:1/x".to_owned(), ErrorKind::Unreachable),
        ("postgres://postgres@no.such.host.invalid/x?sslmode=disable".to_owned(), ErrorKind::Unreachable),
        ("postgres://postgres@127.0.0.1:1/x?host=/no/such/folder".to_owned(), ErrorKind::Unreachable),
    ];
    for (url, kind) in cases {
        let error = refusal(&url).await;
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
        assert!(!format!("{error:?} {}", error.advice()).contains("wrong"), "{error:?}");
    }
    // By its name it is another host than the certificate's.
    let other =
        through(Login::Password, &format!("?sslmode=verify-full&{authority}")).replace("127.0.0.1", "127.0.0.2");
    let error = refusal(&other).await;
    assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unreachable), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let place = Database::postgres();
    let proxy = Proxy::to(place.server());
    proxy.stand_still();
    let url = format!("{}?connect_timeout=1", place.server().through(proxy.port()).url(place.name()));
    let started = std::time::Instant::now();
    assert_eq!(refusal(&url).await.kind(), ErrorKind::Unreachable);
    // Where nothing is said it is a quarter of a minute.
    assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_missing_right_names_the_grant() {
    let (from, to) = (Database::postgres(), Database::postgres());
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'); REVOKE ALL ON t FROM public;",
    );
    let reader = connector_of(&from.url_as(Login::Open));
    let copy = copy_job(&(std::sync::Arc::new(reader) as _), &[&connector(&to)]);
    let error = failure(&copy).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.advice().contains("GRANT SELECT ON \"public\".\"t\""), "{}", error.advice());
    // A policy would show fewer rows: that is an error and never a smaller table.
    from.sql("GRANT SELECT ON t TO open_user; ALTER TABLE t ENABLE ROW LEVEL SECURITY;");
    let error = failure(&copy).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    from.sql("ALTER TABLE t DISABLE ROW LEVEL SECURITY;");
    run_well(&copy).await;

    let writer = connector_of(&to.url_as(Login::Open));
    to.sql("REVOKE CREATE ON SCHEMA public FROM public;");
    let copy = copy_job(&connector(&from), &[&(std::sync::Arc::new(writer) as _)]);
    let error = failure(&copy).await;
    let said = format!("{error:?} {}", error.advice());
    assert!(said.contains("GRANT"), "{said}");
    to.sql("GRANT CREATE ON SCHEMA public TO open_user; DROP TABLE t;");
    // Who is no superuser can be a sink, too.
    run_well(&copy).await;
    run_well(&copy).await;
    assert_eq!(to.sql("TABLE t;"), "1|x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_row_is_named_and_its_values_are_not() {
    let cases = [
        ("v text", "v text CHECK (v <> 'hunter2')", ErrorKind::Constraint),
        ("v text", "v json", ErrorKind::Schema),
        ("v jsonb", "v jsonb, EXCLUDE (v WITH =)", ErrorKind::Constraint),
        ("v text NOT NULL", "v text UNIQUE", ErrorKind::Constraint),
    ];
    for (source, sink, kind) in cases {
        let (from, to) = (Database::postgres(), Database::postgres());
        let value = if source.contains("json") { "\"hunter2\"" } else { "hunter2" };
        from.sql(&format!(
            "CREATE TABLE t (id int PRIMARY KEY, {source}); INSERT INTO t VALUES (1, '{value}'), (2, '{value}');"
        ));
        to.sql(&format!("CREATE TABLE t (id int PRIMARY KEY, {sink});"));
        let error = failure(&copy_job(&connector(&from), &[&connector(&to)])).await;
        let said = format!("{error:?} {}", error.advice());
        assert_eq!(error.kind(), kind, "{said}");
        assert!(said.contains("table t") || said.contains("t: "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(to.sql("TABLE t;"), "");
    }
}
