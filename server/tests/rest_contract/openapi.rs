//! The published document: complete, consistent, and the same as the router.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::world::World;

/// Walks every value of a document.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            visit(name, value);
            walk(value, visit);
        }),
        Value::Array(list) => list.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_ascii_uppercase(), path.clone(), operation));
        }
    }
    all
}

#[tokio::test]
async fn it_is_openapi_3_1_and_whole() {
    let world = World::start().await;
    let document = world.get("/openapi.json", None).await.expect(200).json;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut broken = Vec::new();
    walk(&document, &mut |name, value| {
        if name == "$ref" {
            let pointer = value.as_str().unwrap().trim_start_matches('#');
            if document.pointer(pointer).is_none() {
                broken.push(pointer.to_owned());
            }
        }
    });
    assert_eq!(broken, Vec::<String>::new());
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer", "refresh_cookie"]);
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();

    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}: operationId twice");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag.as_str().unwrap())), "{name}");
        for requirement in operation["security"].as_array().expect(&name) {
            assert!(requirement.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme)), "{name}");
        }
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let declared: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_path, declared, "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['1', '2'])), "{name}: no success");
        for (status, response) in responses {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status}");
            let is_problem = status.starts_with(['4', '5']) || status == "default";
            let has_own_body = response["content"].get("application/json").is_some();
            if is_problem && !has_own_body {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_router_takes_what_is_documented_and_nothing_else() {
    let world = World::start().await;
    let document = world.get("/openapi.json", None).await.expect(200).json;
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in operations(&document) {
        let methods = documented.entry(path).or_default();
        if method == "GET" {
            methods.insert("HEAD".to_owned());
        }
        methods.insert(method);
    }
    for (path, methods) in documented {
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let refused = world.call("PUT", &filled.join("/"), None, None, &[]).await.expect(405);
        let allowed: BTreeSet<String> =
            refused.header("allow").split(',').map(|method| method.trim().to_owned()).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn the_list_of_operations() {
    let world = World::start().await;
    let document = world.get("/openapi.json", None).await.expect(200).json;
    let mut lines = Vec::new();
    for (method, path, operation) in operations(&document) {
        let statuses: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        let security: Vec<String> = operation["security"]
            .as_array()
            .unwrap()
            .iter()
            .map(|requirement| requirement.as_object().unwrap().keys().next().map_or("open".to_owned(), Clone::clone))
            .collect();
        lines.push(format!("{method:<6} {path} [{}] {}", security.join("|"), statuses.join(" ")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
