#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::cmp::Ordering;

use proptest::prelude::*;

use super::Decimal;

fn fixed(unscaled: i128, scale: u8) -> Decimal<'static> {
    Decimal::Fixed { unscaled, scale }
}

fn text(of: Decimal<'_>) -> String {
    let mut out = String::new();
    of.format(&mut out);
    out
}

fn canonical(of: Decimal<'_>) -> String {
    let mut out = String::new();
    of.format_canonical(&mut out);
    out
}

/// Digits as a list with the point at one place: school arithmetic, nothing shared with the code.
fn aligned(text: &str) -> (bool, Vec<u8>) {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: Vec<u8> = format!("{whole:0>100}{fraction:0<100}").into_bytes();
    (negative && all.iter().any(|d| *d != b'0'), all)
}

fn oracle(a: &str, b: &str) -> Ordering {
    match (aligned(a), aligned(b)) {
        ((false, a), (false, b)) => a.cmp(&b),
        ((true, a), (true, b)) => b.cmp(&a),
        ((negative, _), _) => {
            if negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

fn plain() -> impl Strategy<Value = String> {
    prop_oneof!["-?[0-9]{1,3}", "-?0{0,3}[0-9]{1,40}(\\.[0-9]{1,40})?", "-?[01]{1,3}\\.[01]{1,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn order_is_that_of_school_arithmetic(a in plain(), b in plain()) {
        let (one, two) = (Decimal::from_text(&a).unwrap(), Decimal::from_text(&b).unwrap());
        prop_assert_eq!(one.cmp(&two), oracle(&a, &b));
        prop_assert_eq!(canonical(one) == canonical(two), one == two);
    }

    #[test]
    fn fixed_and_text_are_the_same_numbers(a in any::<i128>(), x in 0u8..=38, b in -1000i128..1000, y in 0u8..=38) {
        for (one, two) in [(fixed(a, x), fixed(b, y)), (fixed(b, x), fixed(b, y)), (fixed(a, x), fixed(a, y))] {
            let (left, right) = (text(one), text(two));
            prop_assert_eq!(one.cmp(&two), oracle(&left, &right));
            prop_assert_eq!(one.cmp(&Decimal::from_text(&right).unwrap()), oracle(&left, &right));
            prop_assert_eq!(canonical(one), canonical(Decimal::from_text(&left).unwrap()));
            prop_assert_eq!(one, Decimal::from_text(&left).unwrap());
        }
    }

    #[test]
    fn another_scale_is_the_same_number_or_none(a in plain(), precision in 0u16..=38, scale in 0u8..=38) {
        let of = Decimal::from_text(&a).unwrap();
        match of.unscaled_at(precision, scale) {
            Some(unscaled) => {
                prop_assert_eq!(oracle(&text(fixed(unscaled, scale)), &a), Ordering::Equal);
                prop_assert!(unscaled.unsigned_abs().to_string().len() <= usize::from(precision) || unscaled == 0);
            }
            None => {
                let digits = a.trim_start_matches('-');
                let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
                let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
                let lost = fraction.len() > usize::from(scale);
                prop_assert!(lost || whole.len() + usize::from(scale) > usize::from(precision));
            }
        }
        let again = of.unscaled_at(38, 20).map(|u| fixed(u, 20).unscaled_at(precision, scale));
        prop_assert!(again.is_none_or(|again| again == of.unscaled_at(precision, scale)));
    }

    #[test]
    fn whole_numbers_are_exact_or_absent(v in any::<i64>(), zeros in 0usize..4, a in plain()) {
        let padded = format!("{v}{}{}", if zeros > 0 { "." } else { "" }, "0".repeat(zeros));
        prop_assert_eq!(Decimal::from_text(&padded).unwrap().to_i64_exact(), Some(v));
        let of = Decimal::from_text(&a).unwrap();
        match of.to_i64_exact() {
            Some(v) => prop_assert_eq!(oracle(&v.to_string(), &a), Ordering::Equal),
            None => prop_assert!(of.unscaled_at(38, 0).is_none_or(|u| i64::try_from(u).is_err())),
        }
    }

    #[test]
    fn only_plain_text_is_a_decimal(a in "[-+.0-9eE ]{0,6}") {
        let shape = a.strip_prefix('-').unwrap_or(&a);
        let (whole, fraction) = shape.split_once('.').unwrap_or((shape, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        prop_assert_eq!(Decimal::from_text(&a).is_some(), digits(whole) && digits(fraction));
    }
}

/// The way through a decimal column and back: SQLite keeps such numbers as doubles.
fn comes_back(value: f64) {
    if let Some(decimal) = Decimal::from_f64_short(value) {
        assert_eq!(decimal.to_f64_exact().map(f64::to_bits), Some(value.to_bits()), "{value:?}");
        let text = text(decimal);
        assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{value:?} {text}");
        assert_eq!(Decimal::from_text(&text).unwrap().to_f64_exact(), Some(value));
    }
}

/// 500 at a time: a case of its own costs more than the test of one number.
fn many<T: std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(one, 500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_double_of_few_decimals_comes_back_and_is_the_decimal_it_was(
        all in many((-999_999_999_999_999i64..=999_999_999_999_999, 0u32..15, 0u8..=9)),
    ) {
        for (digits, less, scale) in all {
            let digits = i128::from(digits / 10i64.pow(less));
            let value: f64 = text(fixed(digits, scale)).parse().unwrap();
            comes_back(value);
            prop_assert_eq!(Decimal::from_f64_short(value), Some(fixed(digits, scale)));
        }
    }

    #[test]
    fn any_double_comes_back_or_is_refused(all in many((any::<u64>(), -1e16..1e16))) {
        for (bits, small) in all {
            comes_back(f64::from_bits(bits));
            comes_back(small);
            comes_back((small * 100.0).round() / 100.0);
        }
    }
}

#[test]
fn doubles_that_no_short_decimal_stands_for_are_refused() {
    for value in [f64::NAN, f64::INFINITY, -0.0, 1e15, 0.1 + 0.2, 1.0 / 3.0, 5e-324, 1e-10] {
        assert!(Decimal::from_f64_short(value).is_none(), "{value:?}");
    }
    assert_eq!(text(Decimal::from_f64_short(10.1).unwrap()), "10.1");
    assert_eq!(text(Decimal::from_f64_short(999_999_999_999_999.0).unwrap()), "999999999999999");
}

#[test]
fn numbers_are_written_with_their_scale() {
    assert_eq!(text(fixed(-5, 3)), "-0.005");
    assert_eq!(text(fixed(110, 2)), "1.10");
    assert_eq!(text(fixed(i128::MIN, 38)), "-1.70141183460469231731687303715884105728");
    assert_eq!(text(fixed(7, 40)), format!("0.{}7", "0".repeat(39)));
    assert_eq!(canonical(fixed(0, 5)), "0");
    assert_eq!(canonical(Decimal::from_text("-000.10").unwrap()), "-0.1");
    assert_eq!(canonical(fixed(1200, 1)), "120");
}
