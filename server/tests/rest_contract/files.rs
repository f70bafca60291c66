//! The embedded client: its page under all addresses, its files, their validators and compressed forms.

use crate::world::World;

#[tokio::test]
async fn one_page_under_all_of_the_clients_addresses() {
    let world = World::start().await;
    let page = world.get("/", None).await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    for path in ["/signin", "/register", "/setup", "/i/0123456789012345678901", "/r/tea", "/r/tea/a"] {
        let same = world.get(path, None).await.expect(200);
        assert_eq!(same.text, page.text, "{path}");
        assert_eq!(same.header("etag"), page.header("etag"), "{path}");
    }
    world.get("/nothing", None).await.expect(404);
    world.post("/signin", None, serde_json::json!({})).await.expect(405);
}

#[tokio::test]
async fn what_the_page_names_is_there_for_good() {
    let world = World::start().await;
    let page = world.get("/", None).await.expect(200).text;
    let mut tried = 0;
    for address in page.split('"').filter(|text| text.starts_with("/static/")) {
        let file = world.get(address, None).await.expect(200);
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        assert!(!file.header("etag").is_empty() && !file.header("content-type").is_empty(), "{address}");
        let plain: Vec<&str> = address.splitn(4, '/').collect();
        let unhashed = world.get(&format!("/static/{}", plain[3]), None).await.expect(200);
        assert_eq!((unhashed.header("cache-control").as_str(), &unhashed.text), ("no-cache", &file.text), "{address}");
        tried += 1;
    }
    assert!(tried > 0, "the page names no file:\n{page}");
}

#[tokio::test]
async fn the_same_bytes_are_not_sent_twice() {
    let world = World::start().await;
    let first = world.get("/", None).await.expect(200);
    let etag = first.header("etag");
    let again = world.call("GET", "/", None, None, &[("if-none-match", &etag)]).await.expect(304);
    assert_eq!((again.text.as_str(), again.header("etag")), ("", etag.clone()));
    world.call("GET", "/", None, None, &[("if-none-match", &format!("\"x\", W/{etag}"))]).await.expect(304);
    world.call("GET", "/", None, None, &[("if-none-match", "\"x\"")]).await.expect(200);
    let head = world.call("HEAD", "/", None, None, &[]).await.expect(200);
    assert_eq!((head.text.as_str(), head.header("content-length")), ("", first.text.len().to_string()));
}

#[tokio::test]
async fn compressed_for_those_who_take_it() {
    use std::io::Read as _;
    let world = World::start().await;
    let plain = world.get("/openapi.json", None).await.expect(200);
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.header("vary").contains("accept-encoding"));
    let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(&world.authority).await.unwrap();
    let mut bytes = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]).to_lowercase(), &bytes[end + 4..]);
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    assert!(body.len() * 3 < plain.text.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
}

#[tokio::test]
async fn well_known_addresses() {
    let world = World::start().await;
    for (path, kind) in [
        ("/app.webmanifest", "application/manifest+json"),
        ("/icon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json"),
    ] {
        assert_eq!(world.get(path, None).await.expect(200).header("content-type"), kind, "{path}");
    }
    assert!(world.get("/robots.txt", None).await.text.contains("Disallow: /"));
    for path in ["/static/model.d.ts", "/static/tsconfig.json", "/static/vendor/ui.d.mts"] {
        world.get(path, None).await.expect(404);
    }
}
