//! The table of the benches between servers: ten columns of every usual kind, about 120 bytes a row as PostgreSQL sends
//! them, the same values in every brand and in every run.

use std::path::Path;

use syncline_rig::Brand;

use super::data;
use super::report::grouped;
use super::servers::{Place, path, shell, words};
use crate::failure::Result;
use crate::process;

pub const TABLE: &str = "sales_order";

/// What differs between the tables of one brand: a sink must hold what its source's brand can send.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The column of the primary key; none if it is built later, or by nobody.
    pub key: Option<&'static str>,
    /// Another brand's integers may all be large ones.
    pub wide_integers: bool,
}

/// The shape of PostgreSQL's own table.
pub const OWN: Shape = Shape { key: Some("id"), wide_integers: false };

/// The same for rows from SQLite.
pub const WIDE: Shape = Shape { wide_integers: true, ..OWN };

pub fn create_postgres(shape: Shape) -> String {
    let integer = if shape.wide_integers { "bigint" } else { "integer" };
    let small = if shape.wide_integers { "bigint" } else { "smallint" };
    let key = shape.key.map(|key| format!(", PRIMARY KEY ({key})")).unwrap_or_default();
    format!(
        "CREATE TABLE {TABLE} (id bigint NOT NULL, customer_id {integer} NOT NULL, reference varchar(20) NOT NULL, \
         amount numeric(12,2) NOT NULL, quantity {small} NOT NULL, note text, ordered_at timestamp NOT NULL, \
         paid_at timestamptz, ship_date date NOT NULL, active boolean NOT NULL{key})"
    )
}

/// Text is equal by its bytes, in a key as in a table that the product creates; elsewhere by a collation that pgloader
/// has heard of.
pub fn create_mariadb(shape: Shape) -> String {
    let integer = if shape.wide_integers { "BIGINT" } else { "INT" };
    let small = if shape.wide_integers { "BIGINT" } else { "SMALLINT" };
    let key = shape.key.map(|key| format!(", PRIMARY KEY ({key})")).unwrap_or_default();
    let collation = if shape.key == Some("reference") { "utf8mb4_nopad_bin" } else { "utf8mb4_bin" };
    format!(
        "CREATE TABLE {TABLE} (id BIGINT NOT NULL, customer_id {integer} NOT NULL, reference VARCHAR(20) NOT NULL, \
         amount DECIMAL(12,2) NOT NULL, quantity {small} NOT NULL, note LONGTEXT, ordered_at DATETIME(6) NOT NULL, \
         paid_at DATETIME(6), ship_date DATE NOT NULL, active TINYINT(1) NOT NULL{key}) \
         CHARACTER SET utf8mb4 COLLATE {collation}"
    )
}

pub fn create_sqlite(shape: Shape) -> String {
    let (id, key) = match shape.key {
        Some("id") => ("INTEGER PRIMARY KEY", String::new()),
        Some(key) => ("INTEGER NOT NULL", format!(", PRIMARY KEY ({key})")),
        None => ("INTEGER NOT NULL", String::new()),
    };
    format!(
        "CREATE TABLE {TABLE} (id {id}, customer_id INTEGER NOT NULL, reference VARCHAR(20) NOT NULL, \
         amount DECIMAL(12,2) NOT NULL, quantity INTEGER NOT NULL, note TEXT, ordered_at DATETIME NOT NULL, \
         paid_at TIMESTAMPTZ, ship_date DATE NOT NULL, active BOOLEAN NOT NULL{key})"
    )
}

/// Arithmetic on the row's number: the same everywhere. The multipliers are primes, so that neighbouring rows differ and
/// references come in another order than numbers. No time ends in a whole second: it has one text form less.
const FILL: &str = "INSERT INTO sales_order SELECT n, n * 7919 % 100003, \
    'SO-' || lpad((n * 7919 % 100000007)::text, 9, '0'), (n * 104729 % 10000000 - 1000000) / 100.0, n % 1000 - 500, \
    CASE WHEN n % 7 > 0 THEN 'Kundin ' || n % 100003 || ' läutet' END, \
    timestamp '2001-11-14 22:13:20' + n * interval '37 s' + (n * 7919 % 999 + 1) * interval '1 ms', \
    CASE WHEN n % 5 > 0 THEN timestamptz '2001-12-01 00:00:00+00' + n * interval '37 s' \
        + (n * 104729 % 999 + 1) * interval '1 ms' END, \
    date '2001-11-14' + (n / 2000)::int, n % 3 = 0 FROM generate_series(1::bigint, ROWS) n";

/// Fills a new database of PostgreSQL: from here the rows go everywhere else.
pub fn generate(place: &Place, database: &str, shape: Shape, rows: u64) -> Result<()> {
    println!("bench: writing {} rows", grouped(rows));
    place.anew(database)?;
    place.execute(database, &create_postgres(Shape { key: None, ..shape }))?;
    place.execute(database, &FILL.replace("ROWS", &rows.to_string()))?;
    if let Some(key) = shape.key {
        place.execute(database, &format!("ALTER TABLE {TABLE} ADD PRIMARY KEY ({key})"))?;
    }
    // As after a night at somebody's: the planner knows the table, and no reader marks its rows.
    place.execute(database, &format!("VACUUM (FREEZE, ANALYZE) {TABLE}"))?;
    Ok(())
}

/// A few sums over every column, the same text in every brand: a copy that has lost or changed something must not be
/// called fast. Each row has its own weight, so that rows cannot swap values unseen.
pub fn fingerprint(place: &Place, database: &str) -> Result<String> {
    let dialect = match place.address().brand() {
        Brand::Postgres => &POSTGRES,
        Brand::Mariadb => &MARIADB,
    };
    Ok(place.execute(database, &dialect.sums())?.replace('\t', "|"))
}

/// The same of a file of SQLite.
pub fn fingerprint_of_file(file: &Path) -> Result<String> {
    process::output(data::sqlite3(file).arg(SQLITE.sums()))
}

/// How a brand writes what all of them can compute: `{}` stands for the column.
struct Dialect {
    bytes: &'static str,
    /// The number of one character of a text, 0 beyond its end.
    character: &'static str,
    cents: &'static str,
    /// Since 1970.
    milliseconds: &'static str,
    days: &'static str,
    integer: &'static str,
}

const POSTGRES: Dialect = Dialect {
    bytes: "octet_length({})",
    character: "ascii(substr({}, (1 + id % 20)::int, 1))",
    cents: "({} * 100)::bigint",
    milliseconds: "floor(extract(epoch FROM {}) * 1000)::bigint",
    days: "({} - date '1970-01-01')",
    integer: "{}::int",
};

const MARIADB: Dialect = Dialect {
    bytes: "length({})",
    character: "ord(convert(substr({}, 1 + id % 20, 1) USING utf32))",
    cents: "cast({} * 100 AS signed)",
    milliseconds: "timestampdiff(MICROSECOND, '1970-01-01', {}) DIV 1000",
    days: "datediff({}, '1970-01-01')",
    integer: "{}",
};

/// A reader of a plain file cannot tell a null from an empty text; there is none of the latter.
const SQLITE: Dialect = Dialect {
    bytes: "length(cast(nullif({}, '') AS BLOB))",
    character: "coalesce(unicode(substr({}, 1 + id % 20, 1)), 0)",
    cents: "cast(round({} * 100) AS INTEGER)",
    milliseconds: "(strftime('%s', nullif({}, '')) * 1000 + cast(round(strftime('%f', {}) * 1000) AS INTEGER) % 1000)",
    days: "(strftime('%s', {}) / 86400)",
    integer: "{}",
};

impl Dialect {
    fn sums(&self) -> String {
        let on = |form: &str, column: &str| form.replace("{}", column);
        let text = |column: &str| format!("{} * 7 + {}", on(self.bytes, column), on(self.character, column));
        // The largest sum of 20 million rows stays below 2^63.
        let time = |column: &str| format!("{} % 1000003", on(self.milliseconds, column));
        let values = [
            on(self.integer, "customer_id"),
            text("reference"),
            on(self.cents, "amount"),
            on(self.integer, "quantity"),
            text("note"),
            time("ordered_at"),
            time("paid_at"),
            on(self.days, "ship_date"),
            on(self.integer, "active"),
        ];
        let weighed = values.map(|value| format!("sum(({value}) * (1 + id % 9973))"));
        let counted = ["note", "paid_at"].map(|column| format!("sum({})", self.there(column)));
        format!("SELECT count(*), sum(id), {}, {} FROM {TABLE}", weighed.join(", "), counted.join(", "))
    }

    /// 1 where the column holds something.
    fn there(&self, column: &str) -> String {
        format!("CASE WHEN {} > 0 THEN 1 ELSE 0 END", self.bytes.replace("{}", &format!("cast({column} AS char(40))")))
    }
}

/// The rows as a file that PostgreSQL and MariaDB load: tabs between, `\N` for null, times in UTC.
pub fn export(place: &Place, database: &str, file: &Path) -> Result<()> {
    write_file(place, database, file, "", "")
}

/// The rows as a file that the sqlite3 shell imports, which knows no null; with `+00:00` behind a time with zone.
pub fn export_for_sqlite(place: &Place, database: &str, file: &Path) -> Result<()> {
    write_file(place, database, file, "+00:00", ", NULL ''")
}

fn write_file(place: &Place, database: &str, file: &Path, zone: &str, options: &str) -> Result<()> {
    let time = |column: &str| format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS.MS')");
    let sql = format!(
        "COPY (SELECT id, customer_id, reference, amount, quantity, note, {}, {} || '{zone}', ship_date, active::int \
         FROM {TABLE} ORDER BY id) TO STDOUT (FORMAT text{options})",
        time("ordered_at"),
        time("paid_at AT TIME ZONE 'UTC'")
    );
    process::run(&mut shell(&format!("{} > {}", words(&place.statement(database, &sql)), path(file))))
}

/// MariaDB's own way to load a ready file.
pub fn load_data(file: &Path) -> String {
    let file = file.to_string_lossy().replace('\\', r"\\").replace('\'', r"\'");
    format!("LOAD DATA LOCAL INFILE '{file}' INTO TABLE {TABLE} CHARACTER SET utf8mb4")
}

/// The lines that make the sqlite3 shell import a ready file: one prepared insert for all rows, in one transaction. It knows no
/// null and leaves empty text.
pub fn import(file: &Path) -> String {
    format!(".mode ascii\n.separator \"\\t\" \"\\n\"\n.import '{}' {TABLE}\n", file.display())
}
