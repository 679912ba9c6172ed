//! The schema that editors use.

use serde_json::Value;

use super::*;

const RENEW: &str = "SYNCLINE_RENEW=1 cargo test -p syncline --lib config";

#[test]
fn the_published_schema_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/syncline.schema.json");
    let wanted = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("SYNCLINE_RENEW").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/syncline.schema.json is not what the code says; renew it: {RENEW}");
}

#[test]
fn no_struct_takes_unknown_keys() {
    let schema = json_schema();
    let mut structs = 0;
    walk(&schema, &mut |object| {
        if object.contains_key("properties") {
            structs += 1;
            assert_eq!(object.get("additionalProperties"), Some(&Value::Bool(false)), "{object:?}");
        }
    });
    // File, connection, job, table, group, its table: a schema that the walk does not understand must not pass.
    assert_eq!(structs, 6);
}

#[test]
fn every_key_and_word_is_described() {
    walk(&json_schema(), &mut |object| {
        let Some(Value::Object(keys)) = object.get("properties") else { return };
        for (key, schema) in keys {
            assert!(schema.get("description").is_some(), "`{key}` has no description");
        }
    });
}

fn walk(schema: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| walk(value, visit));
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}
