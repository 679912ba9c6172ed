#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

fn shown(format: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    format(&mut out);
    out
}

/// Counts day by day with the rule of leap years, which Hinnant's arithmetic never spells out.
#[test]
fn every_day_of_the_range_against_a_calendar_that_counts() {
    let mut days = DATE_MIN;
    for year in 1..=9999 {
        let leap = if year % 100 == 0 { year % 400 == 0 } else { year % 4 == 0 };
        let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in (1..).zip(lengths) {
            for day in 1..=length {
                assert_eq!(days_from_civil(year, month, day), days);
                assert_eq!(civil_from_days(days), (year, month, day));
                let text = shown(|out| format_date(days, out));
                assert_eq!(text, format!("{year:04}-{month:02}-{day:02}").into_bytes());
                assert_eq!(parse_date(&text), Some(days));
                days += 1;
            }
            assert_eq!(parse_date(format!("{year:04}-{month:02}-{:02}", length + 1).as_bytes()), None);
        }
    }
    assert_eq!(days - 1, DATE_MAX);
}

/// Texts near the accepted ones: digits, separators and lengths that are often right.
fn nearly(shape: &'static str) -> impl Strategy<Value = String> {
    (shape, 0usize..30, "[0-9:. T+-]?").prop_map(|(mut text, at, put)| {
        if let Some(c) = put.chars().next().filter(|_| at < text.len()) {
            text.replace_range(at..=at, &c.to_string());
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn what_is_formatted_is_read_back(us in TIMESTAMP_MIN..=TIMESTAMP_MAX, unit in prop_oneof![Just(1), Just(1000), Just(1_000_000)]) {
        let us = (us / unit * unit).max(TIMESTAMP_MIN);
        prop_assert_eq!(parse_timestamp(&shown(|out| format_timestamp(us, out))), Some(us));
        let time = us.rem_euclid(DAY_US);
        prop_assert_eq!(parse_time(&shown(|out| format_time(time, out))), Some(time));
    }

    /// I10: a text that would come back different must stay text.
    #[test]
    fn what_is_accepted_is_printed_the_same(
        date in nearly("[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]"),
        time in nearly("[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.(00[01]|000|50{0,6}|[0-9]{1,7}))?"),
        between in prop_oneof![9 => Just(" "), 1 => Just("T"), 1 => Just("")],
    ) {
        if let Some(days) = parse_date(date.as_bytes()) {
            prop_assert_eq!(shown(|out| format_date(days, out)), date.as_bytes());
            prop_assert!((DATE_MIN..=DATE_MAX).contains(&days));
        }
        if let Some(us) = parse_time(time.as_bytes()) {
            prop_assert_eq!(shown(|out| format_time(us, out)), time.as_bytes());
            prop_assert!((0..DAY_US).contains(&us));
        }
        let both = format!("{date}{between}{time}");
        if let Some(us) = parse_timestamp(both.as_bytes()) {
            prop_assert_eq!(shown(|out| format_timestamp(us, out)), both.as_bytes());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        let _ = (parse_date(&bytes), parse_time(&bytes), parse_timestamp(&bytes));
    }

    #[test]
    fn what_lies_outside_keeps_its_order(a in any::<i64>(), b in any::<i64>()) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(shown(|out| format_timestamp(low, out)) <= shown(|out| format_timestamp(high, out)));
        prop_assert!(shown(|out| format_time(low, out)) <= shown(|out| format_time(high, out)));
    }
}

#[test]
fn texts_that_would_come_back_different_are_refused() {
    for text in [
        "0000-01-01",
        "2026-00-01",
        "2026-02-29",
        "1900-02-29",
        "2026-1-01",
        " 2026-01-01",
        "2026-01-01 ",
        "+026-01-01",
    ] {
        assert_eq!(parse_date(text.as_bytes()), None, "{text}");
    }
    for text in [
        "24:00:00",
        "23:60:00",
        "23:59:60",
        "12:00",
        "12:00:00.",
        "12:00:00.5",
        "12:00:00.000",
        "12:00:00.500000",
        "12:00:00.1234567",
        "-1:00:00",
    ] {
        assert_eq!(parse_time(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_date(b"2000-02-29"), Some(11_016));
    assert_eq!(parse_timestamp(b"1969-12-31 23:59:59.999999"), Some(-1));
}
