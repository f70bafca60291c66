//! Reading what a request carries: JSON bodies, queries and names in the path.
//!
//! Owns limits, content types and the words for what could not be read. Never interprets a value.

use std::{collections::HashMap, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{
    App,
    problem::{Code, Problem},
};
use crate::domain::limits::BODY_BYTES;

/// Time for a body to arrive: 64 KiB over the slowest phone.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest text of a JSON error that is passed on, in characters.
const DETAIL_CHARS: usize = 160;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be left out.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if !is_json {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        decode(&bytes).map(Json)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<App> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(MaybeJson(T::default()));
        }
        if !is_json {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        decode(&bytes).map(MaybeJson)
    }
}

/// A query's parameters by name; one named twice is refused.
pub(crate) struct Parameters(HashMap<String, String>);

impl Parameters {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromRequestParts<App> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(Code::Malformed, "The query cannot be read."))?;
        let mut parameters = HashMap::new();
        for (name, value) in pairs {
            if parameters.contains_key(&name) {
                return Err(Problem::field(&name, "is given twice"));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }
}

/// A name in the path: one that does not parse cannot exist, which is what a stranger's name answers too.
pub(crate) fn in_path<T, E>(parsed: Result<T, E>) -> Result<T, Problem> {
    parsed.map_err(|_| Problem::not_found())
}

/// `application/json` or `application/<anything>+json`, whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), BODY_BYTES);
    match tokio::time::timeout(BODY_TIMEOUT, body.collect()).await {
        Err(_) => Err(Problem::new(Code::Timeout, "The body did not arrive in time.")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::TooLarge, format!("A body has at most {BODY_BYTES} bytes.")))
        }
        Ok(Err(_)) => Err(Problem::new(Code::Malformed, "The body ended early.")),
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes an array for a struct, field by field; the contract does not.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Err(Problem::field("body", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        json_problem(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| json_problem(".", &error))?;
    Ok(value)
}

fn json_problem(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::new(Code::Malformed, "The body is not JSON.");
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let (field, detail) = match (path, missing) {
        (".", Some(name)) => (name.to_owned(), "is required"),
        (path, Some(name)) => (format!("{path}.{name}"), "is required"),
        (path, None) => (path.to_owned(), expectation(text)),
    };
    Problem::field(if field == "." { "body" } else { &field }, detail.chars().take(DETAIL_CHARS).collect::<String>())
}

/// `expected u32` out of `invalid type: string "x", expected u32`; a checked name's own words stay as they are.
fn expectation(text: &str) -> &str {
    let generic = text.starts_with("invalid ") || text.starts_with("unknown variant");
    match text.rfind("expected ") {
        Some(at) if generic => text.get(at..).unwrap_or(text),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Form {
        name: String,
        age: Option<u8>,
        inner: Option<Inner>,
    }

    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Inner {
        old: String,
    }

    fn refused(json: &str) -> (Code, String) {
        let problem = decode::<Form>(json.as_bytes()).unwrap_err();
        let body = format!("{problem:?}");
        (problem.code(), body)
    }

    #[test]
    fn a_refusal_names_the_field() {
        let cases = [
            (r#"{}"#, "name"),
            (r#"{"name":3}"#, "name"),
            (r#"{"name":"x","age":300}"#, "age"),
            (r#"{"name":"x","inner":{}}"#, "inner.old"),
            (r#"{"name":"x","inner":{"old":[]}}"#, "inner.old"),
            (r#"[]"#, "body"),
            (r#""x""#, "body"),
        ];
        for (json, field) in cases {
            let (code, body) = refused(json);
            assert_eq!(code, Code::Validation, "{json}");
            assert!(body.contains(&format!("field: {field:?}")), "{json}: {body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for json in ["", "{", "{\"name\":\"x\"} trailing", "\u{0}", "{\"name\":\"\\ud800\"}"] {
            assert_eq!(refused(json).0, Code::Malformed, "{json}");
        }
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(matches!(refused(&format!("{{\"name\":{deep}}}")).0, Code::Malformed | Code::Validation));
    }

    #[test]
    fn what_was_sent_is_not_sent_back() {
        let (_, body) = refused(r#"{"name":"x","age":"hunter2 secret"}"#);
        assert!(!body.contains("hunter2"), "{body}");
    }

    #[test]
    fn only_json_types_count() {
        let of = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            is_json(&headers)
        };
        assert!(of("application/json") && of("Application/JSON; charset=utf-8") && of("application/merge-patch+json"));
        assert!(!of("text/plain") && !of("application/jsonx") && !of("multipart/form-data") && !of(""));
    }
}
