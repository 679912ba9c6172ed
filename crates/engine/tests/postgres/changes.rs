//! Changes one by one, as a stream brings them.

use syncline::connector::Connector as _;
use syncline_model::{ErrorKind, LogicalType};

use super::connector;
use crate::support::batches::{
    INT, TEXT, changes, delete, image, insert, key_change, row, table, truncate, unit, update,
};
use crate::support::binary::PATIENCE;
use crate::support::jobs::{applied, write_spec};
use crate::support::place_postgres::connector_of;
use crate::support::proxy::Proxy;
use crate::support::servers::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn many_changes_are_on_their_way_at_a_time_and_in_order() {
    let place = Database::postgres();
    let proxy = Proxy::to(place.server());
    let sink = connector_of(&place.server().through(proxy.port()).url(place.name()));
    let schema = std::sync::Arc::new(table("t", &[("id", INT), ("v", TEXT)], &["id"]));
    let mut sink = sink.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mut all = Vec::new();
    for id in 0..1000 {
        let (moved, value) = (id + 10_000, format!("v{id}"));
        all.push(insert(row![id, "new"]));
        all.push(update(image![id, _], image![_, value]));
        all.push(key_change(image![id, _], image![moved, _]));
        if id % 2 == 0 {
            all.push(delete(image![moved, _]));
        }
        if id == 700 {
            all.push(truncate());
        }
    }
    // A round trip each would be 3500 times 100 ms.
    proxy.delay(std::time::Duration::from_millis(50));
    let started = std::time::Instant::now();
    let report = applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    assert_eq!(report.rows, 3501);
    proxy.heal();
    assert_eq!(place.sql("SELECT count(*), min(id), min(v), max(v) FROM t;"), "150|10701|v701|v999");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_first_change_that_fails_is_named() {
    let place = Database::postgres();
    let schema = std::sync::Arc::new(table("t", &[("id", INT), ("v", TEXT)], &["id"]));
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, v text CHECK (v <> 'hunter2'));");
    let mut sink = connector(&place).open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mut all: Vec<_> = (0..200).map(|id| insert(row![id, "good"])).collect();
    all.insert(120, insert(row![1000, "hunter2"]));
    all.insert(150, insert(row![7, "again"]));
    let error = applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
    let places = error.places();
    assert!(
        places.contains(&("row", "121 as read".into())) && places.contains(&("constraint", "t_v_check".into())),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
    drop(sink);
    assert_eq!(place.sql("SELECT count(*) FROM t;"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn values_without_a_binary_form_are_changed_too() {
    let place = Database::postgres();
    let any = |native: &str| {
        let mut schema =
            table("t", &[("id", INT), ("v", LogicalType::Other), ("a", LogicalType::Array(Box::new(INT)))], &["id"]);
        schema.brand = "postgres".into();
        for (column, native) in schema.columns.iter_mut().zip(["bigint", native, "integer[]"]) {
            column.native = native.into();
        }
        std::sync::Arc::new(schema)
    };
    let schema = any("inet");
    let mut sink = connector(&place).open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let all = vec![
        insert(row![1, "10.0.0.1/8", "{1,NULL}"]),
        insert(row![2, "::1", "[0:1]={7,8}"]),
        update(image![1, _, _], image![_, "192.168.0.1", "{{1,2},{3,4}}"]),
    ];
    applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
    assert_eq!(place.sql("TABLE t ORDER BY id;"), "1|192.168.0.1|{{1,2},{3,4}}\n2|::1|[0:1]={7,8}");
    let wrong = vec![update(image![1, _, _], image![_, "hunter2", _])];
    let error = applied(&mut *sink, &unit(vec![changes(&schema, wrong)], "v")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Value);
    assert!(!format!("{error:?}").contains("hunter2"));
}
