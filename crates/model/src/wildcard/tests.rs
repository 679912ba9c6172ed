use proptest::prelude::*;

use super::{Part, Wildcards};

fn parsed(text: &str) -> Wildcards {
    let mut all = Wildcards::default();
    for c in text.chars() {
        all.push(match c {
            '*' => Part::Many,
            '?' => Part::One,
            c => Part::Literal(c),
        });
    }
    all
}

/// By the definition, in exponential time.
fn oracle(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some(('*', pattern)), rest) => {
            oracle(pattern, text) || rest.is_some_and(|(_, text)| oracle(&[&['*'], pattern].concat(), text))
        }
        (Some((p, pattern)), Some((c, text))) => (*p == '?' || p == c) && oracle(pattern, text),
        (Some(_), None) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn matches_as_defined(pattern in "[aé*?]{0,7}", text in "[aé]{0,8}") {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        prop_assert_eq!(parsed(&pattern).matches(&text), oracle(&chars(&pattern), &chars(&text)));
    }
}

#[test]
fn a_hostile_pattern_does_not_take_for_ever() {
    let pattern = parsed(&format!("{}b", "a*".repeat(100)));
    assert!(!pattern.matches(&"a".repeat(2000)));
    assert!(pattern.matches(&format!("{}b", "a".repeat(2000))));
}
