//! What a source keeps for its lanes: nothing for one that has only nothing to carry, and an alarm where it becomes too much.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use syncline_rig::Brand;

use super::{BRANDS, Source};
use crate::support::binary::until;

const TABLES: &str = "CREATE TABLE t (id int NOT NULL PRIMARY KEY); CREATE TABLE u (id int NOT NULL PRIMARY KEY)";

/// A lane whose own tables rest keeps nothing that others write from being removed.
#[test]
fn a_lane_that_has_nothing_to_carry_keeps_nothing() {
    for brand in BRANDS {
        let source = Source::new(brand, TABLES);
        source.jobs(
            "calm: {from: a, to: b, capture: trigger, install: auto, tables: {t: {}}}\n\
             busy: {from: a, to: c, capture: trigger, install: auto, tables: {u: {}}}",
        );
        source.folder.syncline(&["run", "--quiet"]).well();
        let mut running = source.folder.started(&["run", "--follow", "--quiet"]);
        source.sql("INSERT INTO u VALUES (1), (2)");
        let log = source.sql("SELECT log FROM syncline_capture WHERE name = 'u'");
        until("what both lanes have to be removed", || {
            running.goes_on();
            source.folder.sql("c.db", ".timeout 20000\nSELECT count(*) FROM u") == "2"
                && source.sql(&format!("SELECT count(*) FROM syncline_log_{log}")) == "0"
        });
        running.signal("TERM");
        running.ends().exits(0);
    }
}

/// Two jobs that are loaded, and one of which does not come back.
fn with_one_away(brand: Option<Brand>, alarm: &str) -> Source {
    let source = Source::new(brand, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(5000))");
    with_alarm(&source, alarm);
    source.folder.syncline(&["run", "--quiet"]).well();
    source
}

/// The strictest of the jobs that follow a source counts.
fn with_alarm(source: &Source, alarm: &str) {
    source.jobs(&format!(
        "live: {{from: a, to: b, capture: trigger, install: auto{alarm}}}\n\
         away: {{from: a, to: c, capture: trigger, install: auto, alarm_age: 30 d}}"
    ));
}

/// Makes what was captured so much older.
fn grown_old(source: &Source, hours: u32) {
    source.sql(&match source.brand {
        None => format!("UPDATE syncline_outbox SET at = at - {hours} / 24.0"),
        Some(Brand::Postgres) => format!("UPDATE syncline_log_1 SET at = at - interval '{hours} hours'"),
        Some(Brand::Mariadb) => format!("UPDATE syncline_outbox SET at = at - INTERVAL {hours} HOUR"),
    });
}

/// What `/metrics` says, once somebody listens there.
fn metrics(address: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let mut answer = String::new();
    let _ = write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// A lane that does not come back is named, with what to do, by everything that looks at the source.
#[test]
fn a_lane_that_stays_away_raises_an_alarm() {
    for brand in BRANDS {
        let source = with_one_away(brand, ", alarm_age: 1 d");
        source.sql("INSERT INTO t VALUES (1, 'x')");
        source.caught_up();
        source.folder.syncline(&["status"]).exits(0);
        grown_old(&source, 25);
        let ran = source.run().exits(0);
        let told = |text: &str| {
            text.contains("a retains ")
                && text.contains(" of changes for lane away-")
                && text.contains("the oldest 25 h old")
                && text.contains("`syncline uninstall away` lets its changes go")
        };
        assert!(told(&ran.err) && ran.err.matches("WARN").count() == 1, "{brand:?}: {}", ran.err);
        let document = source.folder.syncline(&["run", "live", "--json"]).exits(0).json();
        let alarm = &document["alarms"][0];
        assert_eq!(
            (&alarm["source"], &alarm["alarm"]["by_age"], &alarm["alarm"]["by_size"]),
            (&"a".into(), &true.into(), &false.into())
        );
        let status = source.folder.syncline(&["status"]).exits(4);
        assert!(told(&status.out) && !status.out.contains("nothing is wrong"), "{brand:?}: {}", status.out);
        let status = source.folder.syncline(&["status", "a", "--json"]).exits(4).json();
        let a = &status["connections"][0];
        let lane = a["alarm"]["lane"].as_str().unwrap();
        assert!(lane.starts_with("away-") && lane.ends_with("-c"), "{brand:?}: {a}");
        assert!(
            a["retained"]["bytes"].as_u64() > Some(0) && a["retained"]["lanes"][1]["age_s"].is_null(),
            "{brand:?}: {a}"
        );
        assert_eq!(a["retained"]["estimated"], brand == Some(Brand::Mariadb));
        let check = source.folder.syncline(&["check", "a"]).exits(0);
        assert!(check.out.contains("warning: a retains") && told(&check.out), "{brand:?}: {}", check.out);
        // One that is away for a time that is allowed is not too much.
        with_alarm(&source, ", alarm_age: 26 h");
        assert!(!source.run().exits(0).err.contains("retains"), "{brand:?}");
        let check = source.folder.syncline(&["check", "a"]).exits(0);
        assert!(check.out.contains("ok: its change tables take "), "{brand:?}: {}", check.out);
    }
}

/// Change tables that have grown large are named with the lane that holds them, where one does.
#[test]
fn large_change_tables_raise_an_alarm() {
    for brand in BRANDS {
        let source = with_one_away(brand, ", alarm_age: 30 d, alarm_size: 1 MiB");
        let long = "y".repeat(1500);
        source.sql(&format!("INSERT INTO t VALUES (0, '{long}')"));
        for n in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] {
            source.sql(&format!("INSERT INTO t SELECT id + {n}, v FROM t"));
        }
        // Rows so short that PostgreSQL does not compress them; MariaDB counts some time later.
        let size = || {
            source.folder.syncline(&["status", "a", "--json"]).json()["connections"][0]["retained"]["bytes"].as_u64()
        };
        until("the size of the change tables", || size() > Some(2 << 20));
        assert!(!source.run().exits(0).err.contains("retains"), "{brand:?}: nobody is behind by much");
        grown_old(&source, 1);
        let warned = source.run().exits(0).err;
        assert!(warned.contains(" MiB of changes for lane away-"), "{brand:?}: {warned}");
        // Who was away has all of it: the room is still there, and nobody holds it.
        source.folder.syncline(&["run", "away", "--quiet"]).exits(0);
        assert!(!source.run().exits(0).err.contains("retains"), "{brand:?}");
    }
}

/// While a job follows it is told once that something is too much, and once that it no longer is.
#[test]
fn an_alarm_is_told_once() {
    let source = with_one_away(None, ", alarm_age: 24 h");
    source.sql("INSERT INTO t VALUES (1, 'x')");
    grown_old(&source, 50);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let running = source.folder.started(&["run", "live", "--follow", "--quiet", "--metrics", &free]);
    until("the alarm", || metrics(&free).contains("syncline_alarm{source=\"a\"} 1"));
    let text = metrics(&free);
    assert!(
        text.contains("syncline_retained_bytes{source=\"a\"} ") && text.contains("# TYPE syncline_alarm gauge"),
        "{text}"
    );
    // It gets worse, which is nothing new.
    grown_old(&source, 100);
    until("a later look", || {
        let text = metrics(&free);
        let ages =
            text.lines().filter(|line| line.starts_with("syncline_retained_age_seconds{source=\"a\",lane=\"away-"));
        let mut ages = ages.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        ages.next().is_some_and(|age| age > 149.0 * 3600.0)
    });
    source.folder.syncline(&["run", "away", "--quiet"]).exits(0);
    until("the end of it", || metrics(&free).contains("syncline_alarm{source=\"a\"} 0"));
    running.signal("TERM");
    let said = running.ends().exits(0).err;
    assert_eq!((said.matches("a retains").count(), said.matches("no longer retains").count()), (1, 1), "{said}");
}
