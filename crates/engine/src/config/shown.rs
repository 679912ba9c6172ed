//! Which words of a file an error may repeat.

/// Longest word that is repeated, in characters.
const WORD_CHARS_MAX: usize = 40;

/// The word in backticks with a space before it, if it looks like a name; otherwise nothing.
///
/// Whoever mistypes a file may well have put a password where a name belongs, so only plain words are repeated (I15).
pub(crate) fn shown(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if word.is_empty() || word.chars().count() > WORD_CHARS_MAX || !word.chars().all(plain) {
        String::new()
    } else {
        format!(" `{word}`")
    }
}
