//! Who is at the other end of a connection: peer, client address behind proxies, and the scheme it came by.
//!
//! Owns the trust in `X-Forwarded-*`. Never resolves a name.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// One accepted connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its other end.
    pub address: SocketAddr,
    /// Whether TLS ended here.
    pub secure: bool,
}

/// Who sent a request, as far as trusted proxies say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    /// The address to limit and to log.
    pub(crate) address: IpAddr,
    /// Whether the request came by https or wss.
    pub(crate) secure: bool,
    /// Whether it came from this machine itself, through no proxy.
    pub(crate) local: bool,
}

impl Client {
    /// The right-most hop of `X-Forwarded-For` that is no trusted proxy, if the peer is one; else the peer.
    #[must_use]
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        let direct = canonical(peer.address.ip());
        let forwarded = ["x-forwarded-for", "forwarded", "x-real-ip"].iter().any(|name| headers.contains_key(*name));
        let local = direct.is_loopback() && !forwarded;
        if !is_trusted(direct) {
            return Self { address: direct, secure: peer.secure, local };
        }
        let mut address = direct;
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        for hop in hops.iter().rev() {
            // What cannot be read ends the chain: whoever wrote it is not believed further.
            let Some(hop) = parse_hop(hop) else { break };
            address = hop;
            if !is_trusted(hop) {
                break;
            }
        }
        let proto = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
        let proto = proto.and_then(|value| value.rsplit(',').next()).map(str::trim);
        let secure = proto.map_or(peer.secure, |proto| proto.eq_ignore_ascii_case("https"));
        Self { address, secure, local }
    }
}

/// An address with or without a port, IPv6 in brackets or bare.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(bracketed).map(canonical)
}

/// IPv4 written as IPv6 is IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> Client {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Client::of(Peer { address: peer.parse().unwrap(), secure: false }, &headers, &trusted)
    }

    fn address(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        client(peer, forwarded, trusted).address.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address("203.0.113.9:1", &["1.1.1.1"], &[]), "203.0.113.9");
        assert_eq!(address("10.0.0.2:1", &["6.6.6.6, 198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["198.51.100.7, 10.0.0.3"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["6.6.6.6", "198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(address("10.0.0.2:1", &["6.6.6.6, nonsense"], &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(address("10.0.0.2:1", &["10.0.0.9"], &["10.0.0.0/8"]), "10.0.0.9");
        assert_eq!(address("10.0.0.2:1", &[], &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(address("[::ffff:10.0.0.2]:1", &["[2001:db8::1]:99"], &["10.0.0.0/8"]), "2001:db8::1");
    }

    #[test]
    fn a_forwarded_request_is_never_local() {
        assert!(client("127.0.0.1:1", &[], &[]).local && client("[::1]:1", &[], &[]).local);
        assert!(!client("127.0.0.1:1", &["127.0.0.1"], &[]).local);
        assert!(!client("127.0.0.1:1", &["127.0.0.1"], &["127.0.0.0/8"]).local);
        assert!(!client("203.0.113.9:1", &["127.0.0.1"], &["203.0.113.0/24"]).local);
    }

    #[test]
    fn the_scheme_is_believed_of_proxies_only() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let peer = Peer { address: "10.0.0.2:1".parse().unwrap(), secure: false };
        assert!(!Client::of(peer, &headers, &[]).secure);
        assert!(Client::of(peer, &headers, &["10.0.0.0/8".parse().unwrap()]).secure);
    }
}
