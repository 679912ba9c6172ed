//! Dates and times as numbers, and their one text form.
//!
//! The calendar arithmetic is Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms". Formatting and
//! parsing stand here instead of in a library because they run once per cell of a copy, and because parsing
//! must accept exactly what formatting prints: a text that would come back different stays text (I10).

/// µs of one day.
pub const DAY_US: i64 = 86_400_000_000;
/// 0001-01-01 in days since 1970-01-01.
pub const DATE_MIN: i32 = -719_162;
/// 9999-12-31 in days since 1970-01-01.
pub const DATE_MAX: i32 = 2_932_896;
/// 0001-01-01 00:00:00 in µs since 1970-01-01 00:00.
pub const TIMESTAMP_MIN: i64 = DATE_MIN as i64 * DAY_US;
/// 9999-12-31 23:59:59.999999 in µs since 1970-01-01 00:00.
pub const TIMESTAMP_MAX: i64 = (DATE_MAX as i64 + 1) * DAY_US - 1;

/// Days since 1970-01-01 of a day in the proleptic Gregorian calendar.
#[must_use]
pub const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400) as u32;
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe as i32 - 719_468
}

/// Year, month, day of a number of days since 1970-01-01.
#[must_use]
pub const fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097) as u32;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe as i32 + era * 400 + (month <= 2) as i32;
    (year, month, day)
}

/// Appends `YYYY-MM-DD`. Days outside [`DATE_MIN`]..=[`DATE_MAX`] have no cell; they are cut to these ends, so that
/// the text's order is always that of the number.
pub fn format_date(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days.clamp(DATE_MIN, DATE_MAX));
    let year = year.unsigned_abs();
    digits(year / 100, out);
    digits(year % 100, out);
    out.push(b'-');
    digits(month, out);
    out.push(b'-');
    digits(day, out);
}

/// Appends `HH:MM:SS`, then `.mmm` or `.uuuuuu` if the fraction is not zero. Times outside one day have no cell;
/// they are cut to its ends, so that the text's order is always that of the number.
pub fn format_time(us: i64, out: &mut Vec<u8>) {
    let us = us.clamp(0, DAY_US - 1);
    let seconds = (us / 1_000_000) as u32;
    digits(seconds / 3600, out);
    out.push(b':');
    digits(seconds / 60 % 60, out);
    out.push(b':');
    digits(seconds % 60, out);
    let fraction = (us % 1_000_000) as u32;
    if fraction == 0 {
        return;
    }
    out.push(b'.');
    let milli = fraction / 1000;
    out.push(b'0' + (milli / 100) as u8);
    digits(milli % 100, out);
    let micro = fraction % 1000;
    if micro != 0 {
        out.push(b'0' + (micro / 100) as u8);
        digits(micro % 100, out);
    }
}

/// Appends `YYYY-MM-DD HH:MM:SS[.fff[fff]]`. What lies outside [`TIMESTAMP_MIN`]..=[`TIMESTAMP_MAX`] has no cell and
/// is cut to these ends.
pub fn format_timestamp(us: i64, out: &mut Vec<u8>) {
    let us = us.clamp(TIMESTAMP_MIN, TIMESTAMP_MAX);
    format_date(us.div_euclid(DAY_US) as i32, out);
    out.push(b' ');
    format_time(us.rem_euclid(DAY_US), out);
}

/// The day that [`format_date`] would print as exactly these bytes.
#[must_use]
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = number(&[y1, y2, y3, y4])? as i32;
    let (month, day) = (number(&[m1, m2])?, number(&[d1, d2])?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

/// The time of day in µs that [`format_time`] would print as exactly these bytes.
#[must_use]
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = text.split_at_checked(8)?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *whole else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let us = match *fraction {
        [] => 0,
        [b'.', a, b, c] => match number(&[a, b, c])? {
            0 => return None,
            milli => milli * 1000,
        },
        [b'.', a, b, c, d, e, f] => match number(&[a, b, c, d, e, f])? {
            us if us % 1000 == 0 => return None,
            us => us,
        },
        _ => return None,
    };
    Some(i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + i64::from(us))
}

/// The µs since 1970 that [`format_timestamp`] would print as exactly these bytes.
#[must_use]
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (b' ', time) = rest.split_first().map(|(first, time)| (*first, time))? else { return None };
    Some(i64::from(parse_date(date)?) * DAY_US + parse_time(time)?)
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, d| d.is_ascii_digit().then(|| sum * 10 + u32::from(d - b'0')))
}

fn digits(two: u32, out: &mut Vec<u8>) {
    out.push(b'0' + (two / 10 % 10) as u8);
    out.push(b'0' + (two % 10) as u8);
}

#[cfg(test)]
mod tests;
