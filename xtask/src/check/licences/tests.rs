#![expect(clippy::expect_used, reason = "a test stops at the first thing that is not as it must be")]

use super::*;

const RULES: &str = r#"
[licenses]
# permissive
allow = [
    "MIT", # "GPL-3.0" in a comment does not count
    "Unicode-3.0",
]
[bans]
deny = ["openssl"]
[sources]
allow-registry = ["https://github.com/rust-lang/crates.io-index"]
"#;

fn rules() -> Rules {
    Rules::read(RULES).expect("the rules can be read")
}

#[test]
fn expressions_are_met_or_not() {
    let licences = rules().licences;
    for good in ["MIT", "MIT OR Apache-2.0", "Apache-2.0/MIT", "(MIT OR GPL-3.0) AND Unicode-3.0"] {
        assert!(allowed(good, &licences), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH LLVM-exception", "(MIT", "MIT MIT", "MIT OR"] {
        assert!(!allowed(bad, &licences), "{bad}");
    }
}

#[test]
fn a_missing_rule_is_an_error() {
    assert!(Rules::read("[licenses]\nallow = [\"MIT\"]\n").is_err());
    assert!(
        Rules::read(&RULES.replace("    \"Unicode-3.0\",\n]", "")).is_err_and(|err| err.to_string().contains("end"))
    );
}

#[test]
fn the_lock_file_is_judged() {
    let locked = lock(
        "version = 4\n\n[[package]]\nname = \"openssl\"\nversion = \"0.10.1\"\nsource = \
         \"registry+https://github.com/rust-lang/crates.io-index\"\n\n[[package]]\nname = \"fork\"\nversion = \"1.0.0\"\n\
         source = \"git+https://example.com/fork\"\n\n[[package]]\nname = \"fork\"\nversion = \"2.0.0\"\n",
    );
    assert_eq!(locked.len(), 3);
    assert_eq!(rules().names_refused(&locked), ["openssl 0.10.1 is banned by deny.toml"]);
    assert_eq!(rules().sources_refused(&locked), ["fork: source `git+https://example.com/fork` is not allowed"]);
    assert_eq!(doubles(&locked).into_iter().collect::<Vec<_>>(), [("fork", vec!["1.0.0", "2.0.0"])]);
}

#[test]
fn wildcards_are_found() {
    assert_eq!(wildcards("serde = \"1\"\nurl = { version = \"*\" }\n").len(), 1);
    assert!(wildcards("[profile.dev.package.\"*\"]\n").is_empty());
}
