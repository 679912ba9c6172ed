//! A sink or a source that is away: what is said of it, what of the others, and what is written meanwhile.

use syncline_rig::proxy::Proxy;

use super::{configured, lane_to, until};
use crate::support::binary::{self, Folder};
use crate::support::servers::Database;

/// A new PostgreSQL database behind a network that can be broken.
fn behind(place: &Database) -> (Proxy, String) {
    let proxy = Proxy::to(place.server());
    let url = place.server().through(proxy.port()).url(place.name());
    (proxy, url)
}

#[test]
fn one_sink_of_three_is_away_and_the_others_are_current() {
    let (folder, place) = (Folder::new(), Database::postgres());
    let (proxy, url) = behind(&place);
    folder.sql("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    configured(&folder, &[("b", "sqlite:b.db"), ("c", "sqlite:c.db"), ("far", &url)], "sqlite:a.db", "");
    folder.syncline(&["run", "--quiet"]).well();
    let running = folder.started(&["run", "--follow", "--quiet"]);
    // Only a job that has begun bears it.
    folder.sql("a.db", ".timeout 20000\nINSERT INTO t VALUES (1, 'a')");
    until(&folder, "three lanes that run", |status| {
        ["b", "c", "far"].iter().all(|sink| lane_to(status, sink)["changes_total"] == 1)
    });
    proxy.refuse();
    proxy.cut();
    folder.sql("a.db", ".timeout 20000\nINSERT INTO t VALUES (2, 'b'), (3, 'c')");
    let status = until(&folder, "the others are current", |status| {
        ["b", "c"]
            .iter()
            .all(|sink| lane_to(status, sink)["waiting"] == 0 && lane_to(status, sink)["changes_total"] == 3)
    });
    let far = lane_to(&status, "far");
    assert_eq!(status.code, Some(4), "{}", status.err);
    assert_eq!(
        (&far["state"], &far["waiting"], &far["error"]["kind"]),
        (&"unreachable".into(), &2.into(), &"unreachable".into())
    );
    assert!(
        status.err.contains("connection far") && status.json()["connections"][3]["error"]["advice"].is_string(),
        "{}",
        status.err
    );

    let ran = folder.syncline(&["status"]).exits(4);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("far cannot be reached: ") && ran.out.contains("up to date"), "{}", ran.out);
    // Only what was asked for has to answer.
    folder.syncline(&["status", "b"]).well();
    // Quiet, the error is said all the same.
    let ran = folder.syncline(&["status", "--quiet"]).exits(4);
    assert!(ran.out.is_empty() && ran.err.contains("connection far"), "{ran:?}");

    proxy.heal();
    until(&folder, "the end of it", |status| status.code == Some(0) && lane_to(status, "far")["waiting"] == 0);
    running.signal("TERM");
    running.ends().exits(0);
    let ran = folder.syncline(&["status"]).well();
    assert!(ran.out.ends_with("nothing is wrong\n"), "{}", ran.out);
}

/// The lane tries again and again and says once what is wrong; what it said outlives it, and goes when there is nothing to
/// carry either.
#[test]
fn a_lane_in_trouble_says_it_once_and_is_found_in_it() {
    let (folder, from, to) = (Folder::new(), Database::postgres(), Database::postgres());
    let (proxy, url) = behind(&from);
    from.sql("CREATE TABLE t (id int PRIMARY KEY);");
    configured(&folder, &[("b", &to.url())], &url, "");
    folder.syncline(&["run", "--quiet"]).well();
    to.sql(
        "CREATE TABLE notes (n text); \
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO notes VALUES (NEW.trouble); RETURN NULL; END'; \
         CREATE TRIGGER n AFTER UPDATE OF trouble ON syncline_position FOR EACH ROW WHEN (NEW.trouble IS NOT NULL) EXECUTE FUNCTION note(); \
         ALTER TABLE syncline_position ENABLE ALWAYS TRIGGER n;",
    );
    let epoch = || to.sql("SELECT epoch FROM syncline_position;").parse::<i64>().unwrap();
    let running = folder.started(&["run", "--follow", "--quiet"]);
    until(&folder, "a lane that follows", |status| lane_to(status, "b")["state"] == "follows");
    proxy.refuse();
    proxy.cut();
    let status = until(&folder, "trouble", |status| lane_to(status, "b")["trouble"].is_object());
    assert_eq!(status.code, Some(4));
    let lane = lane_to(&status, "b");
    assert_eq!(
        (&lane["state"], &lane["trouble"]["kind"], &lane["trouble"]["stopped"]),
        (&"trouble".into(), &"unreachable".into(), &false.into())
    );
    assert_eq!((&lane["waiting"], &status.json()["jobs"][0]["error"]["kind"]), (&().into(), &"unreachable".into()));

    // By now it says what every try says.
    let then = epoch();
    until(&folder, "another try", |_| epoch() > then + 1);
    let (said, notes) = (to.sql("SELECT trouble FROM syncline_position;"), to.sql("SELECT count(*) FROM notes;"));
    let then = epoch();
    until(&folder, "further tries", |_| epoch() > then + 1);
    assert_eq!(
        (to.sql("SELECT trouble FROM syncline_position;"), to.sql("SELECT count(*) FROM notes;")),
        (said, notes)
    );

    running.kill();
    let ran = folder.syncline(&["status"]).exits(4);
    assert!(ran.out.contains("b is in trouble, since 20") && ran.out.contains("a cannot be reached: "), "{}", ran.out);
    assert_eq!(
        to.sql("SELECT DISTINCT n::jsonb ->> 'since' FROM notes;").lines().count(),
        1,
        "since when is said once"
    );

    proxy.heal();
    folder.syncline(&["run", "--quiet"]).well();
    let ran = folder.syncline(&["status"]).well();
    assert!(ran.out.ends_with("nothing is wrong\n"), "{}", ran.out);
}

/// A process that is started while a sink is away begins with the others, and with that one when it is back (F68).
#[test]
fn a_job_begins_although_a_sink_is_away() {
    let (folder, place) = (Folder::new(), Database::postgres());
    let (proxy, url) = behind(&place);
    folder.sql(
        "a.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')",
    );
    configured(&folder, &[("far", &url), ("b", "sqlite:b.db")], "sqlite:a.db", "");
    proxy.refuse();
    let held = |folder: &Folder| folder.sql("b.db", ".timeout 20000\nSELECT group_concat(v) FROM t");
    let ran = folder.syncline(&["run"]).exits(4);
    assert!(ran.err.contains("error: ") && ran.err.contains("far"), "{ran:?}");
    assert_eq!(held(&folder), "a");

    let running = folder.started(&["run", "--follow", "--quiet"]);
    folder.sql("a.db", ".timeout 20000\nINSERT INTO t VALUES (2, 'b')");
    binary::until("the other sink is current", || held(&folder) == "a,b");
    proxy.heal();
    binary::until_answer("t", || place.sql("SELECT to_regclass('t');"));
    binary::until_answer("a,b", || place.sql("SELECT string_agg(v, ',' ORDER BY id) FROM t;"));
    folder.sql("a.db", ".timeout 20000\nINSERT INTO t VALUES (3, 'c')");
    binary::until_answer("a,b,c", || place.sql("SELECT string_agg(v, ',' ORDER BY id) FROM t;"));
    running.signal("TERM");
    running.ends().exits(0);
}

/// Nobody is there but the source: what is to end says so and ends, what follows says so and waits.
#[test]
fn a_job_without_any_sink_waits_for_one() {
    let (folder, place) = (Folder::new(), Database::postgres());
    let (proxy, url) = behind(&place);
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    configured(&folder, &[("far", &url)], "sqlite:a.db", "");
    proxy.refuse();
    let ran = folder.syncline(&["run"]).exits(1);
    assert!(ran.err.contains("far"), "{ran:?}");
    let running = folder.started_saying(&["run", "--follow"], "said");
    binary::until("it waits", || {
        let said = std::fs::read_to_string(folder.path("said")).unwrap();
        said.lines().any(|line| line.contains("the job waits to begin") && line.contains("far"))
    });
    running.signal("TERM");
    running.ends().exits(1);
    assert_eq!(folder.sql("a.db", "SELECT count(*) FROM sqlite_master WHERE name LIKE 'syncline%'"), "0");

    let running = folder.started(&["run", "--follow", "--quiet"]);
    proxy.heal();
    binary::until_answer("t", || place.sql("SELECT to_regclass('t');"));
    running.signal("TERM");
    running.ends().exits(0);
}

/// Who asks for the end while a job begins is heard, whatever it waits for, and nothing is begun.
#[test]
fn a_stop_is_heard_while_a_job_begins() {
    let (folder, place) = (Folder::new(), Database::postgres());
    let (proxy, url) = behind(&place);
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    configured(&folder, &[("far", &url)], "sqlite:a.db", "");
    // What follows is ended by nothing else; what ends by itself has not done its work.
    for (arguments, code) in [(&["run", "--follow"][..], 0), (&["run"], 1)] {
        proxy.stand_still();
        let running = folder.started(arguments);
        binary::until("somebody at the network", || proxy.connections() >= 1);
        running.signal("TERM");
        let ran = running.ends().exits(code);
        assert_eq!(ran.err.contains("stopped on request"), code == 1, "{ran:?}");
        assert_eq!(folder.sql("a.db", "SELECT count(*) FROM sqlite_master WHERE name LIKE 'syncline%'"), "0");
        proxy.heal();
        proxy.cut();
    }
}
