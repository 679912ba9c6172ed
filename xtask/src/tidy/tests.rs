use std::path::{Path, PathBuf};

use super::rust::{Function, Source};
use super::{Finding, fragments, leftovers, links, names, proofs, size};

fn source(path: &str, text: &str) -> Source {
    Source::new(PathBuf::from(path), text)
}

/// `file:line: first word`, so that a test does not repeat every sentence.
fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.path.display(), finding.line)).collect()
}

#[test]
fn comments_and_literals_are_blank() {
    let text = "let a = \"fn } // x\"; // fn {\n/* a /* b */ fn */ let c = 'x'; let d: &'static str = r#\"}\"}\"#;\n'\\'' b\"{\" '{' 'ä' e";
    let code = source("a.rs", text).code;
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words.join(" "), "let a = ; let c = ; let d: &'static str = ; b e");
    assert_eq!(code.lines().count(), 3);
    assert_eq!(code.len(), text.len());
}

#[test]
fn functions_are_measured() {
    let text =
        "trait T { fn declared(a: [u8; 2]); }\nfn one() { a(); }\nfn two<F: Fn(u8)>(f: F)\n{\n    if a { b }\n}\n";
    let expected = [("one", 2, 1), ("two", 3, 4)];
    let expected = expected.map(|(name, line, lines)| Function { name: name.to_string(), line, lines });
    assert_eq!(source("a.rs", text).functions(), expected);
}

#[test]
fn long_files_and_functions_are_found() {
    let long = format!("fn long() {{\n{}}}\n", "    a();\n".repeat(69));
    assert_eq!(places(&size::check(&source("src/a.rs", &long))), ["src/a.rs:1"]);
    let fits = format!("fn fits() {{\n{}}}\n", "    a();\n".repeat(68));
    assert_eq!(size::check(&source("src/a.rs", &fits)), []);
    assert_eq!(places(&size::check(&source("src/a.rs", &"\n".repeat(501)))), ["src/a.rs:501"]);
    assert_eq!(size::check(&source("src/a/tests.rs", &"\n".repeat(501))), []);
    assert_eq!(size::check(&source("tests/suite/a.rs", &long)), []);
}

#[test]
fn leftovers_are_found() {
    let mark = ["FIX", "ME"].concat();
    let macros = ["tod", "o!()"].concat();
    let text =
        format!("fn a() {{\n    {macros};\n}}\n#[ignore = \"slow\"]\n// {mark}: later\n// \"{macros}\" in words\n");
    assert_eq!(places(&leftovers::check(&source("a.rs", &text))), ["a.rs:2", "a.rs:4", "a.rs:5"]);
}

#[test]
fn names_must_say_something() {
    let root = source("crates/a/src/lib.rs", "mod utils;\nmod good;\n");
    let utils = source("crates/a/src/utils/mod.rs", "");
    let good = source("crates/a/src/good.rs", "#[cfg(test)]\nmod tests {\n}\n");
    assert_eq!(places(&names::check(&[root, utils, good])), ["crates/a/src/utils/mod.rs:1", "crates/a/src/good.rs:2"]);
}

#[test]
fn types_of_a_database_are_a_subject() {
    let types = "crates/a/src/connect/sqlite/types.rs";
    let system = source("crates/a/src/connect/sqlite/mod.rs", "mod types;");
    let root = source("crates/a/src/lib.rs", "mod types; mod connect;");
    let parent = source("crates/a/src/connect/mod.rs", "mod sqlite;");
    let sources = [root, parent, system, source(types, ""), source("crates/a/src/types.rs", "")];
    assert_eq!(places(&names::check(&sources)), ["crates/a/src/types.rs:1"]);
}

#[test]
fn files_that_nothing_declares_are_found() {
    let sources = [
        source("crates/a/src/lib.rs", "pub mod cell;\n// mod dead;\n"),
        source("crates/a/src/cell.rs", "#[cfg(test)]\nmod tests;\nmod inner { }\n"),
        source("crates/a/src/cell/tests.rs", ""),
        source("crates/a/src/cell/inner.rs", ""),
        source("crates/a/src/dead.rs", ""),
        source("crates/a/tests/main.rs", "mod suite;"),
        source("crates/a/tests/suite/mod.rs", ""),
        source("crates/a/tests/suite/lost.rs", ""),
        source("crates/a/build.rs", ""),
    ];
    let expected = ["crates/a/src/cell/inner.rs:1", "crates/a/src/dead.rs:1", "crates/a/tests/suite/lost.rs:1"];
    assert_eq!(places(&names::check(&sources)), expected);
}

#[test]
fn links_and_paths_lead_somewhere() {
    let page = "# The words\n[a](guide/a.md) [b](guide/b.md \"title\") [c](#the-words) [d](#nothing) [e](https://example.com/x)\n\
                `crates/m/src/cell.rs` `src/cell.rs` `src/gone.rs` `gone.rs` `my.yaml` `a.b()`\n\
                ```\n[f](gone.md) `x/gone.rs`\n```\n[g]: gone.md\n[h](../../outside.md)\n";
    let pages = [(PathBuf::from("docs/words.md"), page.to_string())];
    let paths = ["docs/words.md", "docs/guide/a.md", "crates/m/src/cell.rs"].map(PathBuf::from);
    let texts: Vec<String> = links::check(&pages, &paths).into_iter().map(|finding| finding.to_string()).collect();
    assert_eq!(
        texts,
        [
            "docs/words.md:2: the link `guide/b.md` leads nowhere",
            "docs/words.md:2: the link `#nothing` names a heading that is not there",
            "docs/words.md:3: there is no file `src/gone.rs`",
            "docs/words.md:3: there is no file `gone.rs`",
            "docs/words.md:7: the link `gone.md` leads nowhere",
            "docs/words.md:8: the link `../../outside.md` leads nowhere",
        ]
    );
}

#[test]
fn decisions_may_name_files_that_went() {
    let pages = [(PathBuf::from("docs/decisions/20261121-a.md"), "`src/gone.rs`".to_string())];
    assert_eq!(links::check(&pages, &[]), []);
}

#[test]
fn change_notes_carry_their_kind() {
    let paths = ["README.md", "copy.added.md", "copy.md", "copy.new.md", ".fixed.md"];
    let findings = fragments::check(&paths.map(|name| Path::new("changes.d").join(name)));
    assert_eq!(places(&findings), ["changes.d/copy.md:1", "changes.d/copy.new.md:1", "changes.d/.fixed.md:1"]);
}

#[test]
fn proofs_are_tests() {
    let tests = [source("tests/a.rs", "fn it_holds() { }\n"), source("src/a.rs", "fn no_test() { }\n")];
    let page = |text: &str| {
        let text = format!("| F01 | told | so |\n| F02 | told | so |\n## Proofs\n{text}");
        proofs::check(&[(PathBuf::from("docs/faults.md"), text)], &tests)
    };
    assert_eq!(page("| F01 | `it_holds` |\n| F02 | not yet: comes later |\n"), []);
    assert_eq!(
        places(&page("| F01 | `it_holds`, `gone` |\n| F02 | `no_test` |\n")),
        ["docs/faults.md:4", "docs/faults.md:5"]
    );
    assert_eq!(places(&page("| F01 | `it_holds` |\n")), ["docs/faults.md:2"]);
    assert_eq!(places(&page("| F01 | `it_holds` |\n| F02 | surely |\n")), ["docs/faults.md:5"]);
    let traps = "| F01 | `it_holds` |\n| F02 | `it_holds` |\n## Traps of home-made outboxes\n";
    let rows = "| T1 | trap | `it_holds` |\n| T2 | trap | does not apply |\n| T3 | trap | surely |\n| T4 | trap | `it_holds`, `gone` |\n";
    assert_eq!(places(&page(&format!("{traps}{rows}"))), ["docs/faults.md:9", "docs/faults.md:10"]);
}
