//! The embedded browser client: files with their types, validators and compressed forms.
//!
//! Owns caching headers and content negotiation. Never reads a path of the machine in a release build.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::Write as _,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use rust_embed::Embed;

/// Where the client's files live.
pub(crate) const STATIC: &str = "/static/";
/// Smaller files do not gain from compression.
const COMPRESS_FROM_BYTES: usize = 512;
/// Characters of a hash in addresses and validators: 72 bits.
const HASH_CHARS: usize = 12;
/// A year: the address changes when the content does.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Ask each time; the answer is mostly 304.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

#[derive(Embed)]
#[folder = "../static"]
#[exclude = "*.d.ts"]
#[exclude = "*.d.mts"]
#[exclude = "tsconfig.json"]
struct Files;

/// How long a browser may use an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// For good: its address names its content.
    Forever,
    /// After asking whether it is still the same.
    Revalidate,
}

/// One file, ready to serve.
pub(crate) struct Asset {
    bytes: Bytes,
    kind: HeaderValue,
    hash: String,
    compressible: bool,
    gzip: OnceLock<Option<Bytes>>,
}

/// All files of the client.
pub(crate) struct Assets {
    files: HashMap<String, Arc<Asset>>,
    build: String,
}

impl Assets {
    pub(crate) fn load() -> Self {
        let mut files: Vec<(String, Cow<'static, [u8]>)> =
            Files::iter().filter_map(|path| Files::get(&path).map(|file| (path.into_owned(), file.data))).collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let mut all = Vec::new();
        for (path, data) in &files {
            all.extend_from_slice(path.as_bytes());
            all.extend_from_slice(digest(&SHA256, data).as_ref());
        }
        let build = short_hash(&all);
        let files = files
            .into_iter()
            .map(|(path, data)| {
                let kind = kind_of(&path);
                let data = if path == "index.html" { hashed_addresses(&data, &build).into() } else { data };
                (path, Arc::new(Asset::new(data, kind)))
            })
            .collect();
        Self { files, build }
    }

    /// A file by its path under `static/`.
    pub(crate) fn file(&self, path: &str) -> Option<Arc<Asset>> {
        self.files.get(path).cloned()
    }

    /// A file by what follows [`STATIC`] in its address: with the build's hash in front it never changes.
    pub(crate) fn addressed(&self, path: &str) -> Option<(Arc<Asset>, Freshness)> {
        let hashed = path.strip_prefix(self.build.as_str()).and_then(|rest| rest.strip_prefix('/'));
        match hashed {
            Some(path) => self.file(path).map(|asset| (asset, Freshness::Forever)),
            None => self.file(path).map(|asset| (asset, Freshness::Revalidate)),
        }
    }
}

impl Asset {
    pub(crate) fn new(data: impl Into<Cow<'static, [u8]>>, kind: HeaderValue) -> Self {
        let bytes = match data.into() {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => data.into(),
        };
        let text = kind.to_str().unwrap_or_default();
        let compressible = bytes.len() >= COMPRESS_FROM_BYTES
            && (text.starts_with("text/") || text.contains("json") || text.contains("xml") || text.contains("wasm"));
        Self { hash: short_hash(&bytes), bytes, kind, compressible, gzip: OnceLock::new() }
    }

    /// The answer to a GET or HEAD with these headers.
    pub(crate) fn answer(&self, request: &HeaderMap, freshness: Freshness) -> Response {
        let gzip = if accepts_gzip(request) { self.gzip() } else { None };
        let etag = if gzip.is_some() { format!("\"{}-gz\"", self.hash) } else { format!("\"{}\"", self.hash) };
        let mut response = if matches(request, &etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Body::from(gzip.clone().unwrap_or_else(|| self.bytes.clone())).into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, self.kind.clone());
            if gzip.is_some() {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        let cache = if freshness == Freshness::Forever { FOREVER } else { ASK };
        headers.insert(header::CACHE_CONTROL, cache);
        if self.compressible {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        response
    }

    /// Compressed at first use and kept; `None` when that would not make it smaller.
    fn gzip(&self) -> Option<Bytes> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&self.bytes).ok()?;
            encoder.finish().ok().filter(|gzip| gzip.len() < self.bytes.len()).map(Bytes::from)
        };
        if self.compressible { self.gzip.get_or_init(compress).clone() } else { None }
    }
}

/// Puts the build's hash into the addresses of `index.html`.
fn hashed_addresses(html: &[u8], build: &str) -> Vec<u8> {
    String::from_utf8_lossy(html).replace(STATIC, &format!("{STATIC}{build}/")).into_bytes()
}

fn short_hash(data: &[u8]) -> String {
    let mut hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, data).as_ref());
    hash.truncate(HASH_CHARS);
    hash
}

fn kind_of(path: &str) -> HeaderValue {
    let kind = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js" | "mjs") => "text/javascript".to_owned(),
        Some("webmanifest") => "application/manifest+json".to_owned(),
        _ => mime_guess::from_path(path).first_or_octet_stream().to_string(),
    };
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind };
    HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Whether `Accept-Encoding` takes gzip (RFC 9110 section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    let mut codings = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
        named && weight.is_none_or(|q| q > 0.0)
    })
}

/// Whether `If-None-Match` names this content, in either encoding (RFC 9110 section 13.1.2).
fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH);
    let mut tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn asset() -> Asset {
        Asset::new(b"body { color: red } ".repeat(100), kind_of("a.css"))
    }

    #[test]
    fn compressed_only_for_those_who_take_it() {
        for (value, takes) in [
            ("gzip, br", true),
            ("GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&headers(&[(header::ACCEPT_ENCODING, value)])), takes, "{value}");
            let response = asset().answer(&headers(&[(header::ACCEPT_ENCODING, value)]), Freshness::Revalidate);
            assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), takes, "{value}");
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
        }
    }

    #[test]
    fn the_same_content_is_not_sent_twice() {
        let asset = asset();
        let first = asset.answer(&HeaderMap::new(), Freshness::Revalidate);
        let etag = first.headers()[header::ETAG].clone();
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, etag);
        assert_eq!(asset.answer(&again, Freshness::Revalidate).status(), StatusCode::NOT_MODIFIED);
        again.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(
            asset.answer(&again, Freshness::Revalidate).status(),
            StatusCode::OK,
            "another encoding is other bytes"
        );
    }

    #[test]
    fn types_are_what_browsers_need() {
        for (path, kind) in [
            ("app.js", "text/javascript; charset=utf-8"),
            ("vendor/ui.mjs", "text/javascript; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("index.html", "text/html; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
            ("f.woff2", "font/woff2"),
            ("app.webmanifest", "application/manifest+json"),
            ("x", "application/octet-stream"),
        ] {
            assert_eq!(kind_of(path), kind, "{path}");
        }
    }

    #[test]
    fn nothing_outside_is_reachable() {
        let assets = Assets::load();
        for path in ["../Cargo.toml", "/etc/passwd", "", ".", "model.d.ts", "tsconfig.json", "vendor/ui.d.mts"] {
            assert!(assets.addressed(path).is_none(), "{path}");
        }
    }

    #[test]
    fn addresses_get_the_hash() {
        let html = hashed_addresses(b"<script src=\"/static/app.js\">", "abc");
        assert_eq!(html, b"<script src=\"/static/abc/app.js\">");
    }
}
