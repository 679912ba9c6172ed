//! Values and columns that only MariaDB has.

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// What a server without strict mode keeps of a label that it does not know.
#[test]
fn an_enums_empty_value_is_refused_by_row() {
    let (from, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, e enum('a','b') CHARACTER SET utf8mb4, s set('x','y') CHARACTER SET utf8mb4);
         SET sql_mode = ''; INSERT INTO t VALUES (1, 'a', ''), (2, 'nothing', 'x,nothing'), (3, NULL, NULL);",
    );
    assert_eq!(from.sql("SELECT e + 0, e, s FROM t WHERE id = 2;"), "0||x");
    let ran = folder.syncline(&["copy", &from.url(), &to.url()]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for word in ["table t", "column e", "row 2 as read", "an enum keeps the empty text only without strict mode"] {
        assert!(ran.err.contains(word), "{word} is not in {}", ran.err);
    }
    from.sql("UPDATE t SET e = 'b' WHERE e = 0;");
    folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
    assert_eq!(to.sql("SELECT id, e, s + 0 FROM t ORDER BY id;"), "1|a|0\n2|b|1\n3|NULL|NULL");
}

/// I10: by their text alone these values would quietly become others.
#[test]
fn what_looks_like_an_empty_label_is_refused() {
    let (from, folder) = (Database::mariadb(), Folder::new());
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v enum('a','') CHARACTER SET utf8mb4); INSERT INTO t VALUES (1, ''), (2, 'a');
         CREATE TABLE u (id int PRIMARY KEY, v set('a','') CHARACTER SET utf8mb4); INSERT INTO u VALUES (1, ''), (2, 'a');",
    );
    let to = Database::mariadb();
    folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
    let shown = "SELECT t.id, t.v + 0, u.v + 0 FROM t JOIN u USING (id) ORDER BY 1;";
    assert_eq!(to.sql(shown), from.sql(shown));
    for (table, odd) in [("t", "SET sql_mode = ''; UPDATE t SET v = 'b';"), ("u", "UPDATE u SET v = 3;")] {
        from.sql(odd);
        let ran = folder.syncline(&["copy", &from.url(), "sqlite:lite.db", "--table", table]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.err.contains("looks like another one") && ran.err.contains("column v"), "{}", ran.err);
    }
}

/// F45: as text, times beyond a day sort among the others.
#[test]
fn times_of_every_kind_can_be_a_key() {
    let (a, b, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    a.sql(
        "CREATE TABLE t (k time(3) PRIMARY KEY, v int); CREATE TABLE two (g int, k time, PRIMARY KEY (g, k));
         INSERT INTO t VALUES ('-00:00:01', 1), ('00:00:00', 2), ('23:59:59.999', 3), ('24:00:00', 4), ('838:59:59', 5),
           ('-838:59:59', 6), ('100:00:00.5', 7), ('-01:00:00', 8), ('99:00:00', 9), ('10:00:00', 10), ('10:00:00.5', 11);
         INSERT INTO two SELECT v % 3, k FROM t WHERE MICROSECOND(k) = 0;",
    );
    for to in [&b.url(), "sqlite:lite.db"] {
        folder.syncline(&["copy", &a.url(), to]).exits(0);
        folder.syncline(&["compare", &a.url(), to]).exits(0);
    }
    b.sql("UPDATE t SET v = 0 WHERE k = '838:59:59';");
    let said = folder.syncline(&["compare", &a.url(), &b.url()]).exits(3).out;
    assert!(said.contains("k=\"838:59:59\": differs in v"), "{said}");
}

#[test]
fn the_plan_names_a_counter_that_is_not_created() {
    let (from, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    from.sql(
        "CREATE TABLE t (g int, n int AUTO_INCREMENT, PRIMARY KEY (g, n), KEY (n)); INSERT INTO t (g) VALUES (1), (1);",
    );
    let ran = folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("t: the counter of column n is not created"), "{said}");
    assert_eq!(to.sql("SELECT g, n FROM t ORDER BY n;"), "1|1\n1|2");
}

/// A decimal without bounds has no type here, a text without a length only a bounded one in a key.
#[test]
fn the_plan_names_what_has_no_bounds() {
    let (from, to, folder) = (Database::postgres(), Database::mariadb(), Folder::new());
    from.sql("CREATE TABLE n (k numeric PRIMARY KEY); CREATE TABLE t (k text PRIMARY KEY);");
    let refused = folder.syncline(&["copy", &from.url(), &to.url()]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    for words in ["n: column k is", "a decimal here needs bounds"] {
        assert!(refused.err.contains(words), "{words} is not in {}", refused.err);
    }
    let ran = folder.syncline(&["copy", &from.url(), &to.url(), "--table", "t"]).exits(0);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("t: column k is in a key, which holds 3072 bytes of it"), "{said}");
}
