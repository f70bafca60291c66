//! Lists of ICE servers: `stun:`/`turn:` addresses separated by commas, or the JSON `iceServers` of WebRTC.
//!
//! Owns the grammar of RFC 7064 (stun, stuns) and RFC 7065 (turn, turns). Never resolves a name.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize, Serializer};

/// Port of `stun:` and `turn:` when none is written.
pub const DEFAULT_PORT: u16 = 3478;
/// Port of `stuns:` and `turns:` when none is written.
pub const DEFAULT_TLS_PORT: u16 = 5349;
/// Addresses in one list: far above use, small enough that a mistake cannot swamp a client.
pub const ENDPOINTS_MAX: usize = 100;
/// Longest host name in octets (RFC 1035, 2.3.4).
const HOST_MAX: usize = 253;

/// Why a list of endpoints was not accepted; says what to write instead. Never repeats a credential.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not one of the four schemes.
    #[error("`{0}` must begin with stun:, stuns:, turn: or turns:")]
    Scheme(String),
    /// `stun://host`: these addresses have no slashes.
    #[error("`{0}` must be written without the slashes, e.g. turn:turn.example.org:3478")]
    Slashes(String),
    /// No host, or characters no host has.
    #[error("`{0}` has no valid host (an IPv6 address needs brackets, e.g. turn:[2001:db8::1]:3478)")]
    Host(String),
    /// Not a port.
    #[error("`{0}` has no valid port (1 to 65535)")]
    Port(String),
    /// `?...` after a stun address (RFC 7064 has no query), or something other than a transport.
    #[error("`{0}`: only turn and turns may end in ?transport=udp or ?transport=tcp")]
    Query(String),
    /// `turns:...?transport=udp`: DTLS, which no browser speaks here.
    #[error("`{0}`: turns is TLS over TCP; write ?transport=tcp or leave it out")]
    TlsOverUdp(String),
    /// User name or password inside the address: it would end up in logs.
    #[error("an address carries a user name (`@`): give username and credential separately")]
    UserInfo,
    /// Not the JSON that was expected.
    #[error("not a JSON iceServers list: {0}")]
    Json(String),
    /// A server without a single address.
    #[error("server {0} of the list has no urls")]
    NoUrls(usize),
    /// More than [`ENDPOINTS_MAX`].
    #[error("more than {ENDPOINTS_MAX} addresses")]
    TooMany,
}

/// What the address asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// `stun`
    Stun,
    /// `stuns`
    Stuns,
    /// `turn`
    Turn,
    /// `turns`
    Turns,
}

impl Scheme {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Stuns | Self::Turns)
    }

    /// Whether it relays.
    #[must_use]
    pub fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }
}

/// What carries the packets between client and server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// Where the server is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A name to resolve, lower case.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets when written.
    V6(Ipv6Addr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// One STUN or TURN address. `Display` writes it as it was written: defaults stay unwritten.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    /// What it asks for.
    pub scheme: Scheme,
    /// Where.
    pub host: Host,
    written_port: Option<u16>,
    written_transport: Option<Transport>,
}

impl Endpoint {
    /// The port, the scheme's own when none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.written_port.unwrap_or(if self.scheme.is_tls() { DEFAULT_TLS_PORT } else { DEFAULT_PORT })
    }

    /// The transport: TCP under TLS, else UDP, unless written.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.written_transport.unwrap_or(if self.scheme.is_tls() { Transport::Tcp } else { Transport::Udp })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.host)?;
        if let Some(port) = self.written_port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = self.written_transport {
            write!(f, "?transport={}", transport.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let shown = || text.chars().take(80).filter(|c| !c.is_control()).collect::<String>();
        let (scheme, rest) = text.split_once(':').ok_or_else(|| EndpointError::Scheme(shown()))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "stun" => Scheme::Stun,
            "stuns" => Scheme::Stuns,
            "turn" => Scheme::Turn,
            "turns" => Scheme::Turns,
            _ => return Err(EndpointError::Scheme(shown())),
        };
        if rest.starts_with('/') {
            return Err(EndpointError::Slashes(shown()));
        }
        let (address, query) = rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
        let written_transport = match query {
            None => None,
            Some(_) if !scheme.is_turn() => return Err(EndpointError::Query(shown())),
            Some("transport=udp") if scheme.is_tls() => return Err(EndpointError::TlsOverUdp(shown())),
            Some("transport=udp") => Some(Transport::Udp),
            Some("transport=tcp") => Some(Transport::Tcp),
            Some(_) => return Err(EndpointError::Query(shown())),
        };
        let (host, port) = split_port(address).ok_or_else(|| EndpointError::Host(shown()))?;
        let host = parse_host(host).ok_or_else(|| EndpointError::Host(shown()))?;
        let written_port = port.map(parse_port).transpose().map_err(|()| EndpointError::Port(shown()))?;
        Ok(Self { scheme, host, written_port, written_transport })
    }
}

/// Addresses that share a credential. Serialises as an `RTCIceServer`; `Debug` leaves the credential out.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// Its addresses, at least one.
    pub urls: Vec<Endpoint>,
    /// User name for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Reads a list: empty; addresses separated by commas (one server each); a JSON array of servers or of addresses;
/// or a JSON object, one server or `{"iceServers":[...]}`.
///
/// # Errors
/// See [`EndpointError`]; the first mistake found.
pub fn parse_servers(text: &str) -> Result<Vec<IceServer>, EndpointError> {
    let text = text.trim();
    let servers = if text.starts_with(['[', '{']) { parse_json(text)? } else { parse_csv(text)? };
    if servers.iter().map(|server| server.urls.len()).sum::<usize>() > ENDPOINTS_MAX {
        return Err(EndpointError::TooMany);
    }
    Ok(servers)
}

fn parse_csv(text: &str) -> Result<Vec<IceServer>, EndpointError> {
    let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
    addresses.map(|address| Ok(IceServer { urls: vec![address.parse()?], username: None, credential: None })).collect()
}

/// The JSON forms people paste; fields that WebRTC knows and we do not are ignored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    List(Vec<Item>),
    Wrapped {
        #[serde(rename = "iceServers")]
        ice_servers: Vec<Item>,
    },
    One(Server),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Address(String),
    Server(Server),
}

#[derive(Deserialize)]
struct Server {
    #[serde(alias = "url")]
    urls: Addresses,
    username: Option<String>,
    credential: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Many(Vec<String>),
}

fn parse_json(text: &str) -> Result<Vec<IceServer>, EndpointError> {
    // First as plain JSON: its errors name line and column, those of the untagged forms do not.
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| EndpointError::Json(error.to_string()))?;
    let document: Document = serde_json::from_value(value).map_err(|_| {
        EndpointError::Json(
            r#"expected e.g. [{"urls":"turn:turn.example.org","username":"u","credential":"c"}]"#.into(),
        )
    })?;
    let items = match document {
        Document::List(items) | Document::Wrapped { ice_servers: items } => items,
        Document::One(server) => vec![Item::Server(server)],
    };
    items.into_iter().enumerate().map(|(at, item)| parse_item(at.saturating_add(1), item)).collect()
}

fn parse_item(at: usize, item: Item) -> Result<IceServer, EndpointError> {
    let (addresses, username, credential) = match item {
        Item::Address(address) => (vec![address], None, None),
        Item::Server(Server { urls: Addresses::One(address), username, credential }) => {
            (vec![address], username, credential)
        }
        Item::Server(Server { urls: Addresses::Many(addresses), username, credential }) => {
            (addresses, username, credential)
        }
    };
    if addresses.is_empty() {
        return Err(EndpointError::NoUrls(at));
    }
    let urls = addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    Ok(IceServer { urls, username, credential })
}

/// Host and port text of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(address: &str) -> Option<(&str, Option<&str>)> {
    if address.starts_with('[') {
        let end = address.find(']')?.checked_add(1)?;
        let (host, rest) = address.split_at_checked(end)?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match address.split_once(':') {
        // Two colons without brackets: an IPv6 address whose end might be taken for a port.
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((address, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, ()> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).ok_or(())
}

fn parse_host(text: &str) -> Option<Host> {
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse().ok().map(Host::V6);
    }
    // All digits and dots: an IPv4 address or a mistake, never a name (RFC 3986, 3.2.2; RFC 1123, 2.1).
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse().ok().map(Host::V4);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (name.len() <= HOST_MAX && name.split('.').all(label)).then(|| Host::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    //! The grammar by example, and that nothing makes it panic.

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn defaults_follow_the_scheme() {
        for (text, port, transport) in [
            ("stun:a.example", 3478, Transport::Udp),
            ("stuns:a.example", 5349, Transport::Tcp),
            ("turn:a.example", 3478, Transport::Udp),
            ("turns:a.example", 5349, Transport::Tcp),
            ("turn:a.example?transport=tcp", 3478, Transport::Tcp),
            ("turns:a.example:443?transport=tcp", 443, Transport::Tcp),
        ] {
            let endpoint = parse(text);
            assert_eq!((endpoint.port(), endpoint.transport()), (port, transport), "{text}");
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn hosts_of_every_kind() {
        assert_eq!(parse("turn:192.0.2.7:99").host, Host::V4(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(parse("turn:[2001:db8::1]:99").to_string(), "turn:[2001:db8::1]:99");
        assert_eq!(parse("stun:[::1]").host, Host::V6(Ipv6Addr::LOCALHOST));
        assert_eq!(parse(" TURN:Turn.Example.ORG. ").host, Host::Name("turn.example.org".into()));
        assert_eq!(parse("turn:localhost").host, Host::Name("localhost".into()));
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| text.parse::<Endpoint>().unwrap_err();
        let s = String::from;
        assert_eq!(refused("http:a"), EndpointError::Scheme(s("http:a")));
        assert_eq!(refused("a.example"), EndpointError::Scheme(s("a.example")));
        assert_eq!(refused("turn://a"), EndpointError::Slashes(s("turn://a")));
        assert_eq!(refused("turn:user@a"), EndpointError::UserInfo);
        assert_eq!(refused("stun:a?transport=udp"), EndpointError::Query(s("stun:a?transport=udp")));
        assert_eq!(refused("turn:a?transport=sctp"), EndpointError::Query(s("turn:a?transport=sctp")));
        assert_eq!(refused("turns:a?transport=udp"), EndpointError::TlsOverUdp(s("turns:a?transport=udp")));
        for port in ["0", "65536", "", "x", "+1", "000001"] {
            let text = format!("turn:a:{port}");
            assert_eq!(refused(&text), EndpointError::Port(text));
        }
        for host in ["", "2001:db8::1", "[2001:db8::1", "[x]", "[::1]x", "1.2.3", "1.2.3.256", "a..b", "-a", "a b", "ä"]
        {
            let text = format!("turn:{host}");
            assert!(matches!(refused(&text), EndpointError::Host(_)), "{text}");
        }
    }

    #[test]
    fn lists_by_comma() {
        assert_eq!(parse_servers("").unwrap(), []);
        assert_eq!(parse_servers("[]").unwrap(), []);
        let servers = parse_servers("stun:a.example, turn:b.example:99 ,").unwrap();
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[1].urls[0].port(), 99);
    }

    #[test]
    fn lists_in_json() {
        let text = r#"[{"urls":["turn:a.example","turns:a.example"],"username":"u","credential":"c","credentialType":"password"},
                       {"url":"stun:b.example"}, "stun:c.example"]"#;
        let servers = parse_servers(text).unwrap();
        assert_eq!(servers.len(), 3);
        assert_eq!(servers[0].credential.as_deref(), Some("c"));
        assert_eq!(
            serde_json::to_string(&servers[0]).unwrap(),
            r#"{"urls":["turn:a.example","turns:a.example"],"username":"u","credential":"c"}"#
        );
        let wrapped = format!(r#"{{"iceServers":{text}}}"#);
        assert_eq!(parse_servers(&wrapped).unwrap(), servers);
        assert_eq!(parse_servers(r#"{"urls":"stun:b.example"}"#).unwrap(), servers[1..2]);
    }

    #[test]
    fn bad_json_is_named() {
        assert!(parse_servers("[{").unwrap_err().to_string().contains("line 1"));
        assert!(matches!(parse_servers("[{}]"), Err(EndpointError::Json(_))));
        assert!(matches!(parse_servers(r#"[{"urls":5}]"#), Err(EndpointError::Json(_))));
        assert_eq!(parse_servers(r#"[{"urls":"stun:a"},{"urls":[]}]"#), Err(EndpointError::NoUrls(2)));
        let many = vec!["stun:a.example"; ENDPOINTS_MAX + 1].join(",");
        assert_eq!(parse_servers(&many), Err(EndpointError::TooMany));
    }

    #[test]
    fn errors_and_debug_show_no_credential() {
        let error = parse_servers(r#"[{"urls":"turn:a","credential":"s3cret"},{"urls":[]}]"#).unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
        let servers = parse_servers(r#"[{"urls":"turn:a","credential":"s3cret"}]"#).unwrap();
        assert!(!format!("{servers:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn written_and_read_again(
            scheme in prop::sample::select(vec!["stun", "stuns", "turn", "turns"]),
            host in "[a-z][a-z0-9]{0,20}(\\.[a-z]{2,6})?", port in prop::option::of(1u16..),
        ) {
            let text = match port { Some(port) => format!("{scheme}:{host}:{port}"), None => format!("{scheme}:{host}") };
            prop_assert_eq!(parse(&text).to_string(), text);
        }

        #[test]
        fn never_panics(text in "(stun|turns?)?:?\\[?\\PC{0,40}", json in "[\\[{]\\PC{0,40}") {
            let _ = text.parse::<Endpoint>();
            let _ = parse_servers(&json);
        }
    }
}
