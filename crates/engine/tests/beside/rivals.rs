//! Two processes on one job while a table is loaded: one of them is fenced, and the rows are right (F08, F09).

use super::{PAIRS, Pair};
use crate::support::binary::until;

/// The side lane of the first has caught up and hangs; a second process adopts what it has loaded. The first wakes for nothing.
#[test]
fn a_rival_adopts_what_another_has_loaded() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let first = pair.folder.paused_at(&["run", "live", "--follow", "--quiet"], "caught_up", 1).unwrap();
        pair.changes(1);
        pair.arrives(&format!("{brands:?} by the rival"));
        // The first one's lane is still there, and must notice that it is not its own any more.
        pair.changes(2);
        pair.arrives(&format!("{brands:?} beside the first"));
        first.kill();
        pair.arrives(&format!("{brands:?}"));
    }
}

/// Both load at once: the later one takes lane and side lane, the earlier one ends as fenced.
#[test]
fn of_two_that_load_the_later_one_stays() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let first = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        let second = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        for n in 0..10 {
            pair.sql(&format!("INSERT INTO u VALUES ({}, 'x');", 50 + n));
            pair.sql(&format!("UPDATE t SET v = 'y' WHERE id % 10 = {n};"));
        }
        until("all changes", || pair.to.sql("SELECT count(*) FROM u WHERE id >= 50;") == "10");
        let mut both = [first, second];
        until("the end of one", || {
            pair.sql("UPDATE u SET v = v || 'z' WHERE id = 1;".replace("v || 'z'", "'z'").as_str());
            pair.sql("UPDATE u SET v = 'a' WHERE id = 1;");
            both.iter_mut().any(|one| !one.runs())
        });
        let [mut first, second] = both;
        let (ended, stays) = if first.runs() { (second, first) } else { (first, second) };
        let ran = ended.ends();
        assert!(ran.err.contains("another process has taken this lane over"), "{brands:?}: {ran:?}");
        until("the load", || pair.to.sql("SELECT count(*) FROM syncline_position;") == "1");
        stays.signal("TERM");
        stays.ends().well();
        pair.arrives(&format!("{brands:?}"));
    }
}
