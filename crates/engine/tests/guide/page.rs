//! The page's own form.

use super::cases::Brand;

/// Between these two lines of the page everything is made, around them it is written by hand.
const BEGIN: &str = "<!-- from here on made by crates/engine/tests/guide.rs -->\n";
const END: &str = "<!-- made up to here -->\n";

/// One type of a source.
pub struct TypeLine {
    /// As it was declared.
    pub of: &'static str,
    /// What it means.
    pub logical: String,
    /// As its own brand spells it.
    pub native: String,
    /// What each brand creates, or why it cannot.
    pub at: Vec<Result<String, String>>,
}

/// One value of a source.
pub struct ValueLine {
    /// Its column's type.
    pub of: &'static str,
    /// The value.
    pub told: &'static str,
    /// What each brand holds then, or why it refused.
    pub at: Vec<Result<String, String>>,
}

/// Everything about one source.
pub fn section(brand: Brand, types: &[TypeLine], values: &[ValueLine]) -> String {
    let mut out = format!("\n## From {}\n\n", brand.name());
    out.push_str("| type | logical type | missing table: PostgreSQL | MariaDB | SQLite |\n|---|---|---|---|---|\n");
    for line in types {
        let name = match line.of.strip_suffix(" PRIMARY KEY") {
            Some(of) => format!("{}, in a key", code(of)),
            None if line.of.is_empty() => "no type".into(),
            None => code(line.of),
        };
        let native = line.native.split(" CHARACTER SET ").next().unwrap_or_default();
        let at = line.at.iter().zip(Brand::ALL).map(|(at, sink)| match at {
            Ok(created) if sink == brand && created.trim_matches('"').eq_ignore_ascii_case(native) => {
                "the same".to_owned()
            }
            Ok(created) if created.is_empty() => "no type".into(),
            Ok(created) => code(created),
            Err(reason) => format!("none: {}", plain(reason.rsplit_once("at the source: ").map_or(reason, |r| r.1))),
        });
        row(&mut out, [name, line.logical.clone()].into_iter().chain(at));
    }
    out.push_str("\n| type | value | becomes: PostgreSQL | MariaDB | SQLite |\n|---|---|---|---|---|\n");
    for line in values {
        let name = if line.of.is_empty() { "no type".into() } else { code(line.of) };
        let at = line.at.iter().map(|at| match at {
            Ok(value) if value == line.told => "the same".to_owned(),
            Ok(value) if value.is_empty() => "the empty text".into(),
            Ok(value) => code(value),
            // What kind of value it is, the line says already.
            Err(reason) => format!("refused: {}", plain(reason.split_once(" exactly: ").map_or(reason, |r| r.1))),
        });
        row(
            &mut out,
            [name, if line.told.is_empty() { "the empty text".into() } else { code(line.told) }].into_iter().chain(at),
        );
    }
    out
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    out.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
}

fn code(text: &str) -> String {
    format!("`{}`", plain(text))
}

fn plain(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page with that between its two lines.
pub fn between(page: &str, made: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the page has the line where it begins");
    let (_, after) = rest.split_once(END).expect("the page has the line where it ends");
    format!("{before}{BEGIN}{made}\n{END}{after}")
}
