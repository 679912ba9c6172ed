//! Stands in for the model's rules until they are there.

use std::collections::BTreeMap;

/// What is special about a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "stands in")]
pub struct Rule {
    pub to: Option<String>,
    pub columns: BTreeMap<String, String>,
    pub exclude: Vec<String>,
    pub filter: Option<String>,
    pub key: Vec<String>,
}
