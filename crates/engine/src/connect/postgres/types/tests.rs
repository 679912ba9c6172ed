//! What the server spells is read and spelled again just so. That the server agrees is tested against one
//! (`tests/postgres/values.rs`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use syncline_model::decimal::Decimal;

use super::numeric::Numeric;
use super::*;

#[test]
fn bounds_of_numeric_come_from_its_modifier() {
    let modifier = |precision: i32, scale: i32| (precision << 16 | scale & 0x7ff) + 4;
    assert_eq!(kind("numeric", -1), Kind::Numeric(None));
    assert_eq!(kind("numeric", modifier(10, 4)), Kind::Numeric(Some((10, 4))));
    assert_eq!(kind("numeric", modifier(3, -2)), Kind::Numeric(Some((3, -2))));
    assert_eq!(kind("numeric", modifier(1000, 1000)), Kind::Numeric(Some((1000, 1000))));
}

#[test]
fn moments_that_no_cell_can_be() {
    for text in ["infinity", "-infinity", "0044-02-01 BC", "4713-01-01 BC", "300000-01-01", "5874897-12-31"] {
        assert_eq!(moment::date_text(moment::parse_date(text).unwrap()), text);
    }
    // The server has no such days, or spells them otherwise.
    for text in ["5874898-01-01", "4714-01-01 BC", "0000-01-01", "2023-02-29", "1-1-1", "Infinity", "", "0044-2-1 BC"] {
        assert_eq!(moment::parse_date(text), None, "{text}");
    }
    for text in ["4713-12-31 23:59:59.999999 BC", "294276-12-31 23:59:59.999999", "21016-11-04 00:00:00.5"] {
        assert_eq!(moment::timestamp_text(moment::parse_timestamp(text, "").unwrap(), ""), text);
    }
    assert_eq!(moment::parse_timestamp("294277-01-01 00:00:00", ""), None);
    assert_eq!(moment::parse_timestamp("0044-03-15 12:00:00+00 BC", ""), None);
    assert!(moment::parse_timestamp("0044-03-15 12:00:00+00 BC", "+00").is_some());
    assert_eq!(moment::parse_time("24:00:00"), Some(86_400_000_000));
    assert_eq!(moment::parse_time("24:00:00.1"), None);
}

fn decoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    match numeric::decode(bytes).unwrap() {
        Numeric::Fixed(decimal) => decimal.format(&mut text),
        Numeric::Long(long) => text = long,
        Numeric::Special(special) => text = special.into(),
    }
    text
}

proptest! {
    #[test]
    fn decimals_come_back_digit_for_digit(
        negative: bool, whole in "0|[1-9][0-9]{0,60}", fraction in "[0-9]{0,60}",
    ) {
        let zero = whole.bytes().chain(fraction.bytes()).all(|b| b == b'0');
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{}{whole}{point}{fraction}", if negative && !zero { "-" } else { "" });
        let mut bytes = Vec::new();
        numeric::encode(Decimal::from_text(&text).unwrap(), &mut bytes).unwrap();
        prop_assert_eq!(decoded(&bytes), text);
    }

    #[test]
    fn short_decimals_have_one_form(unscaled: i64, scale in 0u8..=38) {
        let fixed = Decimal::Fixed { unscaled: i128::from(unscaled), scale };
        let mut text = String::new();
        fixed.format(&mut text);
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        numeric::encode(fixed, &mut quick).unwrap();
        numeric::encode(Decimal::from_text(&text).unwrap(), &mut slow).unwrap();
        prop_assert_eq!(&quick, &slow);
        prop_assert_eq!(decoded(&quick), text);
    }

    /// Around the border up to which they are read without a detour.
    #[test]
    fn usual_amounts_come_back(digits in 0u32..14, unscaled: i64, scale in 0u8..=6) {
        let fixed = Decimal::Fixed { unscaled: i128::from(unscaled % 10i64.pow(digits)), scale };
        let (mut text, mut bytes) = (String::new(), Vec::new());
        fixed.format(&mut text);
        numeric::encode(fixed, &mut bytes).unwrap();
        prop_assert_eq!(decoded(&bytes), text.clone());
        if numeric::is_short(&bytes) {
            let mut short = String::new();
            numeric::short(&bytes).unwrap().format(&mut short);
            prop_assert_eq!(short, text);
        }
        // A damaged one is never a number.
        bytes.push(0);
        prop_assert!(numeric::decode(&bytes).is_none() && numeric::short(&bytes).is_none());
    }

    #[test]
    fn a_long_bound_judges_as_a_short_one(unscaled: i64, scale in 0u8..=20, precision in 1u16..=38, bound in 0i16..=20) {
        let fixed = Decimal::Fixed { unscaled: i128::from(unscaled), scale };
        // The same bound, less one digit before the point that is not used, judged by text.
        let short = numeric::fits(fixed, precision.max(bound.unsigned_abs()), bound);
        let mut text = String::new();
        fixed.format_canonical(&mut text);
        let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
        let room = i32::from(precision.max(bound.unsigned_abs())) - i32::from(bound);
        let expected = whole.trim_start_matches('0').len() <= usize::try_from(room).unwrap()
            && fraction.len() <= usize::try_from(bound).unwrap();
        prop_assert_eq!(short, expected);
    }
}
