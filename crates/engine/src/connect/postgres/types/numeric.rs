//! `numeric` in its binary form: base 10,000 digits, most significant first.

use syncline_model::decimal::Decimal;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// What a binary numeric is.
pub enum Numeric {
    /// A decimal with its scale.
    Fixed(Decimal<'static>),
    /// A decimal of more digits, in plain text.
    Long(String),
    /// No number, as the server spells it.
    Special(&'static str),
}

/// Digits of base 10,000 that 64 bits hold, whatever their scale up to [`SHORT_SCALE`].
const SHORT: usize = 3;
const SHORT_SCALE: u16 = 4;

/// The number of digits, weight, sign and scale.
fn read_head(bytes: &[u8]) -> Option<(usize, i32, u16, u16)> {
    let [n0, n1, w0, w1, s0, s1, d0, d1] = *bytes.first_chunk::<8>()?;
    let (count, weight) = (u16::from_be_bytes([n0, n1]), i16::from_be_bytes([w0, w1]));
    Some((count.into(), weight.into(), u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

/// Whether this is one of the usual amounts, for which [`short`] has a decimal.
pub fn is_short(bytes: &[u8]) -> bool {
    read_head(bytes).is_some_and(|(count, weight, sign, scale)| {
        count <= SHORT && (-1..SHORT as i32).contains(&weight) && sign & !NEGATIVE == 0 && scale <= SHORT_SCALE
    })
}

/// The decimal of what [`is_short`]; nothing if it is not, or damaged.
pub fn short(bytes: &[u8]) -> Option<Decimal<'static>> {
    if !is_short(bytes) {
        return None;
    }
    let (count, weight, sign, scale) = read_head(bytes)?;
    let digits = bytes.get(8..)?;
    if digits.len() != 2 * count {
        return None;
    }
    let mut sum = 0i64;
    for digit in digits.chunks_exact(2) {
        let digit = u16::from_be_bytes(digit.try_into().ok()?);
        sum = sum * 10_000 + i64::from(digit);
        if digit > 9999 {
            return None;
        }
    }
    // As in `fixed`: at most 12 digits, and a shift from -12 to 16.
    let shift = 4 * (weight + 1 - i32::try_from(count).ok()?) + i32::from(scale);
    let power = 10i64.pow(shift.unsigned_abs());
    let unscaled = if shift >= 0 { i128::from(sum) * i128::from(power) } else { (sum / power).into() };
    let unscaled = if sign == NEGATIVE { -unscaled } else { unscaled };
    Some(Decimal::Fixed { unscaled, scale: u8::try_from(scale).ok()? })
}

/// Reads the binary form; nothing if it is damaged.
pub fn decode(bytes: &[u8]) -> Option<Numeric> {
    let (count, weight, sign, scale) = read_head(bytes)?;
    let digits = bytes.get(8..)?;
    match sign {
        0 | NEGATIVE => {}
        NAN => return Some(Numeric::Special("NaN")),
        INFINITY => return Some(Numeric::Special("Infinity")),
        MINUS_INFINITY => return Some(Numeric::Special("-Infinity")),
        _ => return None,
    }
    if digits.len() != 2 * count {
        return None;
    }
    let digits: Vec<u16> =
        digits.chunks_exact(2).filter_map(|d| Some(u16::from_be_bytes(d.try_into().ok()?))).collect();
    if digits.iter().any(|d| *d > 9999) {
        return None;
    }
    let negative = sign == NEGATIVE;
    Some(match fixed(&digits, weight, negative, scale) {
        Some(decimal) => Numeric::Fixed(decimal),
        None => Numeric::Long(plain(&digits, weight, negative, usize::from(scale))),
    })
}

fn fixed(digits: &[u16], weight: i32, negative: bool, scale: u16) -> Option<Decimal<'static>> {
    let scale = u8::try_from(scale).ok().filter(|s| *s <= 38)?;
    let mut sum = 0i128;
    for digit in digits {
        sum = sum.checked_mul(10_000)?.checked_add(i128::from(*digit))?;
    }
    // The power of ten by which the digits still differ from the number times 10^scale.
    let last = 4 * (weight + 1 - i32::try_from(digits.len()).ok()?);
    let shift = last + i32::from(scale);
    let power = 10i128.checked_pow(shift.unsigned_abs())?;
    // The digits beyond the scale are zeros.
    let unscaled = if shift >= 0 { sum.checked_mul(power)? } else { sum / power };
    // Arrow's decimals end at 38 digits; what is longer travels as text.
    (unscaled < 10i128.pow(38))
        .then_some(Decimal::Fixed { unscaled: if negative { -unscaled } else { unscaled }, scale })
}

fn plain(digits: &[u16], weight: i32, negative: bool, scale: usize) -> String {
    let digit = |place: i32| usize::try_from(weight - place).ok().and_then(|i| digits.get(i)).copied().unwrap_or(0);
    let mut whole = String::new();
    for place in (0..=weight.max(0)).rev() {
        whole.push_str(&format!("{:04}", digit(place)));
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let mut text = format!("{}{whole}", if negative { "-" } else { "" });
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < scale {
            fraction.push_str(&format!("{:04}", digit(place)));
            place -= 1;
        }
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    text
}

/// Writes what is no number, if the text is one of them.
pub fn encode_special(text: &str, out: &mut Vec<u8>) -> bool {
    let sign = match text {
        "NaN" => NAN,
        "Infinity" => INFINITY,
        "-Infinity" => MINUS_INFINITY,
        _ => return false,
    };
    head(0, 0, sign, 0, out);
    true
}

fn head(count: usize, weight: i32, sign: u16, scale: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&i16::try_from(weight).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&u16::try_from(scale).unwrap_or(u16::MAX).to_be_bytes());
}

/// Writes a decimal, or says why the server cannot have it.
pub fn encode(decimal: Decimal<'_>, out: &mut Vec<u8>) -> Result<(), &'static str> {
    if let Decimal::Fixed { unscaled, scale } = decimal
        && encode_fixed(unscaled, scale, out).is_some()
    {
        return Ok(());
    }
    let mut text = String::new();
    decimal.format(&mut text);
    let (negative, digits) = text.strip_prefix('-').map_or((false, &*text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.trim_start_matches('0').len() > 131_072 || fraction.len() > 16_383 {
        return Err("PostgreSQL's numbers have at most 131072 digits before the point and 16383 after it");
    }
    let whole = whole.trim_start_matches('0');
    let padded = format!(
        "{}{whole}{fraction}{}",
        "0".repeat((4 - whole.len() % 4) % 4),
        "0".repeat((4 - fraction.len() % 4) % 4)
    );
    let mut weight = i32::try_from(whole.len().div_ceil(4)).unwrap_or(0) - 1;
    let groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|four| four.iter().fold(0, |sum, d| sum * 10 + u16::from(d.wrapping_sub(b'0'))))
        .collect();
    let leading = groups.iter().take_while(|g| **g == 0).count();
    weight -= i32::try_from(leading).unwrap_or(0);
    let end = groups.iter().rposition(|g| *g != 0).map_or(leading, |last| last + 1);
    let kept = groups.get(leading..end).unwrap_or_default();
    let sign = if negative && !kept.is_empty() { NEGATIVE } else { 0 };
    head(kept.len(), if kept.is_empty() { 0 } else { weight }, sign, fraction.len(), out);
    kept.iter().for_each(|g| out.extend_from_slice(&g.to_be_bytes()));
    Ok(())
}

/// The common case, without text; nothing is written if the padding passes 128 bits.
fn encode_fixed(unscaled: i128, scale: u8, out: &mut Vec<u8>) -> Option<()> {
    let padding = (4 - u32::from(scale) % 4) % 4;
    let mut rest = unscaled.unsigned_abs().checked_mul(10u128.pow(padding))?;
    let mut groups = [0u16; 11];
    let mut count = 0usize;
    while rest > 0 {
        *groups.get_mut(count)? = u16::try_from(rest % 10_000).ok()?;
        rest /= 10_000;
        count += 1;
    }
    let groups = groups.get(..count)?;
    let trailing = groups.iter().take_while(|g| **g == 0).count();
    let kept = groups.get(trailing..)?;
    // Whole groups before the point, less one.
    let weight = i32::try_from(count).ok()? - i32::try_from((u32::from(scale) + padding) / 4).ok()? - 1;
    let sign = if unscaled < 0 { NEGATIVE } else { 0 };
    head(kept.len(), if kept.is_empty() { 0 } else { weight }, sign, usize::from(scale), out);
    kept.iter().rev().for_each(|g| out.extend_from_slice(&g.to_be_bytes()));
    Some(())
}

/// Whether a column of these bounds keeps every digit.
pub fn fits(decimal: Decimal<'_>, precision: u16, scale: i16) -> bool {
    if let (Ok(scale), true) = (u8::try_from(scale), precision <= 38) {
        return decimal.unscaled_at(precision, scale).is_some();
    }
    let mut text = String::new();
    decimal.format_canonical(&mut text);
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole_max = i32::from(precision) - i32::from(scale);
    let zeros = usize::try_from(-i32::from(scale)).unwrap_or(0);
    let tail = whole.get(whole.len().saturating_sub(zeros)..).unwrap_or_default();
    whole == "0" && fraction.is_empty()
        || usize::try_from(whole_max).is_ok_and(|max| whole.trim_start_matches('0').len() <= max)
            && fraction.len() <= usize::try_from(scale).unwrap_or(0)
            && tail.bytes().all(|b| b == b'0')
}
