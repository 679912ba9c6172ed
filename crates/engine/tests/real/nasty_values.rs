//! Values of every kind in columns of every declared type.

/// The declared type is a hint to SQLite: almost anything can be in almost any column.
pub const VALUES: &str = r#"
    CREATE TABLE v_numbers (id INTEGER PRIMARY KEY, untyped, i INTEGER, n NUMERIC, r REAL, d DECIMAL(10,2), t TINYINT,
        u "UNSIGNED BIG INT", m MONEY, s "SMALLINT UNSIGNED");
    INSERT INTO v_numbers VALUES
        (1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (2, 1.0, 1.5, 1.5, 1, 1.25, 300, -1, 1.5, 70000),
        (3, 9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807, 9223372036854775807, 1, 1, 1, 1),
        (4, -9223372036854775808, -9223372036854775808, -9223372036854775808, -9223372036854775808, 0.1, 1, 1, 1, 1),
        (5, 9.25e18, 9.25e18, 9.25e18, 9.25e18, 9.25e18, 1e19, 1e19, 1e19, 1e19),
        (6, 9e999, 9e999, 9e999, 9e999, 9e999, -9e999, -9e999, -9e999, -9e999),
        (7, 0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2, 0.1, 0.1, 0.1, 0.1),
        (8, 5e-324, 5e-324, 5e-324, 5e-324, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e15, 1e16),
        (9, 'text', 'text', 'text', 'text', 'text', 'text', 'text', 'text', 'text'),
        (10, '1', '1x', '1.5.2', '1e', '0x10', '--1', '+', '.', '1,5'),
        (11, x'01', x'01', x'', x'31', x'00', x'ff', x'31', x'32', x''),
        (12, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (13, -9223372036854775807.0, 123456789012345678, 1e22, 123456789012345680000.0, 12345678901234567890, 2, 3, 4, 5),
        (14, '', '', '', '', '', '', '', '', ''),
        (15, ' ', 'inf', 'nan', 'Infinity', 'NaN', 'true', 'null', '١', '１'),
        (16, 4503599627370496.5, 4503599627370496.5, 0.3, 1e23, 8.41e21, 9007199254740993, 9007199254740993.0, 0.1, 1e-7);
    CREATE TABLE v_text (id INTEGER PRIMARY KEY, t TEXT, c CHAR(3), v VARCHAR(2), b BLOB, n CLOB);
    INSERT INTO v_text VALUES
        (1, '', '', '', '', ''),
        (2, 1, 1.5, 1e300, 1, -0.5),
        (3, x'', x'00', x'ff', x'', x''),
        (4, 'a' || char(0) || 'b', char(0), 'longer than two', zeroblob(3), char(0) || char(0)),
        (5, CAST(x'ff' AS TEXT), CAST(x'c328' AS TEXT), CAST(x'eda080' AS TEXT), CAST(x'f8' AS TEXT), 'ok' || CAST(x'80' AS TEXT)),
        (6, '😀', 'é', 'é', '日本語', char(8238) || 'rtl'),
        (7, ' lead', 'trail ', '	tab', 'line
break', '\n'),
        (8, char(0xfeff) || 'bom', char(0xffff), char(0x10ffff), char(13, 10), char(8232)),
        (9, NULL, NULL, NULL, NULL, NULL),
        (10, '{"a": 1}', '00', '1', '1.0', '2026-01-01');
    CREATE TABLE v_times (id INTEGER PRIMARY KEY, d DATE, t TIME, dt DATETIME, ts TIMESTAMP, tz TIMESTAMPTZ, tw "TIMESTAMP WITH TIME ZONE");
    WITH forms(f) AS (VALUES
        ('2026-01-31'), ('2026-01-31 12:34'), ('2026-01-31 12:34:56'), ('2026-01-31 12:34:56.7'), ('2026-01-31 12:34:56.789'),
        ('2026-01-31 12:34:56.789123'), ('2026-01-31 12:34:56.789123456'), ('2026-01-31 12:34:56.700'), ('2026-01-31 12:34:56.000'),
        ('2026-01-31T12:34:56'), ('2026-01-31T12:34:56.789Z'), ('2026-01-31 12:34:56Z'), ('2026-01-31 12:34:56+00:00'),
        ('2026-01-31 12:34:56-00:00'), ('2026-01-31 12:34:56+02:00'), ('2026-01-31 12:34:56.5+00:00'), ('2026-01-31 12:34+00:00'),
        ('12:34'), ('12:34:56'), ('12:34:56.789'), ('24:00:00'), ('23:59:60'), ('25:00:00'), ('-12:34:56'), ('12:34:56Z'),
        ('now'), (''), ('never'), ('0000-00-00'), ('0000-01-01'), ('0001-01-01'), ('-0001-01-01'), ('-4713-11-24 12:00:00'),
        ('9999-12-31 23:59:59.999999'), ('10000-01-01'), ('+2026-01-31'), ('2026-1-1'), ('2026-02-30'), ('2025-02-29'), ('2024-02-29'),
        ('20260131'), ('2026-031'), ('2026-W05-6'), (' 2026-01-31'), ('2026-01-31 '), ('31.01.2026'), ('01/31/2026'), ('Jan 31 2026'),
        ('2026-01-31  12:34:56'), ('2026-01-31 12:34:56 UTC'), (2461041.5), (1769853600), (1769853600.5), (0), (-1), (1e300), (NULL),
        (x'323032362d30312d3331'), ('2026-01-31 00:00:00'), ('1969-12-31 23:59:59.999999'), ('2026-01-31 12:34:56+00'))
    INSERT INTO v_times (d, t, dt, ts, tz, tw) SELECT f, f, f, f, f, f FROM forms;
    CREATE TABLE v_words (id INTEGER PRIMARY KEY, bo BOOLEAN, uu UUID, js JSON, by_ BYTEA, iv INTERVAL, en "ENUM('a','b')", ar "INTEGER[]");
    WITH forms(f) AS (VALUES
        (0), (1), (2), (-1), (0.5), (1.0), ('t'), ('true'), ('0'), (x'01'), (NULL), (''),
        ('6ba7b810-9dad-11d1-80b4-00c04fd430c8'), ('6BA7B810-9DAD-11D1-80B4-00C04FD430C8'), ('6ba7b8109dad11d180b400c04fd430c8'),
        ('{6ba7b810-9dad-11d1-80b4-00c04fd430c8}'), ('6ba7b810-9dad-11d1-80b4-00c04fd430cg'), (randomblob(16)),
        ('{"a":1,"a":2}'), ('{ "b" : [1, 2.0, 1e2, null] }'), ('[]'), ('not json'), ('"text"'), ('1.50'), ('null'),
        ('1 day'), ('P1DT2H'), ('{1,2}'))
    INSERT INTO v_words (bo, uu, js, by_, iv, en, ar) SELECT f, f, f, f, f, f, f FROM forms;
    CREATE TABLE v_large (id INTEGER PRIMARY KEY, t TEXT, b BLOB);
    INSERT INTO v_large VALUES (1, printf('%.*c', 1048576, 'x'), zeroblob(1048576)), (2, 'small', x''),
        (3, replace(printf('%.*c', 262144, 'x'), 'x', '☃'), randomblob(3145728)), (4, NULL, NULL);
"#;
