//! The OpenAPI 3.1 document, from the types and handlers themselves.
//!
//! Owns what is common to all operations: description, security schemes and problem answers. Never lists a route.

use axum::http::StatusCode;
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{
        Components, Content, InfoBuilder, OpenApi, Ref, RefOr, Response, Tag,
        path::{Operation, ParameterIn},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::problem::{Code, FieldError, ProblemBody};

const DESCRIPTION: &str = "Rooms, channels, people and messages of a Charge server. Ids are opaque strings, times \
    RFC 3339 in UTC, unknown fields are ignored. What went wrong is told as `application/problem+json` (RFC 9457) \
    with a stable `code`. Who is no member of a room gets the answer of a room that does not exist. Live events come \
    over the WebSockets `/ws`, `/ws/text/{channel_id}` and `/ws/signal/{room_slug}`, subprotocol `charge.v1`.";

/// The tags, in the order of the page.
const TAGS: [(&str, &str); 11] = [
    ("auth", "Signing in and out"),
    ("me", "The signed-in user"),
    ("setup", "The first start"),
    ("rooms", "Rooms"),
    ("channels", "Channels of a room"),
    ("members", "Members of a room"),
    ("invites", "Invites into a room"),
    ("messages", "Messages of a channel"),
    ("live", "WebSockets"),
    ("config", "What clients must know"),
    ("operations", "Health and metrics"),
];

/// Completes what the routes collected, as JSON.
pub(crate) fn document(mut openapi: OpenApi) -> String {
    openapi.info = InfoBuilder::new()
        .title("Charge")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!("{DESCRIPTION}\n\n{}", codes())))
        .contact(None::<utoipa::openapi::Contact>)
        .build();
    openapi.tags = Some(TAGS.iter().map(|(name, text)| tag(name, text)).collect());
    let components = openapi.components.get_or_insert_with(Components::new);
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    components.add_security_scheme("bearer", bearer());
    components.add_security_scheme("refresh_cookie", refresh_cookie());
    for item in openapi.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            complete(operation);
        }
    }
    openapi.to_json().unwrap_or_else(|_| "{}".to_owned())
}

/// Adds the problems an operation may answer with, by what it takes, and a body to those it names itself.
fn complete(operation: &mut Operation) {
    let needs_sign_in = operation.security.as_ref().is_some_and(|requirements| {
        let names = serde_json::to_string(requirements).unwrap_or_default();
        names.contains("bearer") && !names.contains("{}")
    });
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let takes = |place: ParameterIn| {
        parameters.iter().any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == place))
    };
    let (in_path, in_query) = (takes(ParameterIn::Path), takes(ParameterIn::Query));
    let has_body = operation.request_body.is_some();
    let tag = operation.tags.as_ref().and_then(|tags| tags.first()).cloned().unwrap_or_default();
    // Handlers are named within their file; across the document the family goes in front.
    operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
    let also = [
        (needs_sign_in, Code::Unauthenticated),
        (in_path, Code::NotFound),
        (has_body || in_query, Code::Validation),
        (has_body, Code::Malformed),
        (has_body, Code::TooLarge),
        (has_body, Code::UnsupportedMediaType),
        (tag == "auth" || tag == "setup", Code::RateLimited),
        (needs_sign_in || has_body || in_path, Code::Unavailable),
    ];
    let responses = &mut operation.responses.responses;
    for (applies, code) in also {
        let status = code.status().as_str().to_owned();
        if applies {
            responses.entry(status).or_insert_with(|| RefOr::T(Response::new(code.title())));
        }
    }
    responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(Response::new("Another problem")));
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            let reason = status.parse().ok().and_then(|code: StatusCode| code.canonical_reason());
            response.description = reason.unwrap_or("Done").to_owned();
        }
        let is_problem = status.starts_with(['4', '5']) || status == "default";
        if is_problem && response.content.is_empty() {
            let body = Content::new(Some(Ref::from_schema_name(ProblemBody::name())));
            response.content.insert("application/problem+json".to_owned(), body.into());
        }
    }
}

/// The stable codes as a table, with the anchors that `type` leads to.
fn codes() -> String {
    let mut text = String::from("| code | status | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        let (name, status, title) = (code.as_str(), code.status().as_u16(), code.title());
        text.push_str(&format!("| <a id=\"problem-{name}\"></a>`{name}` | {status} | {title} |\n"));
    }
    text
}

fn tag(name: &str, text: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(text)).build()
}

fn bearer() -> SecurityScheme {
    let text =
        "The `access_token` of an answer to a sign-in. WebSockets also take it as the subprotocol `bearer.<token>`.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(text));
    SecurityScheme::Http(scheme.build())
}

fn refresh_cookie() -> SecurityScheme {
    let text =
        "The refresh token of a browser that signed in with `\"cookie\": true`; `__Secure-charge_refresh` over https.";
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("charge_refresh", text)))
}
