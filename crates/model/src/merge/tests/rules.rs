use super::super::{Deletes, Group, Mode};
use super::table;
use crate::ErrorKind;
use crate::schema::{Index, TableSchema};

fn registers(schema: &TableSchema, mode: Mode) -> Vec<Vec<usize>> {
    let group = Group::new(&[(schema.clone(), mode, Deletes::Newest)]).unwrap();
    group.tables()[0].registers.clone()
}

fn column(together: &[&[&str]]) -> Mode {
    Mode::Column { together: together.iter().map(|names| names.iter().map(ToString::to_string).collect()).collect() }
}

/// F105: what one rule binds together has one stamp.
#[test]
fn columns_that_belong_together_share_a_register() {
    let mut schema = table("t", &["id", "a", "b", "c", "d", "e"]);
    assert_eq!(registers(&schema, column(&[])), [[1], [2], [3], [4], [5]]);
    assert_eq!(registers(&schema, Mode::Row), [[1, 2, 3, 4, 5]]);
    assert_eq!(registers(&schema, column(&[&["d", "b"]])), [vec![1], vec![2, 4], vec![3], vec![5]]);
    assert_eq!(registers(&schema, column(&[&["d", "b"], &["a", "d"]])), [vec![1, 2, 4], vec![3], vec![5]]);
    schema.indexes.push(Index { name: None, columns: vec![0, 2, 3], unique: true });
    schema.indexes.push(Index { name: None, columns: vec![4, 5], unique: false });
    assert_eq!(registers(&schema, column(&[])), [vec![1], vec![2, 3], vec![4], vec![5]]);
    schema.columns[1].generated = true;
    assert_eq!(registers(&schema, Mode::Row), [[2, 3, 4, 5]], "what its database computes is not kept");
}

#[test]
fn what_cannot_be_agreed_on_is_refused() {
    let schema = table("t", &["id", "a"]);
    let refused = |schema: &TableSchema, mode| {
        let err = Group::new(&[(schema.clone(), mode, Deletes::Newest)]).unwrap_err();
        assert_eq!(err.places().last().unwrap(), &("table", "t".to_string()));
        err.kind()
    };
    assert_eq!(refused(&schema, column(&[&["a", "z"]])), ErrorKind::Config);
    assert_eq!(refused(&schema, column(&[&["a", "id"]])), ErrorKind::Config);
    let keyless = TableSchema { key: Vec::new(), ..schema };
    assert_eq!(refused(&keyless, Mode::Row), ErrorKind::Schema);
}
