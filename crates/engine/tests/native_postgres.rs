//! Rows that pass undecoded from one PostgreSQL database to another, judged by psql.

use std::sync::Arc;

use syncline::connector::Connector;
use syncline::job::Job;
use syncline_model::ErrorKind;
use syncline_model::mapping::Rule;
use syncline_model::pattern::Pattern;

use crate::support::jobs::{budget, copy_job, failure, run_well};
use crate::support::place_postgres::connector_of;
use crate::support::recorder::{Effects, Recorded, Refusal};
use crate::support::servers::Database;

/// A column of every kind whose binary form is the same everywhere, with values that other ways would bend.
const EVERYTHING: &str = "
    CREATE TYPE mood AS ENUM ('glad', 'it''s, so', '😀');
    CREATE DOMAIN positive AS numeric CHECK (value > 0);
    CREATE TABLE everything (
        id bigint PRIMARY KEY, b boolean, i smallint, j integer, f real, g double precision, n numeric, m numeric(12,4),
        p positive, t text, v varchar(20), c char(5), y bytea, d date, ti time(3), ts timestamp, tz timestamptz(0),
        iv interval, u uuid, js json, jb jsonb, e mood, a integer[], ta text[], na numeric[], ip inet, r int4range,
        x xml, bits bit varying, tt timetz, pt point, vec tsvector);
    INSERT INTO everything VALUES
        (1, true, -32768, 2147483647, '-0', 'NaN', 'NaN', 99999999.9999, 0.1, E'a\\tb\\n\\\\N|', 'é', 'ab', '\\x00ff', 'infinity',
         '24:00:00', '-infinity', '2024-02-29 23:59:60+14', '-1 mon +3 days -00:00:00.000001', gen_random_uuid(),
         '{\"a\" : 1.0, \"a\":2}', '{\"b\":1e400}', '😀', '[0:1]={7,NULL}', '{\"a,b\",NULL,\"\"}', '{NaN,1.50}', '::1/64',
         'empty', '<a/>', B'', '24:00:00-15:59', '(1e-300,-0)', '''fat'':2A & ''' || 'x'':1'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, false, 0, 0, 'Infinity', '4.9e-324', 1e-30, 0, 1e130, '', '', '', '', '4713-01-01 BC', '00:00', '294276-12-31',
         '4713-11-24 BC', '178000000 years', gen_random_uuid(), 'null', '[]', 'glad', '{}', '{}', '{}', '10.0.0.0/8',
         '[1,)', '', B'101', '00:00+00', '(0,0)', '');";

fn everything() -> Database {
    let database = Database::postgres();
    // Without the value that this server's text search would not take as it stands.
    database.sql(&EVERYTHING.replace("'''fat'':2A & ''' || 'x'':1'", "'''fat rat'':2A cat:1'"));
    database
}

/// An empty database with the domain, which a copy does not create.
fn empty() -> Database {
    let database = Database::postgres();
    database.sql("CREATE DOMAIN positive AS numeric CHECK (value > 0)");
    database
}

/// How the rows came.
async fn came(from: &Database, to: &Database, rule: Rule) -> &'static str {
    let source: Arc<dyn Connector> = Arc::new(connector_of(&from.url()));
    let sink: Arc<dyn Connector> = Arc::new(connector_of(&to.url()));
    let effects = Effects::default();
    let job = copy_job(&source, &[&Recorded::wrap(sink, &effects, &Refusal::none())]);
    // Many batches, so that their borders are in it.
    run_well(&Job { budget: budget(500), rules: vec![(Pattern::parse("everything").unwrap(), rule)], ..job }).await;
    match effects.taken().contains("rows undecoded") {
        true => "undecoded",
        false => "as cells",
    }
}

const ALL: &str = "SELECT t::text FROM everything t ORDER BY id";

#[tokio::test]
async fn every_value_arrives_in_a_new_table() {
    let (from, to) = (everything(), empty());
    assert_eq!(came(&from, &to, Rule::default()).await, "undecoded");
    assert_eq!(to.sql(ALL), from.sql(ALL));
}

#[tokio::test]
async fn every_value_arrives_as_cells_too() {
    let (from, to) = (everything(), empty());
    let filter = Rule { filter: Some("id > 0".into()), ..Rule::default() };
    assert_eq!(came(&from, &to, filter).await, "as cells");
    assert_eq!(to.sql(ALL), from.sql(ALL));
}

/// Through the stage: rows are replaced by key, others stay.
#[tokio::test]
async fn rows_that_are_there_are_replaced() {
    let (from, to) = (everything(), everything());
    to.sql("UPDATE everything SET t = 'old', e = NULL; UPDATE everything SET id = 9 WHERE id = 3");
    assert_eq!(came(&from, &to, Rule::default()).await, "undecoded");
    assert_eq!(to.sql("SELECT t::text FROM everything t WHERE id < 9 ORDER BY id"), from.sql(ALL));
    assert_eq!(to.sql("SELECT t FROM everything WHERE id = 9"), "old");
}

#[tokio::test]
async fn other_types_at_the_sink_make_cells() {
    let (from, to) = (everything(), everything());
    to.sql("TRUNCATE everything; ALTER TABLE everything ALTER i TYPE bigint");
    assert_eq!(came(&from, &to, Rule::default()).await, "as cells");
    assert_eq!(to.sql(ALL), from.sql(ALL));
}

/// The server refuses a row of the stream: table, column and row are named, its value is not (I15).
#[tokio::test]
async fn a_refused_row_is_named() {
    let (from, to) = (Database::postgres(), Database::postgres());
    from.sql("CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t SELECT i, 'secret' || i FROM generate_series(1, 9) i");
    to.sql("CREATE TABLE t (id integer PRIMARY KEY, v text CONSTRAINT short CHECK (v <> 'secret7'))");
    let [source, sink]: [Arc<dyn Connector>; 2] =
        [&from, &to].map(|d| Arc::new(connector_of(&d.url())) as Arc<dyn Connector>);
    let error = failure(&Job { budget: budget(60), ..copy_job(&source, &[&sink]) }).await;
    assert_eq!(error.kind(), ErrorKind::Constraint, "{error}");
    assert!(error.places().contains(&("row", "7 as read".into())), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(to.sql("SELECT count(*) FROM t"), "0");
}
