//! From text to a condition: `sqlparser` reads the SQL, this takes the small part of it that is allowed.

use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};

use super::literal::{Literal, Raw};
use super::{Comparison, Condition, FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_WORDS_MAX, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::pattern::no_such_column;
use crate::schema::{LogicalType, TableSchema};
use crate::wildcard::{Part, Wildcards};

const ALLOWED: &str = "a filter may hold comparisons of a column with a literal (= <> < <= > >=), AND, OR, NOT, IN, \
                       BETWEEN, LIKE, IS NULL, and the literals 'text', 12.5, TRUE, FALSE, NULL, DATE '2026-01-31', \
                       TIMESTAMP '2026-01-31 12:00:00'";

fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what).hint(ALLOWED)
}

/// Reads the whole text as one condition on the table.
pub(super) fn condition(text: &str, schema: &TableSchema) -> Result<Condition> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(Error::new(ErrorKind::Config, format!("a filter is longer than {FILTER_BYTES_MAX} bytes"))
            .hint("put the rows that are wanted into a column or a view of the source"));
    }
    let unreadable = |e: ParserError| match e {
        ParserError::RecursionLimitExceeded => {
            Error::new(ErrorKind::Config, format!("a filter nests deeper than {FILTER_DEPTH_MAX}"))
                .hint("write parentheses only where they are needed")
        }
        e => refused("the filter is not a condition").caused_by(e),
    };
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|e| unreadable(e.into()))?;
    // The parser bounds how deep parentheses nest, but a long chain of operators is a deep tree as well, and
    // dropping it takes stack. What lists are made of does not nest.
    let flat = |token: &Token| {
        use Token::{Comma, LParen, Number, RParen, SingleQuotedString, Whitespace};
        matches!(token, Comma | LParen | RParen | Number(..) | SingleQuotedString(_) | Whitespace(_))
    };
    if tokens.iter().filter(|t| !flat(&t.token)).count() > FILTER_WORDS_MAX {
        return Err(Error::new(
            ErrorKind::Config,
            format!("a filter has more than {FILTER_WORDS_MAX} words and operators"),
        )
        .hint("IN takes a list of any length in one comparison"));
    }
    let mut parser = Parser::new(&dialect).with_recursion_limit(FILTER_DEPTH_MAX).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(unreadable)?;
    if parser.peek_token_ref().token != Token::EOF {
        return Err(refused("the filter goes on after the end of its condition"));
    }
    Table { schema }.condition(&expr)
}

struct Table<'s> {
    schema: &'s TableSchema,
}

impl Table<'_> {
    fn condition(&self, expr: &Expr) -> Result<Condition> {
        let negate = |negated: bool, condition: Condition| {
            if negated { Condition::Not(Box::new(condition)) } else { condition }
        };
        Ok(match expr {
            Expr::Nested(inner) => self.condition(inner)?,
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Condition::Not(Box::new(self.condition(expr)?)),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => Condition::All(self.chain(expr, &BinaryOperator::And)?),
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => Condition::Any(self.chain(expr, &BinaryOperator::Or)?),
            Expr::BinaryOp { left, op, right } => self.comparison(left, op, right)?,
            Expr::IsNull(of) => Condition::IsNull(self.column(of)?),
            Expr::IsNotNull(of) => Condition::Not(Box::new(Condition::IsNull(self.column(of)?))),
            Expr::InList { expr, list, negated } => {
                let column = self.column(expr)?;
                let literals = list.iter().map(|l| self.literal(column, l, false)).collect::<Result<_>>()?;
                negate(*negated, Condition::In(column, literals))
            }
            Expr::Between { expr, negated, low, high } => {
                let column = self.column(expr)?;
                let (low, high) = (self.literal(column, low, true)?, self.literal(column, high, true)?);
                let both = vec![
                    Condition::Compare(column, Comparison::GreaterOrEqual, low),
                    Condition::Compare(column, Comparison::LessOrEqual, high),
                ];
                negate(*negated, Condition::All(both))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                negate(*negated, self.like(expr, pattern, escape_char.as_deref())?)
            }
            Expr::Identifier(name) => self.truth_of(name)?,
            Expr::Value(value) => match value.value {
                Value::Boolean(value) => Condition::Constant(Truth::of(value)),
                Value::Null => Condition::Constant(Truth::Unknown),
                _ => return Err(refused("a filter's literal stands alone where a condition is wanted")),
            },
            _ => return Err(refused("the filter holds something that is not allowed in a filter")),
        })
    }

    /// The parts of `a AND b AND c`, last first, without recursion: a chain may be long, while nesting is bounded by the parser.
    fn chain(&self, expr: &Expr, of: &BinaryOperator) -> Result<Vec<Condition>> {
        let mut parts = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == of
        {
            parts.push(self.condition(right)?);
            rest = left;
        }
        parts.push(self.condition(rest)?);
        Ok(parts)
    }

    fn comparison(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Condition> {
        let comparison = match op {
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            other => return Err(refused(format!("a filter has no operator {other}"))),
        };
        let (column, comparison, literal) = match (unnested(left), unnested(right)) {
            (Expr::Identifier(_), Expr::Identifier(_)) => {
                return Err(refused("a filter compares a column with a literal, not with another column")
                    .hint("text literals stand in single quotes; double quotes make a column's name"));
            }
            (literal, column @ Expr::Identifier(_)) => (column, comparison.flipped(), literal),
            (column, literal) => (column, comparison, literal),
        };
        let column = self.column(column)?;
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        Ok(Condition::Compare(column, comparison, self.literal(column, literal, ordered)?))
    }

    fn like(&self, expr: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Result<Condition> {
        let column = self.column(expr)?;
        let of = self.schema.columns.get(column);
        if of.is_some_and(|c| !has_text(&c.logical)) {
            let name = of.map_or("", |c| &c.name);
            return Err(Error::new(ErrorKind::Config, format!("LIKE needs text, and column {name} is not text")));
        }
        let escape = match escape.map(text_of) {
            None => None,
            Some(Some(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(_) => return Err(refused("ESCAPE needs one character in quotes")),
        };
        match (unnested(pattern), text_of(pattern)) {
            (_, Some(text)) => Ok(Condition::Like(column, wildcards(text, escape)?)),
            (Expr::Value(value), None) if value.value == Value::Null => Ok(Condition::Constant(Truth::Unknown)),
            _ => Err(refused("LIKE needs a pattern in single quotes")),
        }
    }

    /// A column that stands alone is a condition if it is true or false by itself.
    fn truth_of(&self, name: &Ident) -> Result<Condition> {
        let column = self.named(name)?;
        match self.schema.columns.get(column) {
            Some(c) if c.logical == LogicalType::Bool => Ok(Condition::IsTrue(column)),
            _ => Err(refused(format!("column {} stands alone where a condition is wanted", name.value))),
        }
    }

    fn column(&self, expr: &Expr) -> Result<usize> {
        match unnested(expr) {
            Expr::Identifier(name) => self.named(name),
            Expr::CompoundIdentifier(parts) => {
                match parts.last() {
                    Some(last) => Err(refused("a filter names columns without their table")
                        .hint(format!("write {} alone", last.value))),
                    None => Err(refused("a filter names columns without their table")),
                }
            }
            _ => Err(refused("a filter's comparison needs a column on one side and a literal on the other")),
        }
    }

    fn named(&self, name: &Ident) -> Result<usize> {
        if let Some(exact) = self.schema.position(&name.value) {
            return Ok(exact);
        }
        let mut folded = self
            .schema
            .columns
            .iter()
            .enumerate()
            .filter(|(_, c)| name.quote_style.is_none() && c.name.to_lowercase() == name.value.to_lowercase());
        match (folded.next(), folded.next()) {
            (Some((one, _)), None) => Ok(one),
            _ => Err(no_such_column(&name.value, self.schema, ErrorKind::Config)),
        }
    }

    fn literal(&self, column: usize, expr: &Expr, ordered: bool) -> Result<Literal> {
        let raw = Raw::read(expr)
            .ok_or_else(|| refused("a filter's comparison needs a column on one side and a literal on the other"))?;
        match self.schema.columns.get(column) {
            Some(column) => Literal::new(raw, column, ordered),
            None => Err(Error::new(ErrorKind::Bug, "a filter's column is not in its table")),
        }
    }
}

fn unnested(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

fn text_of(expr: &Expr) -> Option<&str> {
    match unnested(expr) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the type's cells are text, so that LIKE means something.
fn has_text(logical: &LogicalType) -> bool {
    use LogicalType::{Any, Array, Enum, Json, Other, Text};
    matches!(logical, Any | Text { .. } | Json | Enum { .. } | Array(_) | Other)
}

fn wildcards(text: &str, escape: Option<char>) -> Result<Wildcards> {
    let mut pattern = Wildcards::default();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        pattern.push(match c {
            c if Some(c) == escape => match chars.next() {
                Some(next) if matches!(next, '%' | '_') || Some(next) == escape => Part::Literal(next),
                _ => return Err(refused("after the ESCAPE character LIKE needs %, _ or that character again")),
            },
            '%' => Part::Many,
            '_' => Part::One,
            c => Part::Literal(c),
        });
    }
    Ok(pattern)
}
