//! Text with wildcards: what a table glob and a `LIKE` pattern have in common.

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// This very character.
    Literal(char),
    /// Any one character.
    One,
    /// Any number of characters, also none.
    Many,
}

/// A parsed pattern. Matching takes time in proportion to the lengths of pattern and text multiplied, never more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wildcards(Vec<Part>);

impl Wildcards {
    /// Appends an element; runs of [`Part::Many`] are one.
    pub(crate) fn push(&mut self, part: Part) {
        if part != Part::Many || self.0.last() != Some(&Part::Many) {
            self.0.push(part);
        }
    }

    /// How many elements are of that kind.
    pub(crate) fn count(&self, of: impl Fn(Part) -> bool) -> usize {
        self.0.iter().filter(|part| of(**part)).count()
    }

    /// Whether there are no elements at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, if nothing in it is a wildcard.
    pub(crate) fn literal(&self) -> Option<String> {
        self.0.iter().map(|part| if let Part::Literal(c) = part { Some(*c) } else { None }).collect()
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        // After the last `Many`: where the pattern goes on, and from where the text was tried.
        let mut retry = None;
        loop {
            let mut next = rest.clone();
            match (self.0.get(at), next.next()) {
                (None, None) => return true,
                (Some(Part::Many), _) => {
                    at += 1;
                    retry = Some((at, rest.clone()));
                    continue;
                }
                (Some(Part::One), Some(_)) => {
                    (at, rest) = (at + 1, next);
                    continue;
                }
                (Some(Part::Literal(c)), Some(there)) if *c == there => {
                    (at, rest) = (at + 1, next);
                    continue;
                }
                _ => {}
            }
            let Some((after_many, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            (at, rest) = (*after_many, from.clone());
        }
    }
}

#[cfg(test)]
mod tests;
