//! The judgement of one request and its answer.

use std::sync::{Arc, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use super::{Contract, Operation, resolve};

/// A request and its answer as they went over the wire.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// In upper case.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Names in lower case.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request: Vec<u8>,
    /// The answer's status.
    pub status: u16,
    /// Names in lower case.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer: Vec<u8>,
}

impl Contract {
    /// What is wrong with the exchange; empty when nothing is.
    #[must_use]
    pub fn judge(&self, exchange: &Exchange) -> Vec<String> {
        self.judged(exchange, true)
    }

    /// What is wrong with the answer, for requests that are wrong on purpose.
    #[must_use]
    pub fn judge_answer(&self, exchange: &Exchange) -> Vec<String> {
        self.judged(exchange, false)
    }

    fn judged(&self, exchange: &Exchange, request_too: bool) -> Vec<String> {
        let Exchange {
            method, path, status, ..
        } = exchange;
        let Some(operation) = self.operation(method, path) else {
            return vec![format!("{method} {path}: no operation")];
        };
        let mut wrong = Vec::new();
        if request_too {
            self.request(operation, exchange, &mut wrong);
        }
        self.answer(operation, exchange, &mut wrong);
        wrong
            .into_iter()
            .map(|w| format!("{method} {} → {status}: {w}", operation.path))
            .collect()
    }

    fn request(&self, operation: &Operation, exchange: &Exchange, wrong: &mut Vec<String>) {
        for parameter in &operation.parameters {
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
            let required = parameter
                .get("required")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let name = text("name").to_ascii_lowercase();
            if text("in") == "header" && required && header(&exchange.request_headers, &name).is_none() {
                wrong.push(format!("the request lacks the header {name}"));
            }
        }
        let body = operation
            .value
            .get("requestBody")
            .map(|body| resolve(&self.document, body));
        match body {
            None if exchange.request.is_empty() => {}
            None => wrong.push("the request has a body and should not".to_owned()),
            Some(Err(broken)) => wrong.push(broken.to_string()),
            Some(Ok(body)) => {
                let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
                if required || !exchange.request.is_empty() {
                    let found = self.content(body, &exchange.request_headers, &exchange.request);
                    wrong.extend(found.into_iter().map(|f| format!("request: {f}")));
                }
            }
        }
    }

    fn answer(&self, operation: &Operation, exchange: &Exchange, wrong: &mut Vec<String>) {
        let responses = operation.value.get("responses");
        let status = exchange.status.to_string();
        let response = responses.and_then(|r| r.get(&status).or_else(|| r.get("default")));
        let response = match response.map(|r| resolve(&self.document, r)) {
            None => return wrong.push(format!("the status {status} is not documented")),
            Some(Err(broken)) => return wrong.push(broken.to_string()),
            Some(Ok(response)) => response,
        };
        if response.get("content").is_some() {
            let found = self.content(response, &exchange.answer_headers, &exchange.answer);
            wrong.extend(found.into_iter().map(|f| format!("answer: {f}")));
        } else if !exchange.answer.is_empty() {
            wrong.push("answer: a body where no content is documented".to_owned());
        }
        for (name, value) in response
            .get("headers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let required = resolve(&self.document, value)
                .ok()
                .and_then(|v| v.get("required")?.as_bool());
            let name = name.to_ascii_lowercase();
            if required == Some(true) && header(&exchange.answer_headers, &name).is_none() {
                wrong.push(format!("answer: the header {name} is missing"));
            }
        }
    }

    /// Judges a body by the `content` of `holder`.
    fn content(&self, holder: &Value, headers: &[(String, String)], body: &[u8]) -> Vec<String> {
        let given = header(headers, "content-type").unwrap_or_default();
        let kind = given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let Some(media) = holder.get("content").and_then(|c| c.get(&kind)) else {
            return vec![format!("the content type {kind:?} is not documented")];
        };
        if !kind.ends_with("json") {
            return Vec::new();
        }
        let Ok(instance) = serde_json::from_slice::<Value>(body) else {
            return vec!["not JSON".to_owned()];
        };
        let Some(schema) = media.get("schema") else {
            return Vec::new();
        };
        self.schema(schema, &instance)
    }

    fn schema(&self, schema: &Value, instance: &Value) -> Vec<String> {
        match self.validator(schema) {
            Err(broken) => vec![format!("the schema itself is wrong: {broken}")],
            // Only the place and the rule: the value may be a secret.
            Ok(validator) => validator
                .iter_errors(instance)
                .map(|e| format!("{} breaks {}", e.instance_path(), e.schema_path()))
                .collect(),
        }
    }

    /// The schema, made ready to judge by; kept, since that takes longer than many judgements.
    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let name = schema.to_string();
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = ready.get(&name) {
            return Ok(Arc::clone(validator));
        }
        let mut schema = schema.clone();
        if let (Value::Object(map), Some(components)) = (&mut schema, self.document.get("components")) {
            map.insert("components".to_owned(), components.clone());
        }
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema);
        let validator = Arc::new(validator.map_err(|broken| broken.to_string())?);
        ready.insert(name, Arc::clone(&validator));
        Ok(validator)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}
