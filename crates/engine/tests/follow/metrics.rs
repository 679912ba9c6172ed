//! `--metrics`: what a lane has done, for programs that watch.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::followed;
use crate::support::binary::{PATIENCE, seen};

/// One request by hand: the answer's text.
fn asked(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Some(answer)
}

#[test]
fn what_a_lane_has_done_can_be_watched() {
    let folder = followed(
        "CREATE TABLE \"a\"\"b\" (id INTEGER PRIMARY KEY, v); INSERT INTO \"a\"\"b\" VALUES (1, 'never shown')",
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let running = folder.started(&["run", "live", "--follow", "--metrics", &free]);
    // Its port opens before it loads.
    let loaded = "syncline_loaded_rows_total{job=\"live\",sink=\"b\",table=\"a\\\"b\"} 1";
    let until = |wanted: &str| {
        seen(|| {
            let text = asked(&free, "/metrics").unwrap_or_default();
            if text.contains(wanted) { Ok(text) } else { Err(format!("{text}\nand never {wanted}")) }
        })
    };
    let text = until(loaded);
    assert!(text.contains("Content-Type: text/plain") || text.contains("content-type: text/plain"), "{text}");
    folder.sql("a.db", "INSERT INTO \"a\"\"b\" VALUES (2, 'never shown'), (3, 'never shown')");
    let text = until("syncline_changes_total{job=\"live\",sink=\"b\"} 2");
    assert!(text.contains("# TYPE syncline_lag_seconds gauge") && !text.contains("never shown"), "{text}");
    assert!(asked(&free, "/").unwrap().starts_with("HTTP/1.1 404"));
    // Nobody else can have the port; the refusal changes nothing.
    let refused = folder.syncline(&["run", "live", "--metrics", &free]);
    assert_eq!((refused.code, &*refused.out), (Some(2), ""), "{refused:?}");
    assert!(refused.err.contains("cannot listen for metrics"), "{}", refused.err);
    running.signal("TERM");
    running.ends().exits(0);
}
