//! A repository of the Fossil version control system: one SQLite file with everything in it.

use crate::support::binary::{Folder, ended, needs};

use super::Real;

/// Runs fossil in the checkout.
fn fossil(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = folder.program(needs("/usr/bin/fossil"), arguments);
    command.env("USER", "ada").env("FOSSIL_HOME", folder.root());
    if folder.path("work").exists() {
        command.current_dir(folder.path("work"));
    }
    ended(&mut command).exits(0).out
}

/// Commits, tickets and pages; with a full-text index, whose tables are virtual.
fn repository(folder: &Folder) {
    fossil(folder, &["new", "--admin-user", "ada", "repo.fossil"]);
    std::fs::create_dir(folder.path("work")).unwrap();
    fossil(folder, &["open", "../repo.fossil"]);
    for commit in 1..=6 {
        for file in 1..=commit * 3 {
            let text = format!("file {file}, commit {commit}: naïve ☃\n").repeat(20 * file + commit);
            folder.write(&format!("work/file {file}.txt"), &text);
        }
        fossil(folder, &["addremove"]);
        fossil(folder, &["commit", "--no-warnings", "-m", &format!("commit {commit} — ünïcode")]);
    }
    for ticket in 1..=5 {
        fossil(folder, &["ticket", "add", "title", &format!("ticket {ticket}"), "status", "Open", "type", "Incident"]);
    }
    folder.write("work/page", "A page with [a link](/wiki?name=Other) and ☃.\n");
    for page in ["Home", "Other"] {
        fossil(folder, &["wiki", "create", page, "page"]);
    }
    fossil(folder, &["tag", "add", "release-1", "trunk"]);
    fossil(folder, &["fts-config", "enable", "cdtw"]);
    fossil(folder, &["fts-config", "index", "on"]);
    fossil(folder, &["rebuild", "--analyze"]);
    fossil(folder, &["close"]);
}

#[test]
fn a_fossil_repository() {
    let folder = Folder::new();
    repository(&folder);
    let real = Real {
        file: "repo.fossil",
        keyless: &["backlink", "mlink", "ticketchng"],
        keys: &["plink=pid,cid", "shun=uuid", "tagxref=rid,tagid"],
        stale: "UPDATE config SET value = 'stale'; UPDATE event SET comment = 'stale', mtime = 0;
                UPDATE blob SET content = NULL WHERE rid % 4 = 0;",
        tables_least: 10,
    };
    real.proves(&folder);
}
