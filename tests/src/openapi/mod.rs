//! `openapi.yaml` as a judge: whether a request and its answer are what the contract says.
//!
//! OpenAPI 3.1 schemas are JSON Schema 2020-12, so that a schema is judged as it stands, with the document's
//! components beside it for its references.

mod judge;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::Value;

use crate::surprise::During;
use crate::{Outcome, Surprise};

pub use judge::Exchange;

/// The contract as it stands in this repository.
const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/openapi.yaml"));

/// The methods an OpenAPI path item may have.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "options"];

/// A read contract.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    operations: Vec<Operation>,
    /// Each schema that was judged by, by its text.
    ready: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation's name: its method and the template of its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// In upper case.
    pub method: String,
    /// With `{names}`.
    pub path: String,
}

impl Call {
    /// The call with this method and this template.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// One method of one path.
#[derive(Debug)]
struct Operation {
    /// In upper case.
    method: String,
    /// With `{names}`.
    path: String,
    /// The operation object.
    value: Value,
    /// The path item's own parameters and the operation's, references resolved.
    parameters: Vec<Value>,
}

impl Contract {
    /// The contract of this repository.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn ours() -> Outcome<&'static Self> {
        static OURS: OnceLock<Result<Contract, String>> = OnceLock::new();
        let ours = OURS.get_or_init(|| Self::read(DOCUMENT).map_err(|e| e.to_string()));
        ours.as_ref().map_err(|e| Surprise::new(e.clone()))
    }

    /// Reads a contract.
    ///
    /// # Errors
    /// Where it isn't YAML, or not OpenAPI.
    pub fn read(yaml: &str) -> Outcome<Self> {
        let document: Value = serde_saphyr::from_str(yaml).during("openapi.yaml")?;
        let paths = document.get("paths").and_then(Value::as_object);
        let paths = paths.ok_or_else(|| Surprise::new("openapi.yaml has no paths"))?;
        let mut operations = Vec::new();
        for (path, item) in paths {
            for method in METHODS {
                let Some(value) = item.get(method) else { continue };
                let mut parameters = Vec::new();
                for holder in [item, value] {
                    for parameter in holder
                        .get("parameters")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                    {
                        parameters.push(resolve(&document, parameter)?.clone());
                    }
                }
                let method = method.to_ascii_uppercase();
                operations.push(Operation {
                    method,
                    path: path.clone(),
                    value: value.clone(),
                    parameters,
                });
            }
        }
        Ok(Self {
            document,
            operations,
            ready: Mutex::default(),
        })
    }

    /// Each operation as method and path, such as `("POST", "/v1/verifications/{id}/code")`.
    #[must_use]
    pub fn operations(&self) -> BTreeSet<(String, String)> {
        self.operations
            .iter()
            .map(|o| (o.method.clone(), o.path.clone()))
            .collect()
    }

    /// The operations that can be called without an access token, be it with a proof of some key.
    #[must_use]
    pub fn public(&self) -> BTreeSet<Call> {
        let is_public = |operation: &&Operation| {
            let ways = operation.value.get("security");
            let ways = ways.or_else(|| self.document.get("security"));
            let ways = ways
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            ways.is_empty() || ways.iter().any(|way| way.get("token").is_none())
        };
        let public = self.operations.iter().filter(is_public);
        public.map(|o| Call::new(&o.method, &o.path)).collect()
    }

    /// The call that a request to `path` (without query) is.
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Option<Call> {
        self.operation(method, path)
            .map(|found| Call::new(&found.method, &found.path))
    }

    /// The operation that `method` and `path` (without query) call. A path without parameters wins over one with.
    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let fitting = self
            .operations
            .iter()
            .filter(|o| o.method == method && fits(&o.path, path));
        fitting.min_by_key(|o| o.path.matches('{').count())
    }
}

/// Follows a `$ref` within the document.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> Outcome<&'a Value> {
    let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
        return Ok(value);
    };
    let target = reference
        .strip_prefix('#')
        .and_then(|pointer| document.pointer(pointer));
    target.ok_or_else(|| Surprise::new(format!("openapi.yaml: {reference} leads nowhere")))
}

/// Whether `path` is one of those that `template` describes.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if w == g => {}
            (Some(w), Some(g)) if w.starts_with('{') && !g.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Contract, Exchange};

    const SMALL: &str = "
paths:
  /v1/things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    put:
      parameters: [{$ref: '#/components/parameters/Key'}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
      responses:
        '200': {content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
        '204': {description: nothing}
components:
  parameters: {Key: {name: Idempotency-Key, in: header, required: true, schema: {type: string}}}
  schemas: {Thing: {type: object, required: [name], additionalProperties: false, properties: {name: {type: string}}}}
";

    fn exchange(body: &str, status: u16, answer: &str) -> Exchange {
        let json = || vec![("content-type".to_owned(), "application/json".to_owned())];
        let mut request_headers = json();
        request_headers.push(("idempotency-key".to_owned(), "1".to_owned()));
        Exchange {
            method: "PUT".to_owned(),
            path: "/v1/things/7".to_owned(),
            request_headers,
            request: body.as_bytes().to_vec(),
            status,
            answer_headers: if answer.is_empty() { Vec::new() } else { json() },
            answer: answer.as_bytes().to_vec(),
        }
    }

    #[test]
    fn what_the_contract_says_passes() {
        let contract = Contract::read(SMALL).unwrap();
        assert_eq!(
            contract.judge(&exchange(r#"{"name":"a"}"#, 200, r#"{"name":"b"}"#)),
            Vec::<String>::new()
        );
        assert_eq!(
            contract.judge(&exchange(r#"{"name":"a"}"#, 204, "")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_needs_no_token_is_public() {
        let paths = "
paths:
  /either: {get: {security: [{dpop: []}, {dpop: [], token: []}]}, put: {security: [{dpop: [], token: []}]}}
  /key: {get: {security: [{dpop: []}]}}
  /open: {get: {security: []}}
  /unsaid: {get: {}}
";
        let public = |yaml: &str| {
            let public = Contract::read(yaml).unwrap().public();
            public.iter().map(Call::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            public(paths),
            ["GET /either", "GET /key", "GET /open", "GET /unsaid"]
        );
        let guarded = format!("security: [{{token: []}}]{paths}");
        assert_eq!(public(&guarded), ["GET /either", "GET /key", "GET /open"]);
    }

    #[test]
    fn anything_else_is_named() {
        let contract = Contract::read(SMALL).unwrap();
        for (bad, words) in [
            (exchange("{}", 204, ""), "request"),
            (exchange(r#"{"name":"a","x":1}"#, 204, ""), "request"),
            (exchange("nonsense", 204, ""), "not JSON"),
            (exchange(r#"{"name":"a"}"#, 500, ""), "500"),
            (exchange(r#"{"name":"a"}"#, 200, "{}"), "answer"),
            (exchange(r#"{"name":"a"}"#, 200, ""), "content type"),
            (exchange(r#"{"name":"a"}"#, 204, "{}"), "no content"),
            (
                Exchange {
                    path: "/v1/other".to_owned(),
                    ..exchange("", 204, "")
                },
                "no operation",
            ),
            (
                Exchange {
                    request_headers: Vec::new(),
                    ..exchange("", 204, "")
                },
                "idempotency-key",
            ),
        ] {
            let found = contract.judge(&bad);
            assert!(
                found.iter().any(|f| f.contains(words)),
                "{words:?} is not in {found:?}"
            );
        }
    }
}
