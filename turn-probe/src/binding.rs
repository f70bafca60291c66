//! One STUN Binding request (RFC 8489) to one endpoint, over UDP or TCP.
//!
//! Owns retransmission, framing and the reading of the answer. Never speaks TLS and never authenticates.

use std::{io, net::SocketAddr, time::Duration};

use stun::{
    error_code::ErrorCodeAttribute,
    fingerprint::FINGERPRINT,
    message::{
        BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter as _, MESSAGE_HEADER_SIZE, Message, Setter as _,
    },
    xoraddr::XorMappedAddress,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket, lookup_host},
    time::{Instant, timeout, timeout_at},
};

use crate::{Endpoint, Host, Transport};

/// First wait for a UDP answer; each retransmission doubles it (RFC 8489, 6.2.1).
const RETRANSMIT_FIRST: Duration = Duration::from_millis(500);
/// Largest answer read, in bytes: a Binding answer has about 100.
const ANSWER_MAX: usize = 2_048;

/// What an endpoint answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Which of its addresses.
    pub server: SocketAddr,
    /// From the first byte sent (TCP: from connecting) to the answer.
    pub took: Duration,
    /// What it said.
    pub said: Said,
}

/// A well-formed STUN answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// The address it sees us at.
    Mapped(SocketAddr),
    /// An error code: it lives, and does not serve Binding.
    Refused(u16),
}

/// Why there was no answer, named after the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// `stuns:` and `turns:` are not probed in this version.
    #[error("TLS is not probed by this version")]
    Tls,
    /// DNS.
    #[error("the name cannot be resolved: {0}")]
    Resolve(io::Error),
    /// DNS knows the name and no address.
    #[error("the name has no address")]
    NoAddress,
    /// Connecting, sending or receiving.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Silence.
    #[error("no answer within the time limit")]
    Timeout,
    /// Something else lives there.
    #[error("the answer is not STUN: {0}")]
    NotStun(String),
}

/// Asks `endpoint` with `limit` for everything, name resolution included. Its addresses are tried in order until one
/// answers.
///
/// # Errors
/// See [`BindingError`]: of the last address tried.
pub async fn probe(endpoint: &Endpoint, limit: Duration) -> Result<Answer, BindingError> {
    if endpoint.scheme.is_tls() {
        return Err(BindingError::Tls);
    }
    let until = Instant::now().checked_add(limit).ok_or(BindingError::Timeout)?;
    let host = match &endpoint.host {
        Host::Name(name) => name.clone(),
        Host::V4(ip) => ip.to_string(),
        Host::V6(ip) => ip.to_string(),
    };
    let resolved = timeout_at(until, lookup_host((host, endpoint.port()))).await;
    let servers: Vec<SocketAddr> =
        resolved.map_err(|_| BindingError::Timeout)?.map_err(BindingError::Resolve)?.collect();
    let mut failed = BindingError::NoAddress;
    for server in servers {
        let asked = async {
            let started = Instant::now();
            let said = match endpoint.transport() {
                Transport::Udp => over_udp(server).await?,
                Transport::Tcp => over_tcp(server).await?,
            };
            Ok(Answer { server, took: started.elapsed(), said })
        };
        match timeout_at(until, asked).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failed = error,
            Err(_) => return Err(BindingError::Timeout),
        }
    }
    Err(failed)
}

async fn over_udp(server: SocketAddr) -> Result<Said, BindingError> {
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let request = request()?;
    let mut wait = RETRANSMIT_FIRST;
    let mut datagram = [0u8; ANSWER_MAX];
    loop {
        socket.send(&request.raw).await?;
        let answered = timeout(wait, async {
            loop {
                let length = socket.recv(&mut datagram).await?;
                let bytes = datagram.get(..length).unwrap_or_default();
                // Late answers to others may arrive here too; only ours ends the wait.
                if let Some(said) = read_answer(&request, bytes)? {
                    return Ok(said);
                }
            }
        });
        match answered.await {
            Ok(said) => return said,
            Err(_) => wait = wait.saturating_mul(2),
        }
    }
}

async fn over_tcp(server: SocketAddr) -> Result<Said, BindingError> {
    let mut stream = TcpStream::connect(server).await?;
    let request = request()?;
    stream.write_all(&request.raw).await?;
    loop {
        let mut answer = vec![0u8; MESSAGE_HEADER_SIZE];
        stream.read_exact(&mut answer).await?;
        let length = answer.get(2..4).and_then(|two| two.try_into().ok()).map_or(0, u16::from_be_bytes);
        let whole = MESSAGE_HEADER_SIZE.saturating_add(usize::from(length));
        if !stun::message::is_message(&answer) || whole > ANSWER_MAX {
            return Err(BindingError::NotStun(shown(&answer)));
        }
        answer.resize(whole, 0);
        stream.read_exact(answer.get_mut(MESSAGE_HEADER_SIZE..).unwrap_or_default()).await?;
        if let Some(said) = read_answer(&request, &answer)? {
            return Ok(said);
        }
    }
}

fn request() -> Result<Message, BindingError> {
    let mut message = Message::new();
    let built = message.new_transaction_id().map(|()| {
        message.set_type(BINDING_REQUEST);
        message.write_header();
    });
    built.and_then(|()| FINGERPRINT.add_to(&mut message)).map_err(|error| BindingError::NotStun(error.to_string()))?;
    Ok(message)
}

/// What `bytes` answer to `request`; `None` when they answer something else.
fn read_answer(request: &Message, bytes: &[u8]) -> Result<Option<Said>, BindingError> {
    if !stun::message::is_message(bytes) {
        return Err(BindingError::NotStun(shown(bytes)));
    }
    let mut answer = Message::new();
    let undecodable = |error: stun::Error| BindingError::NotStun(error.to_string());
    answer.unmarshal_binary(bytes).map_err(undecodable)?;
    if answer.transaction_id != request.transaction_id {
        return Ok(None);
    }
    if answer.typ == BINDING_ERROR {
        let mut code = ErrorCodeAttribute::default();
        code.get_from(&answer).map_err(undecodable)?;
        return Ok(Some(Said::Refused(code.code.0)));
    }
    if answer.typ != BINDING_SUCCESS {
        return Err(BindingError::NotStun(format!("a {}", answer.typ)));
    }
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&answer).map_err(undecodable)?;
    Ok(Some(Said::Mapped(SocketAddr::new(mapped.ip, mapped.port))))
}

/// The first bytes, printable: usually enough to recognise what lives there instead.
fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    //! Against small servers on loopback.

    use proptest::prelude::*;
    use stun::error_code::CODE_BAD_REQUEST;
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn success(request: &[u8], from: SocketAddr) -> Vec<u8> {
        let mut asked = Message::new();
        asked.unmarshal_binary(request).unwrap();
        FINGERPRINT.check(&asked).unwrap();
        let mut answer = Message::new();
        answer.transaction_id = asked.transaction_id;
        answer.set_type(BINDING_SUCCESS);
        answer.write_header();
        XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut answer).unwrap();
        answer.raw
    }

    fn endpoint(text: String) -> Endpoint {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn udp_survives_a_lost_datagram_and_a_foreign_answer() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let endpoint = endpoint(format!("stun:{}", server.local_addr().unwrap()));
        let serving = async {
            let mut bytes = [0; 2048];
            server.recv_from(&mut bytes).await.unwrap();
            let (length, from) = server.recv_from(&mut bytes).await.unwrap();
            let mut foreign = success(&bytes[..length], from);
            foreign[19] ^= 1;
            server.send_to(&foreign, from).await.unwrap();
            server.send_to(&success(&bytes[..length], from), from).await.unwrap();
            from
        };
        let (answer, from) = tokio::join!(probe(&endpoint, LIMIT), serving);
        let Said::Mapped(mapped) = answer.unwrap().said else { panic!("refused") };
        assert_eq!(mapped.port(), from.port());
    }

    #[tokio::test]
    async fn tcp_and_a_refusal() {
        let server = TcpListener::bind("[::1]:0").await.unwrap();
        let endpoint = endpoint(format!("turn:{}?transport=tcp", server.local_addr().unwrap()));
        let serving = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut bytes = vec![0; 28];
            stream.read_exact(&mut bytes).await.unwrap();
            let mut answer = Message::new();
            answer.transaction_id.0.copy_from_slice(&bytes[8..20]);
            answer.set_type(BINDING_ERROR);
            answer.write_header();
            CODE_BAD_REQUEST.add_to(&mut answer).unwrap();
            stream.write_all(&answer.raw).await.unwrap();
        };
        let (answer, ()) = tokio::join!(probe(&endpoint, LIMIT), serving);
        assert_eq!(answer.unwrap().said, Said::Refused(400));
    }

    #[tokio::test]
    async fn what_is_not_stun_is_recognised() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = endpoint(format!("turn:{}?transport=tcp", server.local_addr().unwrap()));
        let serving = async {
            let (mut stream, _) = server.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        };
        let (answer, _stream) = tokio::join!(probe(&endpoint, LIMIT), serving);
        assert!(answer.unwrap_err().to_string().contains("HTTP/1.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_the_limit() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let endpoint = endpoint(format!("stun:{}", server.local_addr().unwrap()));
        assert!(matches!(probe(&endpoint, LIMIT).await, Err(BindingError::Timeout)));
        let mut datagrams = 0;
        while server.try_recv(&mut [0; 64]).is_ok() {
            datagrams += 1;
        }
        assert!(datagrams > 2, "it asked again: {datagrams}");
    }

    #[tokio::test]
    async fn tls_is_not_claimed() {
        assert!(matches!(probe(&endpoint("turns:localhost".into()), LIMIT).await, Err(BindingError::Tls)));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), cookie: bool) {
            let request = request().unwrap();
            if cookie && bytes.len() >= 20 {
                bytes[4..20].copy_from_slice(&request.raw[4..20]);
            }
            let _ = read_answer(&request, &bytes);
        }
    }
}
