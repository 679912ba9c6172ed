//! Values, with the server as the oracle: what it prints at the sink is what it prints at the source.

use syncline::connector::ReadOrder;
use syncline::job::Job;
use syncline_model::mapping::Rule;

use crate::support::jobs::{copy_job, described, read_all, rows_of, run_well, with_rule};
use crate::support::servers::Database;

/// Types with values of their own, as the server reads them.
const VALUES: &[(&str, &[&str])] = &[
    ("boolean", &["t", "f"]),
    ("\"char\"", &["x", ""]),
    ("char(3)", &["ab", "", "abc", "ä"]),
    ("varchar", &["", "null", "\\N", "a\tb\r\nc\\d\"e'", "\u{1F389}", "e\u{301}", "\u{fffe}", "שלום"]),
    ("varchar(4)", &["", "abcd", "ä☃\u{1F389}x"]),
    ("text", &["", "\\.", "\\x00", "{}", "NULL", "  spaces  "]),
    ("name", &["a name", "\"quoted\""]),
    ("citext", &["ABC", "abc"]),
    ("bytea", &["\\x", "\\x00", "\\x00ff7f0a5c"]),
    ("xml", &["<a b=\"1\">x</a>"]),
    ("ltree", &["a.b.c"]),
    ("tsvector", &["'a b':1A 'c''d':2"]),
    ("tsquery", &["'fat' <-> 'cat'"]),
    ("smallint", &["-32768", "32767"]),
    ("integer", &["-2147483648", "2147483647"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("oid", &["0", "4000000000"]),
    ("money", &["$1,234.11", "($1,234.11)"]),
    (
        "numeric",
        &[
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "0.000",
            "-0.00",
            "0.000000000000000000000000000001",
            "1e40",
            "1.10",
            "1.1",
            "123456789012345678901234567890.123456789012345678901234567890",
            "10000",
            "0.0001",
            "12345678.00000000",
        ],
    ),
    ("numeric(10,4)", &["NaN", "999999.9999", "-0.0001"]),
    ("numeric(60,30)", &["123456789012345678901234567890.123456789012345678901234567890"]),
    ("real", &["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "0.1"]),
    ("double precision", &["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1"]),
    (
        "date",
        &[
            "infinity",
            "-infinity",
            "epoch",
            "0044-02-01 BC",
            "300000-01-01",
            "4713-01-01 BC",
            "0001-01-01",
            "9999-12-31",
        ],
    ),
    ("time", &["24:00:00", "allballs", "23:59:59.999999", "12:00:00.5"]),
    ("time(2)", &["24:00:00", "23:59:59.99"]),
    ("timetz", &["24:00:00+02", "12:00:00-07:30", "01:02:03.4+15:59"]),
    (
        "timestamp",
        &[
            "infinity",
            "-infinity",
            "4713-12-31 23:59:59.999999 BC",
            "294247-01-01 23:59:59.999999",
            "21016-11-04",
            "1936-10-25 22:10:12.608",
        ],
    ),
    ("timestamp(3)", &["2020-01-01 00:00:00.123"]),
    (
        "timestamptz",
        &[
            "infinity",
            "-infinity",
            "4713-12-31 23:59:59.999999+00 BC",
            "294247-01-01 23:59:59.999999+00",
            "2020-10-25 02:30:00+02",
            "1916-01-01 00:00:01+00:25:21",
        ],
    ),
    ("interval", &["1 year 2 mons 3 days 04:05:06.78", "-1 mon +3 days -04:05:06.000001", "178000000 years", "0"]),
    ("interval day to second", &["3 days 04:05:06.78"]),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    ("inet", &["10.0.0.0/32", "2001:db8::1", "192.168.2.0/12"]),
    ("cidr", &["10.0.0.0/8"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("bit(1)", &["1"]),
    ("bit(64)", &["1000000000000000000000000000000000000000000000000000000000000000"]),
    ("varbit", &["", "101", "100000000000000000000000000000001"]),
    ("json", &["{\"b\": 1,\"a\":  2, \"a\":1.0}", "\"\\uDeAd\"", "\"\\u0000\"", " [ ] "]),
    ("jsonb", &["{\"b\": 1,\"a\":  2, \"a\":1.00}", "[1, 1.0, 1e3]", "null"]),
    ("hstore", &["\"key\"=>NULL, \"\"=>\"1\"", "\"a\\\"b\"=>\"c\\\\d\""]),
    ("mood", &["sad", "it's, \"ok\"", "\u{1F600}"]),
    ("other.mood", &["x"]),
    ("pair", &["(1,\"a,\"\"b\")", "(,)"]),
    ("posint", &["1"]),
    ("posposint", &["2"]),
    ("jdomain", &["{\"a\": 1}"]),
    ("adomain", &["{1,NULL}"]),
    ("int4range", &["empty", "[1,5)", "(,)"]),
    ("numrange", &["[1.0,2.00]", "(,5]"]),
    ("tsrange", &["[\"2020-01-01 00:00:00\",infinity]"]),
    ("daterange", &["[2020-01-01,)"]),
    ("int4multirange", &["{[1,3),[5,8)}"]),
    ("point", &["(1.5,-0)"]),
    ("box", &["(2,2),(1,1)"]),
    ("path", &["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    ("circle", &["<(0,0),1e-10>"]),
    ("pg_lsn", &["16/B374D848"]),
    ("xid8", &["18446744073709551615"]),
    ("int2vector", &["1 2 3"]),
];

/// What the types above need; a sink creates enums by itself, and nothing else.
const TYPES: &str = "CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; \
    CREATE TYPE pair AS (a int, b text); CREATE DOMAIN posint AS int CHECK (VALUE > 0); \
    CREATE DOMAIN posposint AS posint CHECK (VALUE > 1); CREATE DOMAIN jdomain AS jsonb; CREATE DOMAIN adomain AS int[];";

const ENUMS: &str = "CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('x'); \
    CREATE TYPE mood AS ENUM ('sad', 'it''s, \"ok\"', '\u{1F600}');";

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Types that have no arrays, or whose arrays have a form of their own.
fn has_arrays(name: &str) -> bool {
    !["\"char\"", "int2vector", "adomain"].contains(&name)
}

fn filled() -> Database {
    let place = Database::postgres();
    let mut sql = format!("{TYPES} {ENUMS}\n");
    for (i, (name, values)) in VALUES.iter().enumerate() {
        let array = if has_arrays(name) { format!(", a {name}[]") } else { String::new() };
        sql.push_str(&format!(
            "CREATE TABLE t{i} (id int PRIMARY KEY, v {name}{array});\nINSERT INTO t{i} VALUES (0, NULL);\n"
        ));
        for (id, value) in values.iter().enumerate() {
            let value = literal(value);
            sql.push_str(&format!("INSERT INTO t{i} (id, v) VALUES ({}, {value});\n", id + 1));
        }
        if has_arrays(name) {
            sql.push_str(&format!(
                "INSERT INTO t{i} SELECT 100, NULL, array_agg(v ORDER BY id) FROM t{i};\n\
                 INSERT INTO t{i} SELECT 101, NULL, ARRAY[ARRAY[v, v], ARRAY[v, NULL]] FROM t{i} WHERE id = 1;\n\
                 UPDATE t{i} SET a = '{{}}' WHERE id = 0;\n\
                 INSERT INTO t{i} SELECT 102, NULL, ('[0:1]=' || ARRAY[v, v]::text)::{name}[] FROM t{i} WHERE id = 1;\n"
            ));
        }
    }
    place.sql(&sql);
    place
}

fn printed(place: &Database) -> String {
    let one = |(i, (name, _)): (usize, &(&str, &[&str]))| {
        let array = if has_arrays(name) { ", a::text" } else { "" };
        let name = literal(name);
        format!("SELECT {name}, id, v::text{array}, pg_typeof(v) FROM t{i} ORDER BY id;\n")
    };
    let settings = "SET lc_monetary = 'C';\n";
    place.sql(&format!("{settings}{}", VALUES.iter().enumerate().map(one).collect::<String>()))
}

/// A copy whose rows go on undecoded where they can, or all as cells: a filter looks at them.
fn copied(from: &Database, to: &Database, as_cells: bool) -> Job {
    let copy = copy_job(&super::connector(from), &[&super::connector(to)]);
    let filter = as_cells.then(|| "id >= 0".to_owned());
    with_rule(copy, "*", Rule { filter, ..Rule::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_type_comes_back_as_the_server_prints_it() {
    let from = filled();
    let expected = printed(&from);
    assert!(expected.lines().count() > 300);
    for as_cells in [false, true] {
        let to = Database::postgres();
        to.sql(TYPES);
        let copy = copied(&from, &to, as_cells);
        run_well(&copy).await;
        assert_eq!(printed(&to), expected);
        // A second time, over other values: by the stage.
        let changes: String =
            (0..VALUES.len()).map(|i| format!("UPDATE t{i} SET v = NULL; DELETE FROM t{i} WHERE id = 1;\n")).collect();
        to.sql(&changes);
        assert_ne!(printed(&to), expected);
        run_well(&copy).await;
        assert_eq!(printed(&to), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn random_values_come_back_as_the_server_prints_them() {
    let seed = f64::from(std::process::id() % 1000) / 1000.0;
    eprintln!("seed {seed}");
    let from = Database::postgres();
    from.sql(&format!(
        "SELECT setseed({seed});
         CREATE TABLE t AS SELECT i::int AS id, (random() * 65535 - 32768)::int2 AS i2, \
             (random() * 4294967295 - 2147483648)::int4 AS i4, \
             (random() * 18446744073709551615 - 9223372036854775808)::numeric::int8 AS i8, \
             (random() * power(10, (random() * 70 - 35)::int))::float4 AS f4, \
             (random() * power(10, (random() * 600 - 300)::int)) AS f8, \
             ((random() * 1e15)::int8::numeric * (10::numeric ^ (random() * 60 - 30)::int)) AS n, \
             ((random() - 0.5) * 1e8)::numeric(12, 3) AS bounded, \
             ('4713-01-01 BC'::date + (random() * 5000000)::int) AS d, \
             ('4713-01-02 00:00 BC'::timestamp + random() * 200000 * interval '365 days') AS ts, \
             ('4713-01-02 00:00 BC'::timestamptz + random() * 6000 * interval '365 days') AS tz, \
             (random() * interval '24:00:00')::time AS t, \
             (random() * 100 - 50)::int * interval '1 mon' + (random() * 100 - 50)::int * interval '1 day' \
                 + (random() - 0.5) * interval '100:00:00' AS iv, \
             md5(random()::text)::uuid AS u, decode(md5(random()::text), 'hex') AS b, \
             (SELECT string_agg(chr(1 + (random() * 55000)::int), '') FROM generate_series(1, (random() * 20)::int + i * 0)) AS s \
         FROM generate_series(1, 5000) i; ALTER TABLE t ADD PRIMARY KEY (id);"
    ));
    let all = "SELECT * FROM t ORDER BY id;";
    let to = Database::postgres();
    run_well(&copied(&from, &to, true)).await;
    assert!(from.sql(all) == to.sql(all), "rows differ with seed {seed}");
    let image = "SELECT md5(string_agg(md5(textin(record_out(whole))), '' ORDER BY id)) FROM t AS whole;";
    assert_eq!(from.sql(image), to.sql(image), "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_of_every_kind_come_in_the_order_of_cells() {
    let place = Database::postgres();
    let keys = [
        ("numeric", "'NaN', 'Infinity', '-Infinity', -1.5, 0, 10, 9.99, 1e40"),
        ("double precision", "'NaN', 'Infinity', '-Infinity', -1.5, 0, 10, 9.99, 1e300"),
        ("date", "'infinity', '-infinity', '0044-02-01 BC', '0001-01-01', '9999-12-31', '12000-01-01', '2020-01-01'"),
        ("timestamp", "'infinity', '-infinity', '0044-02-01 BC', '2020-01-01 00:00:00.5', '2020-01-01', '12000-01-01'"),
        (
            "timestamptz",
            "'infinity', '-infinity', '0044-02-01 BC', '2020-01-01 00:00:00.5', '2020-01-01', '12000-01-01'",
        ),
        ("time", "'24:00', '00:00', '23:59:59.999999', '12:00:00.5'"),
        ("interval", "'1 mon', '29 days', '31 days', '-1 year', '1 day 23:00', '47:30:00', '-1 mon 90 days'"),
        ("text", "'a', 'B', 'ä', 'Z', 'aa', 'a b', '', '_', '\u{1F600}', '\u{fffd}'"),
        ("char(3)", "'a', 'B', E'a\\001', 'aa', ''"),
        ("uuid", "'ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000001'"),
        ("boolean", "true, false"),
        ("bytea", "'\\xff', '\\x00', '\\x', '\\x00ff'"),
        ("mood", "'z', 'a', 'm'"),
        ("inet", "'10.0.0.1', '9.0.0.1', '::1'"),
        ("oid", "4000000000, 1, 30"),
    ];
    place.sql("CREATE TYPE mood AS ENUM ('z', 'm', 'a');");
    for (i, (name, values)) in keys.iter().enumerate() {
        let values = values.replace(", ", "), (");
        place.sql(&format!("CREATE TABLE k{i:02} (k {name} PRIMARY KEY);\nINSERT INTO k{i:02} VALUES ({values});"));
    }
    let connector = super::connector(&place);
    let tables = described(&connector).await;
    assert_eq!(tables.len(), keys.len());
    let batches = read_all(&connector, &tables, ReadOrder::Key, 1 << 20).await.unwrap();
    for (i, (name, values)) in keys.iter().enumerate() {
        let rows = rows_of(&batches, &format!("k{i:02}"));
        assert_eq!(rows.len(), values.matches(", ").count() + 1, "{name}");
        assert!(rows.windows(2).all(|pair| pair[0][0].as_cell() < pair[1][0].as_cell()), "{name}: {rows:?}");
    }
}
