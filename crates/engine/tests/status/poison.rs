//! A change that the sink refuses stops its lane: what `status` says of it, until it is mended.

use super::{followed, lane_to};

const POISON: &str = "hunter2-4111111111111111";

#[test]
fn a_lane_that_was_stopped_says_why_and_what_to_do() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (length(v) < 9))", "");
    let ran = folder.syncline(&["status"]).well();
    assert!(ran.out.contains("up to date") && ran.out.ends_with("nothing is wrong\n"), "{}", ran.out);
    folder.sql("a.db", &format!("INSERT INTO t VALUES (4, 'd'); INSERT INTO t VALUES (5, '{POISON}')"));
    folder.syncline(&["run", "--quiet"]).exits(4);

    let status = folder.syncline(&["status", "--json"]).exits(4);
    let (stopped, other) = (lane_to(&status, "b"), lane_to(&status, "c"));
    let trouble = &stopped["trouble"];
    assert_eq!(
        (&stopped["state"], &trouble["kind"], &trouble["at"]["table"]),
        (&"stopped".into(), &"constraint".into(), &"t".into())
    );
    assert_eq!((&stopped["waiting"], &trouble["stopped"]), (&2.into(), &true.into()));
    assert!(
        stopped["oldest_s"].as_f64().unwrap() >= 0.0 && trouble["since"].as_str().unwrap().ends_with('Z'),
        "{stopped:#}"
    );
    assert_eq!((&other["state"], &other["waiting"], &other["trouble"]), (&"follows".into(), &0.into(), &().into()));

    let ran = folder.syncline(&["status"]).exits(4);
    for wanted in ["b has stopped, since 20", "table t", "CHECK constraint failed", "→ ", "then start job live again"]
    {
        assert!(ran.out.contains(wanted), "no {wanted:?} in\n{}", ran.out);
    }
    assert!(!ran.out.contains("nothing is wrong"), "{}", ran.out);
    // I15: the value stays where it is.
    let kept = folder.sql("b.db", "SELECT trouble FROM syncline_position");
    assert!(!format!("{}{}{kept}", status.out, ran.out).contains("hunter2"), "{kept}");

    // The same again is no news; since when is.
    folder.syncline(&["run", "--quiet"]).exits(4);
    assert_eq!(folder.sql("b.db", "SELECT trouble FROM syncline_position"), kept);

    folder.sql("a.db", "UPDATE t SET v = 'e' WHERE id = 5");
    folder.sql("b.db", "CREATE TABLE u AS SELECT * FROM t; DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t SELECT * FROM u; DROP TABLE u");
    folder.syncline(&["run", "--quiet"]).well();
    let mended = folder.syncline(&["status"]).well();
    assert!(mended.out.ends_with("nothing is wrong\n") && !mended.out.contains("constraint"), "{}", mended.out);
}

/// Where the lane sets such changes aside, nothing is wrong with it.
#[test]
fn a_lane_that_parks_is_in_no_trouble() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (length(v) < 9))", ", on_error: park");
    folder.sql("a.db", "INSERT INTO t VALUES (5, 'much too long')");
    folder.syncline(&["run", "--quiet"]).exits(4);
    let status = folder.syncline(&["status", "--json"]).well();
    let lane = lane_to(&status, "b");
    assert_eq!((&lane["state"], &lane["parked"], &lane["trouble"]), (&"follows".into(), &1.into(), &().into()));
    assert_eq!(folder.sql("b.db", "SELECT trouble IS NULL FROM syncline_position"), "1");
    let ran = folder.syncline(&["status"]).well();
    assert!(ran.out.contains("b: 1 change set aside; `syncline parked ls live` shows them"), "{}", ran.out);
}
