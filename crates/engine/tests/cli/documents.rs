//! `--json`: one document per command, with fields that stay.

use insta::assert_snapshot;
use serde_json::Value;

use super::shop;
use crate::support::binary::{Folder, Ran};

/// The document with every number and every moment left out: its shape and its words.
#[track_caller]
fn shape(ran: &Ran) -> String {
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

fn with_config() -> Folder {
    let folder = shop();
    folder.syncline(&["init", "shop.db", "laptop.db"]).well();
    folder
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
          "statements": [
            "CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL)",
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
      ]
    }
    "#);
}

#[test]
fn run() {
    assert_snapshot!(shape(&with_config().syncline(&["run", "--json"]).well()), @r#"
    {
      "jobs": [
        {
          "lanes": [
            {
              "sink": "laptop",
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
          "notices": [],
          "job": "shop-to-laptop"
        }
      ]
    }
    "#);
}

#[test]
fn check() {
    assert_snapshot!(shape(&with_config().syncline(&["check", "--json"]).well()), @r#"
    {
      "connections": [
        {
          "connection": "laptop",
          "report": null,
          "tables": []
        },
        {
          "connection": "shop",
          "report": {
            "product": "SQLite [version]",
            "findings": [
              {
                "code": "sqlite.journal_mode",
                "level": "ok",
                "text": "journal mode wal",
                "advice": null
              },
              {
                "code": "sqlite.encoding",
                "level": "ok",
                "text": "text is stored as UTF-8",
                "advice": null
              },
              {
                "code": "sqlite.writable",
                "level": "ok",
                "text": "can be written",
                "advice": null
              }
            ],
            "lanes": []
          },
          "tables": [
            {
              "table": "customer",
              "key": [
                "id"
              ],
              "columns": [
                {
                  "name": "id",
                  "type": "INTEGER",
                  "logical": "int64",
                  "nullable": false
                },
                {
                  "name": "name",
                  "type": "TEXT",
                  "logical": "text",
                  "nullable": false
                },
                {
                  "name": "city",
                  "type": "VARCHAR(40)",
                  "logical": "text(40)",
                  "nullable": true
                }
              ]
            },
            {
              "table": "sales_order",
              "key": [
                "id"
              ],
              "columns": [
                {
                  "name": "id",
                  "type": "INTEGER",
                  "logical": "int64",
                  "nullable": false
                },
                {
                  "name": "customer_id",
                  "type": "INTEGER",
                  "logical": "int64",
                  "nullable": false
                },
                {
                  "name": "total",
                  "type": "DECIMAL(10,2)",
                  "logical": "decimal(10,2)",
                  "nullable": true
                }
              ]
            }
          ],
          "skipped": [
            {
              "name": "big_order",
              "reason": "a view holds no rows of its own"
            }
          ]
        }
      ],
      "jobs": [
        {
          "job": "shop-to-laptop",
          "error": null
        }
      ]
    }
    "#);
}

#[test]
fn plan() {
    assert_snapshot!(shape(&with_config().syncline(&["plan", "--json"]).well()), @r#"
    {
      "plan": [
        {
          "job": "shop-to-laptop",
          "source": "shop",
          "sink": "laptop",
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
            },
            {
              "source": "sales_order",
              "sink": "sales_order",
              "columns": [
                "id",
                "customer_id",
                "total"
              ],
              "filtered": false
            }
          ],
          "statements": [
            "CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL)",
            "CREATE TABLE \"customer\" (\"id\" INTEGER, \"name\" TEXT NOT NULL, \"city\" VARCHAR(40), PRIMARY KEY (\"id\"))",
            "CREATE TABLE \"sales_order\" (\"id\" INTEGER, \"customer_id\" INTEGER NOT NULL, \"total\" DECIMAL(10,2), PRIMARY KEY (\"id\"), FOREIGN KEY (\"customer_id\") REFERENCES \"customer\" (\"id\"))",
            "CREATE INDEX \"order_by_customer\" ON \"sales_order\" (\"customer_id\")"
          ],
          "misfits": [],
          "notices": [
            "sales_order: not created at the sink: 1 check constraint"
          ]
        }
      ]
    }
    "#);
}

#[test]
fn init() {
    let folder = shop();
    assert_snapshot!(shape(&folder.syncline(&["init", "shop.db", "laptop.db", "--json"]).well()), @r#"
    {
      "file": "syncline.yaml",
      "tables": "[number]"
    }
    "#);
}

#[test]
fn status() {
    let folder = with_config();
    assert_snapshot!(shape(&folder.syncline(&["status", "--json"]).well()), @r#"
    {
      "connections": [
        {
          "connection": "laptop",
          "lanes": []
        },
        {
          "connection": "shop",
          "lanes": []
        }
      ]
    }
    "#);
    let paused = folder.paused_at(&["run"], "unit_committed", 1).unwrap();
    paused.kill();
    assert_snapshot!(shape(&folder.syncline(&["status", "laptop.db", "--json"]).well()), @r#"
    {
      "connections": [
        {
          "connection": "laptop.db",
          "lanes": [
            {
              "lane": "shop-to-laptop-[hash]",
              "epoch": "[number]",
              "owner": "[host] process [number]",
              "position": {
                "layout": "snapshot/1",
                "at": "customer"
              },
              "changed_at": "[moment]"
            }
          ]
        }
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
