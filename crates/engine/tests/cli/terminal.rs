//! What a terminal sees, what a pipe sees, and what happens when nobody reads.

use super::shop;
use crate::support::binary::{Folder, Ran, SYNCLINE, ended, needs};

/// Enough rows that a copy can be watched.
fn large() -> Folder {
    let folder = shop();
    folder.sql(
        "shop.db",
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, page TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO visit SELECT i, '/page/' || i FROM n;",
    );
    folder
}

/// Runs the program in a terminal of its own; both outputs arrive as one.
fn in_terminal(folder: &Folder, arguments: &str) -> Ran {
    let command = format!("{SYNCLINE} {arguments}");
    let mut script = folder.program(needs("/usr/bin/script"), &["-qec", &command, "/dev/null"]);
    script.env("TERM", "xterm-256color").stdin(std::process::Stdio::null());
    ended(&mut script)
}

const ESCAPE: char = '\u{1b}';

#[test]
fn a_terminal_sees_rows_move() {
    let folder = large();
    let ran = in_terminal(&folder, "copy shop.db sink.db").exits(0);
    assert!(ran.out.contains(ESCAPE), "no moving line: {:?}", ran.out);
    assert!(ran.out.contains("visit  ") && ran.out.contains("of about 200,000 rows"), "{:?}", ran.out);
    assert!(ran.out.contains("total"), "no summary: {:?}", ran.out);
}

#[test]
fn a_pipe_sees_plain_lines() {
    let folder = large();
    let ran = folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    assert!(!ran.out.contains([ESCAPE, '\r']), "{:?}", ran.out);
    // Even with logs.
    let ran = folder.syncline(&["-vvv", "compare", "shop.db", "sink.db", "--table", "customer"]).exits(0);
    assert!(!ran.err.is_empty() && !ran.err.contains(ESCAPE), "{:?}", ran.err);
}

#[test]
fn quiet_is_quiet() {
    let folder = large();
    for arguments in ["copy shop.db sink.db --quiet", "compare shop.db sink.db --quiet", "check shop.db --quiet"] {
        let ran = in_terminal(&folder, arguments).exits(0);
        assert_eq!(ran.out, "", "{arguments}");
    }
    folder.sql("sink.db", "DELETE FROM customer WHERE id = 1;");
    let ran = folder.syncline(&["compare", "shop.db", "sink.db", "-q"]).exits(3);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    // An error is always said.
    assert!(folder.syncline(&["copy", "gone.db", "sink.db", "-q"]).exits(2).err.starts_with("error: "));
}

#[test]
fn a_document_alone() {
    let folder = large();
    let ran = in_terminal(&folder, "copy shop.db sink.db --json").exits(0);
    ran.json();
    let ran = folder.syncline(&["copy", "gone.db", "sink.db", "--json"]).exits(2);
    assert_eq!(ran.json()["exit_code"], 2);
}

#[test]
fn nobody_reads() {
    let folder = large();
    folder.syncline(&["copy", "shop.db", "sink.db", "-q"]).well();
    folder.sql("sink.db", "UPDATE visit SET page = '';");
    let shell = |script: &str| {
        let mut bash = folder.program(needs("/bin/bash"), &["-c", script]);
        ended(bash.env("SYNCLINE", SYNCLINE))
    };
    for (command, code) in [
        ("compare shop.db sink.db --limit 200000", 3),
        ("compare shop.db sink.db --limit 200000 --json", 3),
        ("copy shop.db sink.db -vvv", 0),
        ("check shop.db", 0),
        ("--help", 0),
    ] {
        for reader in ["2>&1 | head -1", "2>&1 | true", ">&- 2>&-", ">/dev/full"] {
            let ran = shell(&format!(
                "set -o pipefail; \"$SYNCLINE\" {command} {reader} >/dev/null; echo ${{PIPESTATUS[0]}}"
            ));
            let said = format!("{}{}", ran.out, ran.err);
            assert!(!said.contains("panicked"), "{command} {reader}: {said}");
            let last = ran.out.lines().last().unwrap_or_default();
            assert_eq!(last, code.to_string(), "{command} {reader}: {said}");
        }
    }
}
