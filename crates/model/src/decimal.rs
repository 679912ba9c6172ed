//! Exact decimals: never a float, never a lost digit.

use std::cmp::Ordering;
use std::fmt;

/// A finite decimal number, borrowed from its column.
///
/// Its scale is carried (`1.10` stays `1.10`); equality, order and hash are on the number (`1.10` is `1.1`).
#[derive(Debug, Clone, Copy)]
pub enum Decimal<'a> {
    /// `unscaled` × 10^−`scale`.
    Fixed {
        /// The digits as one whole number.
        unscaled: i128,
        /// Digits after the point, at most [`FIXED_SCALE_MAX`].
        scale: u8,
    },
    /// Plain digits, checked by [`Decimal::from_text`]: an optional minus, digits, optionally a point and digits.
    Text(&'a str),
}

/// 10^n for the scales that `i128` can carry.
#[allow(clippy::indexing_slicing)] // Evaluated by the compiler.
const POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut n = 1;
    while n < 39 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// Most digits after the point of a [`Decimal::Fixed`].
pub const FIXED_SCALE_MAX: u8 = 38;

impl<'a> Decimal<'a> {
    /// Accepts plain decimal text: no exponent, no sign but minus, digits on both sides of a point.
    #[must_use]
    pub fn from_text(text: &'a str) -> Option<Self> {
        let (whole, fraction) = split(text.strip_prefix('-').unwrap_or(text))?;
        (all_digits(whole) && fraction.is_none_or(all_digits)).then_some(Self::Text(text))
    }

    /// The same number with exactly `scale` digits after the point and at most `precision` in all; absent if
    /// that would lose digits. `precision` is at most 38.
    #[must_use]
    pub fn unscaled_at(self, precision: u16, scale: u8) -> Option<i128> {
        let limit = POWERS.get(usize::from(precision))?;
        let unscaled = match self {
            Self::Fixed { unscaled, scale: own } if own <= scale => {
                unscaled.checked_mul(*POWERS.get(usize::from(scale - own))?)?
            }
            Self::Fixed { unscaled, scale: own } => {
                let power = *POWERS.get(usize::from(own - scale))?;
                if unscaled % power != 0 {
                    return None;
                }
                unscaled / power
            }
            Self::Text(text) => {
                let negative = text.starts_with('-');
                let (whole, fraction) = split(text.trim_start_matches('-'))?;
                let fraction = fraction.unwrap_or("").trim_end_matches('0');
                if fraction.len() > usize::from(scale) {
                    return None;
                }
                let mut sum = 0i128;
                for digit in whole.bytes().chain(fraction.bytes()) {
                    sum = sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
                }
                let sum = sum.checked_mul(*POWERS.get(usize::from(scale) - fraction.len())?)?;
                if negative { -sum } else { sum }
            }
        };
        (unscaled.unsigned_abs() < limit.unsigned_abs()).then_some(unscaled)
    }

    /// The decimal that a double stands for if it is written in the fewest digits that read back as itself:
    /// `10.1`, not `10.0999999999999996447`. Absent beyond 15 digits, where the way back is no longer exact, beyond
    /// 9 decimals, and for the negative zero, which no decimal is.
    #[must_use]
    pub fn from_f64_short(value: f64) -> Option<Self> {
        for (scale, &power) in (0u8..).zip(&FLOAT_POWERS) {
            let shifted = (value * power).round();
            if shifted.abs() < FIFTEEN_DIGITS && shifted / power == value {
                // A negative zero has no decimal.
                if shifted == 0.0 && value.is_sign_negative() {
                    return None;
                }
                #[allow(clippy::cast_possible_truncation)]
                return Some(Self::Fixed { unscaled: i128::from(shifted as i64), scale });
            }
        }
        None
    }

    /// The double from which [`Decimal::from_f64_short`] makes this number; absent if there is none.
    #[must_use]
    pub fn to_f64_exact(self) -> Option<f64> {
        // Both are exact as doubles, so their quotient is the double nearest to the decimal.
        let exact = |unscaled: i128, scale: u8| {
            let digits = i64::try_from(unscaled).ok().filter(|digits| digits.unsigned_abs() < FIFTEEN_DIGITS as u64)?;
            #[allow(clippy::cast_precision_loss)]
            Some(digits as f64 / FLOAT_POWERS.get(usize::from(scale))?)
        };
        if let Self::Fixed { unscaled, scale } = self
            && let Some(value) = exact(unscaled, scale)
        {
            return Some(value);
        }
        let Decimal::Fixed { unscaled, scale } = self.trimmed()? else { return None };
        exact(unscaled, scale)
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn to_i64_exact(self) -> Option<i64> {
        match self {
            Self::Fixed { unscaled, scale } => {
                let power = *POWERS.get(usize::from(scale))?;
                // 64-bit division is many times faster, and nearly all decimals fit.
                if let (Ok(digits), Ok(power)) = (i64::try_from(unscaled), i64::try_from(power)) {
                    return (digits % power == 0).then(|| digits / power);
                }
                (unscaled % power == 0).then(|| i64::try_from(unscaled / power).ok())?
            }
            Self::Text(_) => self.trimmed()?.to_i64_exact(),
        }
    }

    /// The same number as `Fixed` without trailing zeros after the point; absent beyond 38 digits.
    fn trimmed(self) -> Option<Decimal<'static>> {
        let (mut unscaled, mut scale) = match self {
            Self::Fixed { unscaled, scale } => (unscaled, scale),
            Self::Text(text) => {
                let digits = split(text)?.1.unwrap_or("").trim_end_matches('0').len();
                let scale = u8::try_from(digits).ok()?;
                (self.unscaled_at(u16::from(FIXED_SCALE_MAX), scale)?, scale)
            }
        };
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Some(Decimal::Fixed { unscaled, scale })
    }

    /// Appends the number as carried, with its scale.
    pub fn format(self, out: &mut String) {
        self.write(out);
    }

    /// As [`Decimal::format`], into anything that takes text and does not fail.
    pub(crate) fn write(self, out: &mut impl fmt::Write) {
        let _ = match self {
            Self::Text(text) => out.write_str(text),
            Self::Fixed { unscaled, scale } => {
                let sign = if unscaled < 0 { "-" } else { "" };
                let digits = unscaled.unsigned_abs();
                // Beyond 38 digits after the point none are left before it.
                let (whole, fraction) = match POWERS.get(usize::from(scale)).map(|p| p.unsigned_abs()) {
                    Some(power) => (digits / power, digits % power),
                    None => (0, digits),
                };
                match usize::from(scale) {
                    0 => write!(out, "{sign}{digits}"),
                    width => write!(out, "{sign}{whole}.{fraction:0width$}"),
                }
            }
        };
    }

    /// Appends the canonical form: no leading or trailing zeros, no minus on zero.
    pub fn format_canonical(self, out: &mut String) {
        self.write_canonical(out);
    }

    /// As [`Decimal::format_canonical`], into anything that takes text and does not fail.
    pub(crate) fn write_canonical(self, out: &mut impl fmt::Write) {
        let _ = match self {
            Self::Fixed { mut unscaled, mut scale } => {
                while scale > 0 && unscaled % 10 == 0 {
                    (unscaled, scale) = (unscaled / 10, scale - 1);
                }
                Self::Fixed { unscaled, scale }.write(out);
                Ok(())
            }
            Self::Text(text) => {
                let (negative, whole, fraction) = canonical(text);
                let sign = if negative { "-" } else { "" };
                let whole = if whole.is_empty() { "0" } else { whole };
                let point = if fraction.is_empty() { "" } else { "." };
                write!(out, "{sign}{whole}{point}{fraction}")
            }
        };
    }
}

/// Takes text as bytes.
pub(crate) struct Utf8<'v>(pub(crate) &'v mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Beyond this many decimals [`Decimal::from_f64_short`] gives up.
/// The scales whose powers are tried on doubles; each is exact as a double.
const FLOAT_POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const FIFTEEN_DIGITS: f64 = 1e15;

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal<'_> {}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Self::Fixed { unscaled: a, scale: x }, Self::Fixed { unscaled: b, scale: y }) = (self, other)
            && let Some(order) = cmp_fixed((*a, *x), (*b, *y))
        {
            return order;
        }
        let (mut a, mut b) = (String::new(), String::new());
        self.format(&mut a);
        other.format(&mut b);
        cmp_text(&a, &b)
    }
}

/// Orders two fixed decimals by bringing them to one scale; absent where that takes more than 38 digits.
fn cmp_fixed((a, a_scale): (i128, u8), (b, b_scale): (i128, u8)) -> Option<Ordering> {
    let at = |unscaled: i128, by: u8| unscaled.checked_mul(*POWERS.get(usize::from(by))?);
    let scale = a_scale.max(b_scale);
    Some(at(a, scale - a_scale)?.cmp(&at(b, scale - b_scale)?))
}

/// Orders two plain decimal texts by their numbers.
pub(crate) fn cmp_text(a: &str, b: &str) -> Ordering {
    let (a_negative, a_whole, a_fraction) = canonical(a);
    let (b_negative, b_whole, b_fraction) = canonical(b);
    let size =
        a_whole.len().cmp(&b_whole.len()).then_with(|| a_whole.cmp(b_whole)).then_with(|| a_fraction.cmp(b_fraction));
    match (a_negative, b_negative) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Sign, digits before the point without leading zeros, digits after it without trailing zeros.
fn canonical(text: &str) -> (bool, &str, &str) {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    (text.starts_with('-') && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
}

fn split(digits: &str) -> Option<(&str, Option<&str>)> {
    match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => Some((whole, Some(fraction))),
        Some(_) => None,
        None => Some((digits, None)),
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
