//! Days and times that no cell can be, as the server spells them under `DateStyle ISO` and `TimeZone UTC`.
//!
//! The server counts from 2000-01-01. Its infinities are the ends of the number range.

use syncline_model::temporal::days_from_civil;
use syncline_model::temporal::{DATE_MAX, DATE_MIN, DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN, civil_from_days};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// µs from 1970-01-01 to 2000-01-01.
const EPOCH_US: i64 = EPOCH_DAYS as i64 * DAY_US;

/// The last day and the first one that the server knows, in its own count.
const PG_DATE_MIN: i32 = -2_451_545;
const PG_DATE_MAX: i32 = 2_145_031_948;
const PG_TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
const PG_TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;

/// The day of a cell, if a cell can be that day.
pub fn date(days: i32) -> Option<i32> {
    days.checked_add(EPOCH_DAYS).filter(|days| (DATE_MIN..=DATE_MAX).contains(days))
}

/// The moment of a cell, if a cell can be it.
pub fn timestamp(us: i64) -> Option<i64> {
    us.checked_add(EPOCH_US).filter(|us| (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(us))
}

/// A cell's day in the server's count.
pub fn pg_date(days: i32) -> i32 {
    days - EPOCH_DAYS
}

/// A cell's moment in the server's count.
pub fn pg_timestamp(us: i64) -> i64 {
    us - EPOCH_US
}

/// A day as the server spells it.
pub fn date_text(days: i32) -> String {
    match days {
        i32::MAX => "infinity".into(),
        i32::MIN => "-infinity".into(),
        _ => {
            let (date, bc) = civil(days.saturating_add(EPOCH_DAYS));
            date + bc
        }
    }
}

/// A moment as the server spells it; `zone` is `+00` for a moment in UTC.
pub fn timestamp_text(us: i64, zone: &str) -> String {
    match us {
        i64::MAX => "infinity".into(),
        i64::MIN => "-infinity".into(),
        _ => {
            let days = i32::try_from(us.div_euclid(DAY_US)).unwrap_or(0);
            let (date, bc) = civil(days.saturating_add(EPOCH_DAYS));
            format!("{date} {}{zone}{bc}", time_text(us.rem_euclid(DAY_US)))
        }
    }
}

/// A time of day as the server spells it; 24:00:00 too.
pub fn time_text(us: i64) -> String {
    let seconds = us / 1_000_000;
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if us % 1_000_000 != 0 {
        text.push_str(format!(".{:06}", us % 1_000_000).trim_end_matches('0'));
    }
    text
}

fn civil(days: i32) -> (String, &'static str) {
    let (year, month, day) = civil_from_days(days);
    // There is no year 0: the year before 1 is 1 BC.
    let (year, bc) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), bc)
}

/// The day of that text, if the server would spell it just so.
pub fn parse_date(text: &str) -> Option<i32> {
    let days = match text {
        "infinity" => i32::MAX,
        "-infinity" => i32::MIN,
        _ => {
            let days = parse_civil(text)?.checked_sub(i64::from(EPOCH_DAYS))?;
            i32::try_from(days).ok().filter(|days| (PG_DATE_MIN..=PG_DATE_MAX).contains(days))?
        }
    };
    (date_text(days) == text).then_some(days)
}

/// The moment of that text, if the server would spell it just so.
pub fn parse_timestamp(text: &str, zone: &str) -> Option<i64> {
    let us = match text {
        "infinity" => i64::MAX,
        "-infinity" => i64::MIN,
        _ => {
            let (date, rest) = text.split_once(' ')?;
            let (rest, bc) = rest.strip_suffix(" BC").map_or((rest, ""), |rest| (rest, " BC"));
            let days = parse_civil(&format!("{date}{bc}"))?.checked_sub(i64::from(EPOCH_DAYS))?;
            let us = parse_time(rest.strip_suffix(zone)?)?;
            let us = days.checked_mul(DAY_US)?.checked_add(us)?;
            Some(us).filter(|us| (PG_TIMESTAMP_MIN..PG_TIMESTAMP_END).contains(us))?
        }
    };
    (timestamp_text(us, zone) == text).then_some(us)
}

/// The time of that text, if the server would spell it just so; 24:00:00 too.
pub fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let us = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction;
    ((0..=DAY_US).contains(&us) && time_text(us) == text).then_some(us)
}

/// Days since 1970-01-01 of `YYYY-MM-DD`, with more digits for later years and ` BC` for earlier ones.
fn parse_civil(text: &str) -> Option<i64> {
    let (date, bc) = text.strip_suffix(" BC").map_or((text, false), |date| (date, true));
    let mut parts = date.split('-');
    let year: i32 = parts.next()?.parse().ok().filter(|year| (1..6_000_000).contains(year))?;
    let month: u32 = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day: u32 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    Some(i64::from(days_from_civil(if bc { 1 - year } else { year }, month, day)))
}
