use std::time::Duration;

use super::{duration, size};

#[test]
fn sizes() {
    for (text, bytes) in [("8 MiB", 8 << 20), ("8MiB", 8 << 20), (" 1 B ", 1), ("0 GiB", 0)] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in ["", "8", "MiB", "8 MB", "-1 B", "1.5 KiB", "99999999999999999999 B", "9999999999999 GiB"] {
        assert!(size(text).is_err(), "{text}");
    }
}

#[test]
fn times() {
    for (text, ms) in [("30s", 30_000), ("5 m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000), ("250ms", 250)] {
        assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for text in ["", "30", "s", "-1s", "1.5s", "1 week", "99999999999999999999s", "9999999999999999999d"] {
        assert!(duration(text).is_err(), "{text}");
    }
}
