//! Whole copies, by the program.

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// Every type of the brand with values of its own; `{charset}` is the database's.
const EVERYTHING: &str = "
SET sql_mode = '';
CREATE TABLE customer (
  id int unsigned AUTO_INCREMENT PRIMARY KEY, name varchar(100) CHARACTER SET utf8mb4 NOT NULL, email varchar(120) UNIQUE,
  latin varchar(20) CHARACTER SET latin1, note text, created datetime(6),
  updated timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  bal decimal(12,2) DEFAULT 1.5, flag tinyint(1), meta json, photo blob,
  kind enum('a','b,c','d''e') CHARACTER SET utf8mb4 DEFAULT 'a', tags set('x','y','z'),
  f float, d double, t time(3), dt date, y year, b bit(9), u uuid, ip inet6, g point, big bigint unsigned,
  med mediumint, small smallint unsigned, fixed binary(4), c char(5), KEY by_name (name, c));
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer_id int unsigned, total decimal(65,30), twice decimal(65,30) AS (total * 2),
  FOREIGN KEY (customer_id) REFERENCES customer (id) ON DELETE CASCADE);
INSERT INTO customer (name, email, latin, note, created, bal, flag, meta, photo, kind, tags, f, d, t, dt, y, b, u, ip, g,
  big, med, small, fixed, c) VALUES
 ('Änne 🎉', 'a@x', 'café', 'tab\\there\\nnl\\\\bs\\0nul\\rcr', '2024-02-29 12:34:56.123456', -12.34, 2,
  '{\"b\":1,  \"a\":[1.0]}', X'00ff0a0d5c0927', 'b,c', 'x,z', 1.17549e-38, 0.1, '23:59:59.999', '9999-12-31', 2155,
  b'100000001', '123e4567-e89b-12d3-a456-426614174000', '::1', point(1.5, -2.25), 18446744073709551615, -8388608, 65535,
  X'00010200', 'ab');
INSERT INTO customer (name, dt, t, created, d, f, y, big) VALUES
 ('zero', '0000-00-00', '-838:59:59', '0000-00-00', -1.7976931348623157e308, 3.40282e38, 0, 0),
 ('part', '2000-00-01', '800:00:01.5', '2000-02-00 01:02:03', 5e-324, -1.5, 1901, 9223372036854775808);
INSERT INTO customer (name, note) VALUES ('', '');
INSERT INTO orders (id, customer_id, total) VALUES
 (1, 1, 12345678901234567890123456789012345.123456789012345678901234567890),
 (-9223372036854775808, 1, -1e-30), (3, NULL, NULL);
";

/// Every byte of every column, as the server itself shows it.
const SHOWN: &str = "
SELECT id, HEX(name), HEX(email), HEX(latin), HEX(note), created, updated, bal, flag, HEX(meta), HEX(photo), kind, tags, f,
 d, t, dt, y, HEX(b), u, ip, HEX(g), big, med, small, HEX(fixed), HEX(c) FROM customer ORDER BY id;
SELECT id, customer_id, total, twice FROM orders ORDER BY id;
SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, CHARACTER_SET_NAME, COLLATION_NAME
 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1;
SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SEQ_IN_INDEX FROM information_schema.STATISTICS
 WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, 1, 4;
SELECT TABLE_NAME, REFERENCED_TABLE_NAME, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS
 WHERE CONSTRAINT_SCHEMA = DATABASE();
SHOW TABLES;";

#[test]
fn everything_arrives_in_another_mariadb() {
    let (from, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    from.sql(EVERYTHING);
    // Twice: into tables that are there, rows replace rows.
    for _ in 0..2 {
        folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
        let extras = |shown: &str| shown.replace("customer_id|customer_id", "customer_id");
        assert_eq!(extras(&to.sql(SHOWN)), extras(&from.sql(SHOWN)));
    }
    folder.syncline(&["compare", &from.url(), &to.url()]).exits(0);
    assert_eq!(to.sql("INSERT INTO customer (name) VALUES ('next'); SELECT max(id) FROM customer;"), "5");
}

/// What has the same text in the wider types that MariaDB gives to columns of another brand.
const IN_WIDER_TYPES: &str = "
SELECT id, HEX(name), HEX(email), HEX(CONVERT(latin USING utf8mb4)), HEX(note), created,
 updated + INTERVAL 0 MICROSECOND, bal, flag, HEX(meta), HEX(photo), kind, tags, f * 1e0, d, dt, y + 0, b + 0, u, ip, HEX(g),
 big, med, small, HEX(fixed), HEX(c), t + 0e0 FROM customer ORDER BY id;";

#[test]
fn everything_goes_through_sqlite_and_back() {
    let (from, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    from.sql(EVERYTHING);
    // What SQLite has no room for.
    from.sql("UPDATE customer SET big = big >> 1;");
    folder.syncline(&["copy", &from.url(), "sqlite:lite.db", "--exclude", "orders"]).exits(0);
    folder.syncline(&["copy", "sqlite:lite.db", &to.url()]).exits(0);
    assert_eq!(to.sql(IN_WIDER_TYPES), from.sql(IN_WIDER_TYPES));
}
