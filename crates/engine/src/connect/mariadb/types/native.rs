//! A column's type as MariaDB writes it, taken apart.

use syncline_model::LogicalType;

/// What a server column is, as far as values depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// The type's own word in lower case: `varchar`, `int`, `double`.
    pub word: String,
    /// The numbers in brackets.
    pub numbers: Vec<u32>,
    /// Whether negative numbers are missing.
    pub unsigned: bool,
    /// The labels of an enum or set, in their order.
    pub labels: Vec<String>,
    /// The character set, for text.
    pub charset: Option<String>,
    /// The collation, for text.
    pub collation: Option<String>,
}

impl Native {
    /// Reads a type as [`full`] or `COLUMN_TYPE` writes it. Words that are not known are kept.
    pub fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let end = lower.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(lower.len());
        let word = lower.get(..end).unwrap_or_default().to_owned();
        let mut found =
            Self { word, numbers: Vec::new(), unsigned: false, labels: Vec::new(), charset: None, collation: None };
        let mut rest = text.get(end..).unwrap_or_default();
        if let Some(inside) = rest.strip_prefix('(') {
            if matches!(found.word.as_str(), "enum" | "set") {
                let (labels, after) = labels(inside);
                (found.labels, rest) = (labels, after);
            } else if let Some((numbers, after)) = inside.split_once(')') {
                found.numbers = numbers.split(',').filter_map(|n| n.trim().parse().ok()).collect();
                rest = after;
            }
        }
        let words: Vec<String> = rest.split_whitespace().map(str::to_ascii_lowercase).collect();
        found.unsigned = words.iter().any(|w| w == "unsigned" || w == "zerofill");
        let after = |word: &str| words.iter().position(|w| w == word).and_then(|i| words.get(i + 1)).cloned();
        (found.charset, found.collation) = (after("set"), after("collate"));
        found
    }

    /// The first number in brackets.
    pub fn length(&self) -> Option<u32> {
        self.numbers.first().copied()
    }

    /// Digits of a second that the type keeps.
    pub fn fraction(&self) -> u32 {
        self.length().unwrap_or(0).min(6)
    }

    /// Most bytes of a text or bytes column that is bounded by bytes.
    pub fn bytes_max(&self) -> Option<u32> {
        match self.word.as_str() {
            "tinytext" | "tinyblob" => Some(255),
            "text" | "blob" => Some(65_535),
            "mediumtext" | "mediumblob" => Some(16_777_215),
            _ => None,
        }
    }

    /// Bytes that one character may take.
    pub fn bytes_per_char(&self) -> u32 {
        match self.charset.as_deref() {
            Some("utf8mb4" | "utf16" | "utf16le" | "utf32" | "gb18030") => 4,
            Some("utf8mb3" | "utf8" | "ujis" | "eucjpms") => 3,
            Some("ucs2" | "big5" | "sjis" | "gbk" | "euckr" | "gb2312" | "cp932") => 2,
            Some(_) => 1,
            None => 4,
        }
    }

    /// Whether it is text or bytes without a length that an index could take as a whole.
    pub fn is_unbounded(&self) -> bool {
        self.word.ends_with("text") || self.word.ends_with("blob")
    }

    /// Another type with this one's character set and collation.
    pub fn collated(&self, declared: &str) -> String {
        let plain = declared.split(" CHARACTER SET ").next().unwrap_or(declared);
        full(plain, self.charset.as_deref(), self.collation.as_deref())
    }

    /// What its values mean.
    pub fn logical(&self) -> LogicalType {
        use LogicalType as L;
        let int = |bits| L::Int { bits, signed: !self.unsigned };
        match self.word.as_str() {
            "tinyint" => int(8),
            "smallint" => int(16),
            "mediumint" => int(24),
            "int" => int(32),
            "bigint" => int(64),
            "year" => L::Int { bits: 16, signed: true },
            // Bits are a number: they compare, sort and travel as one.
            "bit" => L::Int { bits: 64, signed: false },
            "decimal" => L::Decimal {
                precision: self.length().and_then(|n| u16::try_from(n).ok()),
                scale: Some(self.numbers.get(1).and_then(|n| i16::try_from(*n).ok()).unwrap_or(0)),
            },
            "float" => L::Float32,
            "double" => L::Float64,
            "date" => L::Date,
            "time" => L::Time,
            "datetime" => L::Timestamp,
            "timestamp" => L::TimestampTz,
            "char" | "varchar" => L::Text { chars_max: self.length() },
            "longtext" => L::Text { chars_max: None },
            // As a source: every character takes one byte at least.
            "tinytext" | "text" | "mediumtext" => L::Text { chars_max: self.bytes_max() },
            "set" => L::Text { chars_max: None },
            "enum" => L::Enum { labels: self.labels.clone() },
            "binary" | "varbinary" => L::Bytes { bytes_max: self.length() },
            "tinyblob" | "blob" | "mediumblob" => L::Bytes { bytes_max: self.bytes_max() },
            "longblob" => L::Bytes { bytes_max: None },
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection" | "vector" => L::Bytes { bytes_max: None },
            "json" => L::Json,
            "uuid" => L::Uuid,
            _ => L::Other,
        }
    }
}

/// The labels up to the closing bracket, and what follows it. A quote inside a label is doubled.
fn labels(inside: &str) -> (Vec<String>, &str) {
    let (mut labels, mut label) = (Vec::new(), None::<String>);
    let mut chars = inside.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (&mut label, c) {
            (None, '\'') => label = Some(String::new()),
            (None, ')') => return (labels, inside.get(at + 1..).unwrap_or_default()),
            (None, _) => {}
            (Some(text), '\'') if chars.next_if(|(_, next)| *next == '\'').is_some() => text.push('\''),
            (Some(_), '\'') => labels.extend(label.take()),
            (Some(text), c) => text.push(c),
        }
    }
    (labels, "")
}

/// The type with what else a column of the same brand needs to keep its values: character set and collation.
pub fn full(column_type: &str, charset: Option<&str>, collation: Option<&str>) -> String {
    match (charset, collation) {
        (Some(charset), Some(collation)) => format!("{column_type} CHARACTER SET {charset} COLLATE {collation}"),
        _ => column_type.to_owned(),
    }
}

/// Whether texts of that collation are equal only if their bytes are, trailing blanks included.
pub fn is_by_bytes(collation: &str) -> bool {
    collation == "binary" || collation.ends_with("_nopad_bin") || collation == "utf8mb4_0900_bin"
}

#[cfg(test)]
mod tests;
