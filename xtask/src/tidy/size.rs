//! Files and functions that a reader can hold in mind. Tests are free.

use super::Finding;
use super::rust::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

pub fn check(source: &Source) -> Vec<Finding> {
    if source.is_test() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let text = format!("{lines} lines, more than {FILE_LINES_MAX}: split the file by subject");
        findings.push(Finding { path: source.path.clone(), line: FILE_LINES_MAX + 1, text });
    }
    for function in source.functions() {
        if function.lines > FUNCTION_LINES_MAX {
            let text = format!("`{}` has {} lines, more than {FUNCTION_LINES_MAX}", function.name, function.lines);
            findings.push(Finding { path: source.path.clone(), line: function.line, text });
        }
    }
    findings
}
