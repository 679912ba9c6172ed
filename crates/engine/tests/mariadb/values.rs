//! Values at random: what one server shows of them, another shows too.

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn hex(&mut self, bytes_max: u64) -> String {
        let length = self.roll(bytes_max + 1);
        (0..length).map(|_| format!("{:02x}", self.roll(256))).collect()
    }

    fn text(&mut self) -> String {
        let letters =
            ["a", "Z", " ", "\t", "\n", "\r", "\0", "\\", "'", "\"", "é", "表", "🎉", "%", "N", "0", "\u{7f}"];
        let length = self.roll(30);
        let text: String = (0..length).map(|_| letters[self.roll(letters.len() as u64) as usize]).collect();
        text.bytes().map(|b| format!("{b:02x}")).collect()
    }
}

const CREATE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, t longtext CHARACTER SET utf8mb4, b longblob, f float, d double,
 n decimal(40,12), dt datetime(6), ts timestamp(3) NULL, ti time(6), bi bit(17), u bigint unsigned, vb varbinary(50));";

#[test]
fn values_at_random_arrive_byte_for_byte() {
    let seed = std::env::var("SYNCLINE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as u64
    });
    eprintln!("SYNCLINE_SEED={seed}");
    let mut dice = Dice(seed);
    let (from, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    from.sql(CREATE);
    let mut rows = vec![format!("(0, NULL, X'{}')", (0..=255).map(|b| format!("{b:02x}")).collect::<String>())];
    rows.extend((1..400).map(|id| format!("({id}, _utf8mb4 X'{}', X'{}')", dice.text(), dice.hex(60))));
    from.sql(&format!("INSERT INTO t (id, t, b) VALUES {};", rows.join(", ")));
    let numbers = dice.roll(1 << 30);
    from.sql(&format!(
        "UPDATE t SET f = (RAND({numbers} + id) - 0.5) * POW(10, RAND() * 70 - 35), d = (RAND() - 0.5) * POW(10, RAND() * 600 - 300),
         n = (RAND() - 0.5) * POW(10, RAND() * 26), dt = '1000-01-01' + INTERVAL FLOOR(RAND() * 280000000000) MICROSECOND + INTERVAL FLOOR(RAND() * 3000000) DAY,
         ts = FROM_UNIXTIME(1 + FLOOR(RAND() * 2147483000)) + INTERVAL FLOOR(RAND() * 1000) * 1000 MICROSECOND,
         ti = SEC_TO_TIME((RAND() - 0.5) * 6000000), bi = FLOOR(RAND() * 131072), u = FLOOR(RAND() * 18446744073709551615),
         vb = SUBSTRING(b, 1, 50);"
    ));
    folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
    let shown =
        "SELECT id, HEX(t), HEX(b), CAST(f AS DOUBLE), d, n, dt, ts, ti, HEX(bi), u, HEX(vb) FROM t ORDER BY id;";
    assert_eq!(to.sql(shown), from.sql(shown), "SYNCLINE_SEED={seed}");
    // Rows replace rows, through the stage.
    folder.syncline(&["copy", &from.url(), &to.url()]).exits(0);
    assert_eq!(to.sql(shown), from.sql(shown), "SYNCLINE_SEED={seed}");
}
