//! A password is shown nowhere: not in an error, not with `-vvv`, not in a document (I15).

use crate::support::binary::{Folder, Ran, ended};

const PASSWORD: &str = "hunter2";

#[track_caller]
fn keeps_it(ran: &Ran, what: &str) {
    assert!(!ran.out.contains(PASSWORD), "{what}: {}", ran.out);
    assert!(!ran.err.contains(PASSWORD), "{what}: {}", ran.err);
    // A URL that can be read names a server that is not there.
    assert!(matches!(ran.code, Some(1 | 2)), "{what}: {:?} {}", ran.code, ran.err);
}

#[test]
fn urls_on_the_command_line() {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);");
    let urls = [
        "postgres://app:hunter2@db1/shop",
        "postgres://app:hunter2@db1:port/shop",
        "postgres://app:hunter2@db1:99999/shop",
        "postgres://app:hunter2@",
        "postgres://app:%zzhunter2@db1/shop",
        "postgres://db1/shop?password=hunter2",
        "postgres:app:hunter2@db1/shop",
        "postgres://app:12/hunter2@db1/shop",
        "oracel://app:hunter2@db1/shop",
        "sqlite://app:hunter2@db1/shop\u{7}",
    ];
    for url in urls {
        let commands: [&[&str]; 8] = [
            &["copy", url, "sink.db"],
            &["copy", "shop.db", url],
            &["compare", "shop.db", url],
            &["compare", "shop.db", "shop.db", url],
            &["copy", "shop.db", "sink.db", "--mode", url],
            &["init", url, "sink.db"],
            &["check", url],
            &["status", url],
        ];
        for command in commands {
            for options in [&[][..], &["--json", "-vvv"], &["--quiet"]] {
                let arguments = [command, options].concat();
                let ran = folder.syncline(&arguments);
                keeps_it(&ran, &arguments.join(" "));
            }
        }
    }
    assert_eq!(folder.contents().into_keys().collect::<Vec<_>>(), ["shop.db"]);
}

#[test]
fn urls_in_the_configuration() {
    let connections = [
        "'postgres://app:hunter2@db1/shop'",
        "'postgres://app:hunter2@db1:port/shop'",
        "{url: 'postgres://app:hunter2@db1/shop', password: hunter2}",
        "{url: 'postgres://app@db1/shop', password: hunter2}",
        "{url: 'postgres://app@db1/shop', password: [hunter2]}",
        "{url: 'postgres://app@db1/shop', passwort: hunter2}",
        "{url: 'postgres://app@db1/shop', password: 'hunter2}'",
        "{url: 'postgres://app@db1/shop', password: '${hunter2!}'}",
        "'${SHOP_URL}'",
        "hunter2",
        "!secret hunter2",
        "*hunter2",
    ];
    for connection in connections {
        let folder = Folder::new();
        folder.write("syncline.yaml", &format!("version: 1\nconnections:\n  shop: {connection}\n"));
        for options in [&["check"][..], &["check", "--json", "-vvv"], &["copy", "shop", "sink.db", "-vvv"]] {
            let mut command = folder.command(options);
            command.env("SHOP_URL", "postgres://app:hunter2@db1:port/shop");
            keeps_it(&ended(&mut command), connection);
        }
    }
}

#[test]
fn words_that_may_be_urls() {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);");
    folder.syncline(&["init", "shop.db", "sink.db"]).well();
    let url = "postgres://app:hunter2@db1/shop";
    for command in [&["run", url][..], &["plan", url], &["copy", "shop.db", "sink.db", "--key", url]] {
        keeps_it(&folder.syncline(command), &command.join(" "));
    }
}
