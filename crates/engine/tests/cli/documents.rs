//! `--json`: one document per command, with fields that stay.

use insta::assert_snapshot;
use serde_json::Value;

use super::shop;
use crate::support::binary::Ran;

/// The document with every number and every moment left out: its shape and its words.
#[track_caller]
pub(super) fn shape(ran: &Ran) -> String {
    fn steady(value: &mut Value) {
        match value {
            Value::Number(_) => *value = Value::from("[number]"),
            Value::String(text) if text.starts_with("SQLite 3") => *text = "SQLite [version]".into(),
            Value::String(text) if text.contains(" process ") => *text = "[host] process [number]".into(),
            Value::String(text) if text.len() == 24 && text.ends_with('Z') => *text = "[moment]".into(),
            Value::String(text) if text.len() > 17 && text.chars().rev().take(16).all(|c| c.is_ascii_hexdigit()) => {
                text.replace_range(text.len() - 16.., "[hash]");
            }
            Value::Array(items) => items.iter_mut().for_each(steady),
            Value::Object(fields) => fields.values_mut().for_each(steady),
            _ => {}
        }
    }
    let mut document = ran.json();
    steady(&mut document);
    format!("{document:#}")
}

#[test]
fn copy() {
    let folder = shop();
    assert_snapshot!(shape(&folder.syncline(&["copy", "shop.db", "sink.db", "--json"]).well()), @r#"
    {
      "lanes": [
        {
          "sink": "sink.db",
          "done": true,
          "tables": [
            {
              "table": "customer",
              "state": "done",
              "rows": "[number]",
              "bytes": "[number]",
              "seconds": "[number]"
            },
            {
              "table": "sales_order",
              "state": "done",
              "rows": "[number]",
              "bytes": "[number]",
              "seconds": "[number]"
            }
          ],
          "deletes_missing": "[number]",
          "rows_held": {},
          "notices": [
            "sales_order: not created at the sink: 1 check constraint"
          ]
        }
      ],
      "notices": [
        "big_order is left out: a view holds no rows of its own"
      ]
    }
    "#);
    let dry = folder.syncline(&["copy", "shop.db", "new.db", "--table", "customer", "--json", "--dry-run"]).well();
    assert_snapshot!(shape(&dry), @r#"
    {
      "plan": [
        {
          "job": "copy",
          "source": "shop.db",
          "sink": "new.db",
          "tables": [
            {
              "source": "customer",
              "sink": "customer",
              "columns": [
                "id",
                "name",
                "city"
              ],
              "filtered": false
            }
          ],
          "install": [],
          "statements": [
            "CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT)",
            "CREATE TABLE \"customer\" (\"id\" INTEGER, \"name\" TEXT NOT NULL, \"city\" VARCHAR(40), PRIMARY KEY (\"id\"))"
          ],
          "misfits": [],
          "notices": []
        }
      ]
    }
    "#);
}

#[test]
fn copy_that_fails_in_one_sink() {
    let folder = shop();
    folder.sql(
        "strict.db",
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, city TEXT);
                             INSERT INTO customer VALUES (9, 'Bo', 'other');",
    );
    let ran = folder.syncline(&["copy", "shop.db", "sink.db", "strict.db", "--table", "customer", "--json"]).exits(4);
    assert_snapshot!(shape(&ran), @r#"
    {
      "lanes": [
        {
          "sink": "sink.db",
          "done": true,
          "tables": [
            {
              "table": "customer",
              "state": "done",
              "rows": "[number]",
              "bytes": "[number]",
              "seconds": "[number]"
            }
          ],
          "deletes_missing": "[number]",
          "rows_held": {},
          "notices": []
        },
        {
          "sink": "strict.db",
          "done": false,
          "tables": [
            {
              "table": "customer",
              "state": "running",
              "rows": "[number]",
              "bytes": "[number]",
              "seconds": "[number]"
            }
          ],
          "deletes_missing": "[number]",
          "notices": [],
          "error": {
            "kind": "constraint",
            "what": "the sink refused the rows of a table",
            "at": {
              "table": "customer",
              "connection": "strict.db"
            },
            "text": "the sink refused the rows of a table [table customer, connection strict.db]: UNIQUE constraint failed: customer.name",
            "advice": "a row that only the sink has stands in the way, or a key comes twice; mode truncate replaces the table"
          }
        }
      ],
      "notices": []
    }
    "#);
}

#[test]
fn compare() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "sink.db", "-q"]).well();
    folder.sql(
        "sink.db",
        "UPDATE customer SET city = 'Paris', name = 'Ida' WHERE id = 1; DELETE FROM customer WHERE id = 2;
         INSERT INTO customer VALUES (7, 'New', NULL); ALTER TABLE sales_order ADD COLUMN more; CREATE TABLE extra (id PRIMARY KEY);",
    );
    assert_snapshot!(shape(&folder.syncline(&["compare", "shop.db", "sink.db", "--json"]).exits(3)), @r#"
    {
      "a": "shop.db",
      "b": "sink.db",
      "equal": false,
      "tables": [
        {
          "table": "customer",
          "equal": false,
          "rows_a": "[number]",
          "rows_b": "[number]",
          "only_a": "[number]",
          "only_b": "[number]",
          "differ": "[number]",
          "structure": [],
          "key": [
            "id"
          ],
          "differences": [
            {
              "key": [
                "[number]"
              ],
              "kind": "differs",
              "columns": [
                "name",
                "city"
              ]
            },
            {
              "key": [
                "[number]"
              ],
              "kind": "only_a"
            },
            {
              "key": [
                "[number]"
              ],
              "kind": "only_b"
            }
          ]
        },
        {
          "table": "extra",
          "equal": false,
          "rows_a": "[number]",
          "rows_b": "[number]",
          "only_a": "[number]",
          "only_b": "[number]",
          "differ": "[number]",
          "structure": [
            "only sink.db has this table"
          ],
          "key": [],
          "differences": []
        },
        {
          "table": "sales_order",
          "equal": false,
          "rows_a": "[number]",
          "rows_b": "[number]",
          "only_a": "[number]",
          "only_b": "[number]",
          "differ": "[number]",
          "structure": [
            "only sink.db has column more"
          ],
          "key": [
            "id"
          ],
          "differences": []
        }
      ],
      "notices": [
        "not compared: big_order: a view holds no rows of its own"
      ]
    }
    "#);
}

#[test]
fn an_error() {
    let folder = shop();
    let ran = folder.syncline(&["copy", "shop.db", "sink.db", "--table", "custmer", "--json"]).exits(2);
    assert_snapshot!(shape(&ran), @r#"
    {
      "error": {
        "kind": "not_found",
        "what": "no such table custmer; did you mean customer?",
        "at": {
          "source": "shop.db"
        },
        "text": "no such table custmer; did you mean customer? [source shop.db]",
        "advice": "`syncline check shop.db` lists the tables"
      },
      "exit_code": "[number]"
    }
    "#);
}
