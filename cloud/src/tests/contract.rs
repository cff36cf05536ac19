//! `openapi.yaml` against the routes and against each exchange of these tests.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue};
use belay_proto::wire::{MESSAGE_PACK, MissingRequest};
use serde_json::{Value, json};

use super::rig::{Reply, Rig};
use crate::routes::ROUTES;

/// An id in a path.
const NOBODY: &str = "00000000000000000000000000000000";

static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../../../proto/openapi.yaml")).expect("openapi.yaml")
});

#[test]
fn every_route_has_an_operation_and_every_operation_a_route() {
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|r| (r.method.to_lowercase(), r.path.to_owned()))
        .collect();
    let mut operations = BTreeSet::new();
    for (path, item) in CONTRACT["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "parameters")
        {
            operations.insert((method.clone(), path.clone()));
        }
    }
    assert_eq!(routes, operations);
}

#[test]
fn every_schema_can_be_used() {
    for name in CONTRACT["components"]["schemas"].as_object().unwrap().keys() {
        let schema = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
        validator(&schema);
    }
}

#[tokio::test]
async fn without_a_session_nothing_is_done_that_the_contract_wants_one_for() {
    let rig = Rig::new();
    let stranger = rig.client();
    // Brings the nonce for the others.
    stranger.get("/v1/account").await.refuses(401, "invalid-token");
    let mut asked = 0;
    for (template, item) in CONTRACT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let ways = operation["security"].as_array().filter(|ways| !ways.is_empty());
            if !ways.is_some_and(|ways| ways.iter().all(|way| way.get("token").is_some())) {
                continue;
            }
            let path = template
                .split('/')
                .map(|part| if part.starts_with('{') { NOBODY } else { part })
                .collect::<Vec<_>>()
                .join("/");
            // Whose body is judged first has a good one.
            let body = json!({ "order": "AAEC" });
            let mut request = stranger.request(
                &method.to_uppercase(),
                &path,
                Some(&body),
                Some(&asked.to_string()),
            );
            if template == "/v1/blobs/missing" {
                let packed = HeaderValue::from_static(MESSAGE_PACK);
                request.headers_mut().insert("content-type", packed);
                let body = MissingRequest { chunks: Vec::new() };
                *request.body_mut() = rmp_serde::to_vec_named(&body).unwrap();
            }
            let reply = rig.send(request).await;
            assert_eq!(
                (reply.status.as_u16(), reply.problem().as_str()),
                (401, "invalid-token"),
                "{method} {template}"
            );
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} calls want a session");
}

/// Panics unless the answer is one that the contract lists for the operation, and, when the call succeeded,
/// the request too.
pub fn judge(method: &str, path: &str, request: &(HeaderMap, Vec<u8>), reply: &Reply) {
    let what = format!("{method} {path} → {}", reply.status);
    let Some(operation) = operation(method, path) else {
        assert!(matches!(reply.status.as_u16(), 404 | 405), "{what}: no operation");
        return;
    };
    let status = reply.status.as_u16().to_string();
    let response = resolve(&operation["responses"][&status]);
    assert!(
        response.is_object(),
        "{what}: not listed; {}",
        String::from_utf8_lossy(&reply.body)
    );
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let required = resolve(header)["required"] == Value::Bool(true);
        assert!(
            !required || reply.headers.contains_key(name.to_lowercase()),
            "{what}: no {name}"
        );
    }
    match response.get("content") {
        None => assert!(reply.body.is_empty(), "{what}: a body"),
        Some(content) => body(&what, content, &reply.headers, &reply.body),
    }
    if reply.status.is_success() {
        if let Some(content) = operation["requestBody"].get("content") {
            body(&what, content, &request.0, &request.1);
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(parameter);
            let name = parameter["name"].as_str().unwrap().to_lowercase();
            assert!(
                parameter["required"] != true || request.0.contains_key(&name),
                "{what}: without {name}"
            );
        }
    }
}

fn body(what: &str, content: &Value, headers: &HeaderMap, bytes: &[u8]) {
    let kind = headers
        .get("content-type")
        .map_or("", |kind| kind.to_str().unwrap());
    let kind = kind.split(';').next().unwrap().trim();
    let media = content
        .get(kind)
        .unwrap_or_else(|| panic!("{what}: {kind:?} is not listed"));
    if kind.ends_with("json") {
        let instance: Value = serde_json::from_slice(bytes).unwrap();
        let errors: Vec<_> = validator(&media["schema"])
            .iter_errors(&instance)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{what}: {errors:?}");
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
    };
    let paths = CONTRACT["paths"].as_object().unwrap();
    let item = paths.get(path).or_else(|| {
        paths
            .iter()
            .find(|(template, _)| fits(template))
            .map(|(_, item)| item)
    });
    item?.get(method.to_lowercase())
}

fn resolve(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => CONTRACT
            .pointer(&reference[1..])
            .unwrap_or_else(|| panic!("{reference}")),
        None => value,
    }
}

fn validator(schema: &Value) -> jsonschema::Validator {
    let mut schema = schema.clone();
    schema["components"] = CONTRACT["components"].clone();
    jsonschema::draft202012::options().build(&schema).unwrap()
}
