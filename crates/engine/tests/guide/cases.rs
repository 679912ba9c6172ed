//! The types and values that the page is about.

/// A brand, as the page has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    Postgres,
    Mariadb,
    Sqlite,
}

impl Brand {
    /// In the order of the page's columns.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mariadb, Self::Sqlite];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
            Self::Sqlite => "SQLite",
        }
    }
}

/// What must be there before the tables.
pub fn prelude(brand: Brand) -> &'static str {
    match brand {
        Brand::Postgres => {
            "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN grade AS smallint; \
             CREATE TYPE pair AS (a int, b text);\n"
        }
        // Lets in what a strict server would not.
        Brand::Mariadb => "SET sql_mode = '';\n",
        Brand::Sqlite => "",
    }
}

/// Every type that the page names; `PRIMARY KEY` behind one means that it is a table's key.
pub fn types(brand: Brand) -> &'static [&'static str] {
    match brand {
        Brand::Postgres => POSTGRES,
        Brand::Mariadb => MARIADB,
        Brand::Sqlite => SQLITE,
    }
}

/// Types, values as SQL, and values as the page shows them.
pub fn values(brand: Brand) -> &'static [(&'static str, &'static str, &'static str)] {
    match brand {
        Brand::Postgres => POSTGRES_VALUES,
        Brand::Mariadb => MARIADB_VALUES,
        Brand::Sqlite => SQLITE_VALUES,
    }
}

const POSTGRES: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "oid",
    "real",
    "double precision",
    "numeric(12,2)",
    "numeric(30,10)",
    "numeric(70,40)",
    "numeric",
    "money",
    "text",
    "text PRIMARY KEY",
    "varchar(40)",
    "varchar(20000)",
    "char(8)",
    "name",
    "bytea",
    "bytea PRIMARY KEY",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timestamptz(0)",
    "timetz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "mood",
    "integer[]",
    "text[]",
    "inet",
    "cidr",
    "macaddr",
    "bit(4)",
    "varbit",
    "int4range",
    "point",
    "tsvector",
    "xml",
    "pair",
    "grade",
];

const MARIADB: &[&str] = &[
    "tinyint(1)",
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "tinyint unsigned",
    "smallint unsigned",
    "mediumint unsigned",
    "int unsigned",
    "bigint unsigned",
    "bit(12)",
    "year",
    "decimal(12,2)",
    "decimal(65,30)",
    "float",
    "double",
    "char(8)",
    "varchar(40)",
    "varchar(40) PRIMARY KEY",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "binary(4)",
    "varbinary(16)",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "enum('sad','glad')",
    "set('a','b')",
    "date",
    "time",
    "time(6)",
    "datetime",
    "datetime(6)",
    "timestamp NULL",
    "json",
    "uuid",
    "inet4",
    "inet6",
    "point",
];

const SQLITE: &[&str] = &[
    "",
    "INTEGER",
    "TINYINT",
    "SMALLINT",
    "MEDIUMINT",
    "INT4",
    "BIGINT",
    "UNSIGNED BIG INT",
    "TINYINT UNSIGNED",
    "BOOLEAN",
    "REAL",
    "FLOAT4",
    "NUMERIC",
    "DECIMAL(12,2)",
    "DECIMALTEXT(30,10)",
    "TEXT",
    "TEXT PRIMARY KEY",
    "VARCHAR(40)",
    "BLOB",
    "BLOB(16)",
    "DATE",
    "TIME",
    "DATETIME",
    "TIMESTAMPTZ",
    "UUID",
    "JSON",
    "MONEY",
];

const POSTGRES_VALUES: &[(&str, &str, &str)] = &[
    ("boolean", "true", "t"),
    ("integer", "-7", "-7"),
    ("real", "'0.1'", "0.1"),
    ("real", "'NaN'", "NaN"),
    ("double precision", "'NaN'", "NaN"),
    ("double precision", "'-Infinity'", "-Infinity"),
    ("double precision", "'-0'", "-0"),
    ("numeric(12,2)", "'10.50'", "10.50"),
    ("numeric(12,2)", "'NaN'", "NaN"),
    ("numeric(30,10)", "'12345678901234567890.0123456789'", "12345678901234567890.0123456789"),
    ("text", "'a '", "a "),
    ("text", "U&'\\+01F389'", "🎉"),
    ("char(4)", "'ab'", "ab  "),
    ("bytea", "'\\x00ff'", "\\x00ff"),
    ("date", "'2026-01-31'", "2026-01-31"),
    ("date", "'infinity'", "infinity"),
    ("date", "'0044-02-01 BC'", "0044-02-01 BC"),
    ("date", "'12000-01-01'", "12000-01-01"),
    ("time", "'12:00:00.25'", "12:00:00.25"),
    ("time", "'24:00:00'", "24:00:00"),
    ("timetz", "'12:00:00+02'", "12:00:00+02"),
    ("timestamp", "'2026-01-31 12:00:00.123456'", "2026-01-31 12:00:00.123456"),
    ("timestamp", "'-infinity'", "-infinity"),
    ("timestamptz", "'2026-01-31 12:00:00+02'", "2026-01-31 10:00:00+00"),
    ("interval", "'1 year 2 mons 3 days 04:05:06.5'", "1 year 2 mons 3 days 04:05:06.5"),
    ("uuid", "'0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e'", "0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e"),
    ("uuid", "'0f3b1a52-6b0e-fc1d-1a77-2b4a5f6c7d8e'", "0f3b1a52-6b0e-fc1d-1a77-2b4a5f6c7d8e"),
    ("json", "'{\"b\":1,  \"a\":2}'", "{\"b\":1,  \"a\":2}"),
    ("jsonb", "'{\"b\":1,  \"a\":2}'", "{\"a\": 2, \"b\": 1}"),
    ("mood", "'glad'", "glad"),
    ("integer[]", "'{1,NULL,3}'", "{1,NULL,3}"),
    ("inet", "'10.0.0.1/8'", "10.0.0.1/8"),
    ("money", "'1234.5'", "$1,234.50"),
    ("bit(4)", "'0101'", "0101"),
    ("int4range", "'[1,5)'", "[1,5)"),
    ("point", "'(1,2)'", "(1,2)"),
    ("pair", "'(1,x)'", "(1,x)"),
];

const MARIADB_VALUES: &[(&str, &str, &str)] = &[
    ("tinyint(1)", "1", "1"),
    ("tinyint(1)", "2", "2"),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    ("bit(12)", "b'101'", "101"),
    ("year", "2026", "2026"),
    ("year", "0", "0000"),
    ("decimal(12,2)", "10.50", "10.50"),
    ("decimal(40,20)", "12345678901234567890.01234567890123456789", "12345678901234567890.01234567890123456789"),
    ("float", "0.1", "0.1"),
    ("double", "-0e0", "-0"),
    ("varchar(40)", "'a '", "a "),
    ("varchar(40)", "_utf8mb4 X'610062'", "a\\0b"),
    ("char(4)", "'ab'", "ab"),
    ("varchar(40) CHARACTER SET latin1", "_latin1 X'E4'", "ä"),
    ("binary(4)", "'ab'", "\\x61620000"),
    ("blob", "X'00ff'", "\\x00ff"),
    ("enum('sad','glad')", "'glad'", "glad"),
    ("enum('sad','glad')", "'none'", ""),
    ("set('a','b')", "'a,b'", "a,b"),
    ("date", "'2026-01-31'", "2026-01-31"),
    ("date", "'0000-00-00'", "0000-00-00"),
    ("date", "'2000-00-01'", "2000-00-01"),
    ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("datetime(6)", "'2026-01-31 12:00:00.25'", "2026-01-31 12:00:00.250000"),
    ("timestamp NULL", "'2026-01-31 12:00:00'", "2026-01-31 12:00:00"),
    ("time", "'12:00:00'", "12:00:00"),
    ("time", "'838:59:59'", "838:59:59"),
    ("time", "'-01:00:00'", "-01:00:00"),
    ("json", "'{\"b\":1,  \"a\":2}'", "{\"b\":1,  \"a\":2}"),
    ("uuid", "'0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e'", "0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e"),
    ("inet6", "'::1'", "::1"),
    ("point", "POINT(1, 2)", "\\x000000000101000000000000000000f03f0000000000000040"),
];

const SQLITE_VALUES: &[(&str, &str, &str)] = &[
    ("", "1", "1"),
    ("", "'x'", "x"),
    ("", "x'00ff'", "\\x00ff"),
    ("INTEGER", "'x'", "x"),
    ("TINYINT", "300", "300"),
    ("BOOLEAN", "1", "1"),
    ("BOOLEAN", "2", "2"),
    ("REAL", "0.1", "0.1"),
    ("REAL", "9e999", "inf"),
    ("", "-0.0", "-0.0"),
    ("DECIMAL(12,2)", "10.5", "10.5"),
    ("DECIMALTEXT(30,10)", "'12345678901234567890.0123456789'", "12345678901234567890.0123456789"),
    ("TEXT", "'a '", "a "),
    ("TEXT", "CAST(x'610062' AS TEXT)", "a\\0b"),
    ("TEXT", "CAST(x'ff' AS TEXT)", "(the byte FF)"),
    ("VARCHAR(3)", "'abcdef'", "abcdef"),
    ("BLOB", "x'00ff'", "\\x00ff"),
    ("BLOB", "'x'", "x"),
    ("DATE", "'2026-01-31'", "2026-01-31"),
    ("DATE", "'yesterday'", "yesterday"),
    ("DATETIME", "'2026-01-31 12:00:00'", "2026-01-31 12:00:00"),
    ("DATETIME", "'2026-01-31T12:00:00Z'", "2026-01-31T12:00:00Z"),
    ("TIMESTAMPTZ", "'2026-01-31 12:00:00+00:00'", "2026-01-31 12:00:00+00:00"),
    ("UUID", "'0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e'", "0f3b1a52-6b0e-4c1d-9a77-2b4a5f6c7d8e"),
    ("UUID", "'0F3B1A52-6B0E-4C1D-9A77-2B4A5F6C7D8E'", "0F3B1A52-6B0E-4C1D-9A77-2B4A5F6C7D8E"),
    ("JSON", "'{\"b\":1,  \"a\":2}'", "{\"b\":1,  \"a\":2}"),
    ("JSON", "'no JSON'", "no JSON"),
];
