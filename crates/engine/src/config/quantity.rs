//! Sizes and times as people write them: a whole number and a unit.

use std::time::Duration;

/// A size such as `8 MiB` or `8MiB`, in bytes. `MB` is refused, because it means two things, and so is a bare number.
///
/// # Errors
/// What the form is.
pub fn size(text: &str) -> Result<usize, &'static str> {
    let factor = |unit: &str| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = parts(text).and_then(|(number, unit)| usize::try_from(number).ok()?.checked_mul(factor(unit)?));
    bytes.ok_or("a whole number and a unit (B, KiB, MiB, GiB), for example `8 MiB`")
}

/// A time such as `30s` or `5 m`. A bare number is refused.
///
/// # Errors
/// What the form is.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let factor = |unit: &str| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let ms = parts(text).and_then(|(number, unit)| number.checked_mul(factor(unit)?));
    ms.map(Duration::from_millis).ok_or("a whole number and a unit (ms, s, m, h, d), for example `30s`")
}

fn parts(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests;
