//! Counting tests by what the test binaries print.

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
    pub ignored: usize,
    pub failed_names: Vec<String>,
}

impl Count {
    /// `test NAME ... FAILED`, and `test result: ok. 7 passed; 0 failed; 1 ignored; …` once per binary.
    pub fn take(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            let words: Vec<&str> = result.split_whitespace().collect();
            for pair in words.windows(2) {
                let [number, what] = pair else { continue };
                let Ok(number) = number.parse::<usize>() else { continue };
                match what.trim_end_matches(';') {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            // A test that must panic carries a note behind its name.
            self.failed_names.extend(name.split(" - ").next().map(str::to_string));
        }
    }
}

#[cfg(test)]
mod tests;
