//! A database of the Django web framework: its own applications and a shop, filled by its own code.

use crate::support::binary::{Folder, ended, needs};

use super::Real;

/// The shop's tables, as Django's classes.
const MODELS: &str = include_str!("django_shop/models.py");

/// What fills them.
const FILL: &str = include_str!("django_shop/fill.py");

/// Triggers and views that somebody wrote on top.
const BY_HAND: &str = "
    CREATE VIEW open_orders AS SELECT o.id, c.name FROM shop_order o JOIN shop_customer c ON c.id = o.customer_id;
    CREATE TRIGGER item_touches_order AFTER INSERT ON shop_orderitem
        BEGIN UPDATE shop_order SET note = note || ' touched' WHERE id = NEW.order_id; END;
    CREATE TRIGGER no_deletes BEFORE DELETE ON shop_customer BEGIN SELECT RAISE(ABORT, 'customers stay'); END;
    CREATE TRIGGER through_the_view INSTEAD OF INSERT ON open_orders
        BEGIN INSERT INTO shop_customer (name) VALUES (NEW.name); END;";

#[test]
fn a_django_shop() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("shop")).unwrap();
    folder.write("shop/__init__.py", "");
    folder.write("shop/models.py", MODELS);
    folder.write("fill.py", FILL);
    assert!(std::path::Path::new("/usr/lib/python3/dist-packages/django").exists(), "run `cargo xtask setup`");
    ended(&mut folder.program(needs("/usr/bin/python3"), &["-B", "fill.py"])).exits(0);
    folder.sql("shop.db", BY_HAND);
    let real = Real {
        file: "shop.db",
        keyless: &[],
        keys: &[],
        stale: "UPDATE shop_customer SET name = 'stale', data = '{}'; UPDATE shop_order SET total = 0, placed = NULL;
                UPDATE auth_user SET last_login = '1999-01-01';",
        tables_least: 15,
    };
    real.proves(&folder);
}
