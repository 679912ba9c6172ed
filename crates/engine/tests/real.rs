//! Databases as people have them: made by other programs, and one that collects what SQLite allows.
//!
//! Each is copied twice: into a file that does not exist, and into a database that has the source's whole schema with its
//! triggers and views and holds half of the rows, some of them stale. Then the sqlite3 program says whether all rows are
//! the same, and so must `compare`.

mod django;
mod fossil;
mod nasty;
mod nasty_values;

use crate::support::binary::Folder;
use crate::support::judge;

/// A database of somebody else's, and what to know about it.
struct Real<'a> {
    /// Its file, in the folder.
    file: &'a str,
    /// Tables that have no key, and are left out.
    keyless: &'a [&'a str],
    /// Keys of tables that do not say which columns are never null.
    keys: &'a [&'a str],
    /// SQL that makes rows of the half-filled sink stale.
    stale: &'a str,
    /// Fewest tables that must have been copied.
    tables_least: usize,
}

impl Real<'_> {
    /// Both copies, judged.
    #[track_caller]
    fn proves(&self, folder: &Folder) {
        let copied = self.copies(folder, "fresh.db", "upsert");
        assert!(copied >= self.tables_least, "only {copied} tables");
        for mode in ["upsert", "truncate"] {
            self.half_filled(folder);
            self.copies(folder, "half.db", mode);
            assert_eq!(folder.sql("half.db", "SELECT count(*) FROM fired;"), "0", "triggers fired in mode {mode}");
            folder.sql("half.db", "DROP TABLE fired;");
        }
    }

    /// Copies into `sink` and has it judged; gives the number of tables.
    #[track_caller]
    fn copies(&self, folder: &Folder, sink: &str, mode: &str) -> usize {
        let mut options: Vec<&str> = self.keyless.iter().flat_map(|table| ["--exclude", table]).collect();
        options.extend(self.keys.iter().flat_map(|key| ["--key", key]));
        let mut copy = vec!["copy", self.file, sink, "--mode", mode];
        copy.extend(&options);
        folder.syncline(&copy).well();
        judge::same_but(&folder.path(sink), &folder.path(self.file), self.keyless);
        judge::no_trace(&folder.path(sink));
        let mut compare = vec!["compare", self.file, sink];
        compare.extend(&options);
        compare.extend(if sink == "half.db" { &["--exclude", "fired"][..] } else { &[] });
        // What no copy carries is a difference.
        let virtuals = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'";
        let virtuals = folder.sql(self.file, virtuals);
        compare.extend(virtuals.lines().flat_map(|table| ["--exclude", table]));
        let ran = folder.syncline(&compare).well();
        let said: Vec<_> = ran.out.lines().filter(|line| !line.starts_with("note: not compared: ")).collect();
        assert!(matches!(said[..], [said] if said.starts_with("equal: ")), "{}", ran.out);
        let stands = judge::stands(&folder.path(sink), &folder.path(self.file));
        stands.values().filter(|stand| **stand == judge::Stand::Same).count()
    }

    /// A sink with everything of the source's schema, a trigger on each table, and every second row.
    fn half_filled(&self, folder: &Folder) {
        let _ = std::fs::remove_file(folder.path("half.db"));
        let schema = folder.sql(
            self.file,
            "SELECT sql || ';' FROM sqlite_schema s LEFT JOIN pragma_table_list l ON l.name = s.tbl_name
             WHERE sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND l.type IN ('table', 'view')
             ORDER BY CASE s.type WHEN 'table' THEN 0 WHEN 'view' THEN 1 ELSE 2 END, s.rowid;",
        );
        folder.sql("half.db", &schema);
        let from = folder.path(self.file);
        let rows = judge::halves(&from);
        folder
            .sql("half.db", &format!("ATTACH '{}' AS source;\nBEGIN;\n{rows}{}\nCOMMIT;", from.display(), self.stale));
        let triggers = folder.sql(
            "half.db",
            "SELECT printf('CREATE TRIGGER \"fires_%w_%s\" AFTER %s ON \"%w\" BEGIN INSERT INTO fired VALUES (1); END;',
                           name, event, event, name)
             FROM pragma_table_list, (SELECT 'INSERT' AS event UNION SELECT 'UPDATE' UNION SELECT 'DELETE')
             WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\';",
        );
        folder.sql("half.db", &format!("CREATE TABLE fired (x);\n{triggers}"));
        let half = judge::stands(&folder.path("half.db"), &from);
        assert!(half.values().any(|s| *s == judge::Stand::Different), "nothing is stale or missing");
    }
}
