//! Asked to stop, overtaken by itself, and interrupted by the server.

use std::time::Duration;

use syncline_rig::Brand;

use super::{BRANDS, End, Held, arrived, filled, rows, sums, tables};
use crate::support::binary::Folder;
use crate::support::servers::Database;

/// Longest that a person waits after asking, on a machine that has other things to do; on a quiet one it is five seconds.
const STOP_MAX: Duration = Duration::from_secs(60);

fn stops(brand: Brand, network_heals: bool) {
    let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(brand));
    filled(&from);
    let held = Held::at(&folder, &from, &to, End::Sink);
    held.running.signal("TERM");
    if network_heals {
        std::thread::sleep(Duration::from_millis(50));
        held.proxy.heal();
    }
    let ran = held.running.ends_within(STOP_MAX).exits(4);
    held.proxy.heal();
    assert!(ran.err.contains("stopped on request"), "{ran:?}");
    assert_eq!((rows(&to, "b"), rows(&to, "c")), (0, 0));
    Held::again(&held.words, &folder).exits(0);
    arrived(&from, &to);
}

#[test]
fn sigterm_leaves_nothing_half() {
    BRANDS.into_iter().for_each(|brand| stops(brand, true));
}

/// Nobody waits for a network to be asked to stop.
#[test]
fn sigterm_is_heard_while_the_network_stands_still() {
    BRANDS.into_iter().for_each(|brand| stops(brand, false));
}

#[test]
fn two_copies_at_once_end_with_one_set_of_rows() {
    for brand in BRANDS {
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(brand));
        filled(&from);
        for pause in [0, 40, 150] {
            let command = ["copy", &from.url(), &to.url()];
            let first = folder.started(&command);
            std::thread::sleep(Duration::from_millis(pause));
            let second = folder.started(&command);
            let both = [first.ends(), second.ends()];
            for ran in &both {
                let fenced = ran.err.contains("another process has taken this lane over");
                assert!(ran.code == Some(0) || fenced, "{brand:?} after {pause} ms: {ran:?}");
            }
            assert!(both.iter().any(|ran| ran.code == Some(0)), "{both:?}");
            assert_eq!(tables(&to), "a\nb\nc", "{both:?}");
            for table in ["a", "b", "c"] {
                assert_eq!(sums(&to, table), sums(&from, table), "{brand:?} after {pause} ms: {table}");
            }
            to.sql("DROP TABLE a, b, c");
        }
    }
}

/// An administrator's cancellation, or a timeout that the session could not switch off: never fewer rows.
#[test]
fn a_statement_that_the_server_cancels() {
    for brand in BRANDS {
        for end in [End::Source, End::Sink] {
            let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(brand));
            filled(&from);
            let held = Held::at(&folder, &from, &to, end);
            let place = if end == End::Source { &from } else { &to };
            match brand {
                Brand::Postgres => place.sql(
                    "SELECT 1 FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                     AND pid <> pg_backend_pid() AND state = 'active') cancelled",
                ),
                Brand::Mariadb => {
                    let running = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND \
                                   id <> CONNECTION_ID() AND command = 'Query'";
                    place.sql(running).lines().map(|id| place.sql(&format!("KILL QUERY {id}"))).collect()
                }
            };
            held.proxy.heal();
            let ran = held.running.ends();
            if ran.code != Some(0) {
                // Said once, with what to do; what is done stays done.
                assert_eq!((ran.code, ran.err.matches("error:").count()), (Some(4), 1), "{brand:?} {end:?} {ran:?}");
                assert!(ran.err.contains("continues"), "{ran:?}");
                assert_eq!((rows(&to, "b"), rows(&to, "c")), (0, 0), "{brand:?} {end:?} {ran:?}");
                Held::again(&held.words, &folder).exits(0);
            }
            arrived(&from, &to);
        }
    }
}

/// What a login or a server allows others to take is not for a copy: the session says so itself.
#[test]
fn timeouts_of_the_login_do_not_cut_a_copy_short() {
    for brand in BRANDS {
        let server = crate::support::servers::private_with(
            brand,
            match brand {
                Brand::Postgres => &[("statement_timeout", "300ms"), ("idle_in_transaction_session_timeout", "300ms")],
                Brand::Mariadb => &[("max_statement_time", "0.3"), ("wait_timeout", "1"), ("net_write_timeout", "1")],
            },
        );
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::on(server.address()));
        filled(&from);
        let held = Held::at(&folder, &from, &to, End::Sink);
        std::thread::sleep(Duration::from_millis(1300));
        held.proxy.heal();
        held.running.ends().well();
        arrived(&from, &to);
    }
}
