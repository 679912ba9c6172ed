use super::Wanted;

fn parsed(line: &str) -> Option<Wanted> {
    let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
    Wanted::parse(&words).ok()
}

#[test]
fn an_hour_unless_something_else_is_wanted() {
    let of = |line: &str| parsed(line).map(|wanted| (wanted.minutes, wanted.kills, wanted.transactions, wanted.rate));
    assert_eq!(of(""), Some((60, 0, 0, 350)));
    assert_eq!(of("--kills 10_000"), Some((0, 10_000, 0, 350)));
    assert_eq!(of("--transactions 1000000"), Some((0, 0, 1_000_000, 0)));
    assert_eq!(of("--minutes 5 --kills 200 --rate 9"), Some((5, 200, 0, 9)));
    assert_eq!(of("--minutes"), None);
    assert_eq!(of("--hours 1"), None);
}

#[test]
fn the_command_that_repeats_a_run_says_all_of_it() {
    let wanted = parsed("--minutes 5 --kills 200 --seed 42 --debug");
    let again = wanted.as_ref().map(Wanted::again).unwrap_or_default();
    assert_eq!(parsed(again.trim_start_matches("cargo xtask soak")), wanted);
}
