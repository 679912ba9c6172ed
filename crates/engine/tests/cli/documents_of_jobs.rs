//! `--json` of the commands around a configuration file.

use insta::assert_snapshot;

use super::documents::shape;
use super::shop;
use crate::support::binary::Folder;

fn with_config() -> Folder {
    let folder = shop();
    folder.syncline(&["init", "shop.db", "laptop.db"]).well();
    folder
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
      ],
      "alarms": []
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
          "install": [],
          "statements": [
            "CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT)",
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
          "lanes": [],
          "backlog": [],
          "parked": [],
          "retained": null,
          "alarm": null
        },
        {
          "connection": "shop",
          "lanes": [],
          "backlog": [],
          "parked": [],
          "retained": null,
          "alarm": null
        }
      ],
      "jobs": [
        {
          "job": "shop-to-laptop",
          "source": "shop",
          "error": null,
          "lanes": [
            {
              "sink": "laptop",
              "lane": null,
              "state": "not_begun",
              "tables_loaded": null,
              "waiting": null,
              "oldest_s": null,
              "changes_total": null,
              "changes_per_second": null,
              "parked": "[number]",
              "trouble": null,
              "error": null
            }
          ]
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
              "changed_at": "[moment]",
              "age_s": "[number]",
              "changes_total": "[number]",
              "trouble": null,
              "changes_per_second": null
            }
          ],
          "backlog": [],
          "parked": [],
          "retained": null,
          "alarm": null
        }
      ],
      "jobs": []
    }
    "#);
}
