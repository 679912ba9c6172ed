//! The ways to alter a table, by brand.

use super::{FILE, MARIADB, Of, POSTGRES};

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    GoesOn,
    Stops,
    /// As it happens to look.
    Either,
}
use Ends::{Either, GoesOn, Stops};

/// One of them. `{t}` is the table: `id, v, w, n`, of which `n` is not null.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub ddl: &'static str,
    /// What the application writes afterwards, where it is not what it always writes.
    pub after: &'static str,
    /// What the sink's user does before the table is loaded again, if the job has stopped.
    pub mend: &'static str,
    /// What the application does to have its table back.
    pub back: &'static str,
    pub pauses: Ends,
    pub adds: Ends,
    /// Whether the first columns are all there afterwards.
    pub keeps_columns: bool,
    /// Whether a column that triggers name is gone.
    pub takes_away: bool,
    /// Whether the table has another name.
    pub renames: bool,
}

const CASE: Case = Case {
    name: "",
    ddl: "",
    after: "",
    mend: "",
    back: "",
    pauses: GoesOn,
    adds: GoesOn,
    keeps_columns: true,
    takes_away: false,
    renames: false,
};

/// Nothing that a lane has to know.
const fn harmless(name: &'static str, ddl: &'static str) -> Case {
    Case { name, ddl, pauses: Either, adds: Either, ..CASE }
}

/// A column comes, in these words at each end.
const fn added(name: &'static str, ddl: &'static str, mend: &'static str) -> Case {
    Case { name, ddl, mend, pauses: Stops, ..CASE }
}

/// A column is other than it was.
const fn retyped(name: &'static str, ddl: &'static str) -> Case {
    Case { name, ddl, mend: ddl, pauses: Stops, adds: Stops, ..CASE }
}

/// A column goes.
const fn gone(name: &'static str, ddl: &'static str, mend: &'static str) -> Case {
    Case { name, ddl, mend, pauses: Stops, keeps_columns: false, takes_away: true, ..CASE }
}

const ADD: &str = "ALTER TABLE {t} ADD COLUMN x int;";
const ADD_DEFAULT: &str = "ALTER TABLE {t} ADD COLUMN x int DEFAULT 7;";
const ADD_NOT_NULL: &str = "ALTER TABLE {t} ADD COLUMN x int NOT NULL DEFAULT 7;";
const RENAME: &str = "ALTER TABLE {t} RENAME COLUMN w TO ww;";
const AWAY: Case = Case {
    name: "another name",
    ddl: "ALTER TABLE {t} RENAME TO r_{t};",
    after: "INSERT INTO r_{t} (id, v) VALUES (50, 'new');",
    back: "ALTER TABLE r_{t} RENAME TO {t};",
    pauses: Stops,
    adds: Stops,
    keeps_columns: false,
    renames: true,
    ..CASE
};

/// All that can be done at that brand.
pub fn cases(brand: Of) -> Vec<Case> {
    let mut cases = vec![
        added("a column", ADD, ADD),
        added("a column with a default", ADD_DEFAULT, ADD_DEFAULT),
        added("a column that is not null", ADD_NOT_NULL, ADD_NOT_NULL),
        gone("another name of a column", RENAME, RENAME),
        AWAY,
        harmless("another name and back", "ALTER TABLE {t} RENAME TO r_{t}; ALTER TABLE r_{t} RENAME TO {t};"),
        harmless("an index", "CREATE INDEX i_{t} ON {t} (w);"),
        harmless("a unique index", "CREATE UNIQUE INDEX u_{t} ON {t} (v);"),
    ];
    cases.extend(match brand {
        POSTGRES => postgres(),
        MARIADB => mariadb(),
        FILE => file(),
    });
    cases
}

fn postgres() -> Vec<Case> {
    const BETWEEN: &str = "BEGIN; UPDATE {t} SET w = 9 WHERE id = 1; ALTER TABLE {t} ADD COLUMN x int; COMMIT; UPDATE {t} SET x = 5 WHERE id = 1;";
    let wide = "UPDATE {t} SET w = 5000000000 WHERE id = 1;";
    let null = "ALTER TABLE {t} ALTER COLUMN n DROP NOT NULL;";
    vec![
        gone("a column less", "ALTER TABLE {t} DROP COLUMN w;", ""),
        gone(
            "the last column dropped and added",
            "ALTER TABLE {t} DROP COLUMN n, ADD COLUMN n int NOT NULL DEFAULT 0;",
            "",
        ),
        gone("a column dropped and added", "ALTER TABLE {t} DROP COLUMN w, ADD COLUMN w int;", ""),
        Case { after: wide, ..retyped("a wider type", "ALTER TABLE {t} ALTER COLUMN w TYPE bigint;") },
        retyped("another type", "ALTER TABLE {t} ALTER COLUMN w TYPE text USING w::text;"),
        Case {
            name: "another collation",
            ddl: "ALTER TABLE {t} ALTER COLUMN v TYPE varchar(40) COLLATE \"C\";",
            pauses: Either,
            adds: Either,
            ..CASE
        },
        harmless("a reference", "ALTER TABLE {t} ADD FOREIGN KEY (w) REFERENCES p (id);"),
        harmless("a default", "ALTER TABLE {t} ALTER COLUMN w SET DEFAULT 3;"),
        harmless(
            "no default",
            "ALTER TABLE {t} ALTER COLUMN n DROP DEFAULT; ALTER TABLE {t} ALTER COLUMN n SET DEFAULT 1;",
        ),
        harmless("not null", "ALTER TABLE {t} ALTER COLUMN v SET NOT NULL;"),
        Case {
            after: "INSERT INTO {t} VALUES (51, 'x', 1, NULL);",
            mend: null,
            pauses: Stops,
            adds: Stops,
            ..harmless("null", null)
        },
        Case {
            adds: Stops,
            ..added(
                "a computed column",
                "ALTER TABLE {t} ADD COLUMN g int GENERATED ALWAYS AS (n * 2) STORED;",
                "ALTER TABLE {t} ADD COLUMN g int;",
            )
        },
        harmless("a check", "ALTER TABLE {t} ADD CHECK (n < 1000000);"),
        added("between two changes", BETWEEN, ADD),
    ]
}

fn mariadb() -> Vec<Case> {
    let wide = "UPDATE {t} SET w = 5000000000 WHERE id = 1;";
    let null = "ALTER TABLE {t} MODIFY n int NULL;";
    vec![
        gone("a column less", "ALTER TABLE {t} DROP COLUMN w;", ""),
        Case {
            adds: Either,
            ..gone("a column dropped and added", "ALTER TABLE {t} DROP COLUMN w; ALTER TABLE {t} ADD COLUMN w int;", "")
        },
        Case { after: wide, ..retyped("a wider type", "ALTER TABLE {t} MODIFY w bigint;") },
        retyped("another type", "ALTER TABLE {t} MODIFY w varchar(20);"),
        retyped("another character set", "ALTER TABLE {t} MODIFY v varchar(40) CHARACTER SET latin1;"),
        Case { mend: "", ..retyped("another order", "ALTER TABLE {t} MODIFY w int FIRST;") },
        harmless("a reference", "ALTER TABLE {t} ADD FOREIGN KEY (w) REFERENCES p (id);"),
        harmless("a default", "ALTER TABLE {t} ALTER COLUMN w SET DEFAULT 3;"),
        harmless(
            "no default",
            "ALTER TABLE {t} ALTER COLUMN n DROP DEFAULT; ALTER TABLE {t} ALTER COLUMN n SET DEFAULT 1;",
        ),
        harmless("not null", "ALTER TABLE {t} MODIFY v varchar(40) NOT NULL;"),
        Case {
            after: "INSERT INTO {t} VALUES (51, 'x', 1, NULL);",
            mend: null,
            pauses: Stops,
            adds: Stops,
            ..harmless("null", null)
        },
        Case {
            adds: Stops,
            ..added(
                "a computed column",
                "ALTER TABLE {t} ADD COLUMN g int AS (n * 2) STORED;",
                "ALTER TABLE {t} ADD COLUMN g int;",
            )
        },
        harmless("a check", "ALTER TABLE {t} ADD CHECK (n < 1000000);"),
    ]
}

fn file() -> Vec<Case> {
    const BETWEEN: &str = "BEGIN; UPDATE {t} SET w = 9 WHERE id = 1; ALTER TABLE {t} ADD COLUMN x int; UPDATE {t} SET x = 5 WHERE id = 1; COMMIT;";
    // The only way to another type: the triggers go with the table, and the job stops.
    const REBUILT: &str = "BEGIN; CREATE TABLE n_{t} (id int NOT NULL PRIMARY KEY, v varchar(40), w text, n int NOT NULL DEFAULT 0); \
         INSERT INTO n_{t} SELECT * FROM {t}; DROP TABLE {t}; ALTER TABLE n_{t} RENAME TO {t}; COMMIT;";
    vec![
        retyped("another type", REBUILT),
        Case {
            adds: Stops,
            ..added(
                "a computed column",
                "ALTER TABLE {t} ADD COLUMN g int AS (n * 2);",
                "ALTER TABLE {t} ADD COLUMN g int;",
            )
        },
        added("a reference", "ALTER TABLE {t} ADD COLUMN x int REFERENCES p (id);", ADD),
        added("between two changes", BETWEEN, ADD),
    ]
}
