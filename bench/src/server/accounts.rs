//! Charge's people and room for a run, made over REST as anybody would.
//!
//! Owns sign-ins. Requests come from many loopback addresses, one per guest: the server's limits on sign-in count per
//! address, and a benchmark is not one person at one address. Nothing in the server is switched off for it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::error::BenchError;

/// Sessions one user may have at once, by the server's own limit.
const SESSIONS_PER_USER: u32 = 20;
/// Guests that are being made at once.
const AT_ONCE: usize = 16;
/// Time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Somebody signed in.
pub(crate) struct Account {
    /// The credential of its connections.
    pub(crate) access_token: String,
    /// The address it comes from.
    pub(crate) source: Ipv4Addr,
}

/// Everybody of a run, and where they meet.
pub(crate) struct Accounts {
    /// The id of the text channel.
    pub(crate) channel: String,
    guests: Vec<Account>,
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: String,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    kind: String,
}

#[derive(Deserialize)]
struct Room {
    slug: String,
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Invite {
    token: String,
}

impl Accounts {
    /// An owner, a room, an invite, and guests enough for `connections` connections.
    ///
    /// # Errors
    /// The server refuses a step.
    pub(crate) async fn create(address: SocketAddr, connections: u32) -> Result<Self, BenchError> {
        let base = format!("http://{address}/api");
        let owner = client(Ipv4Addr::LOCALHOST)?;
        let credentials = json!({"username": "bench-owner", "password": "a password for the bench"});
        let SignedIn { access_token } = post(&owner, &format!("{base}/auth/register"), None, &credentials).await?;
        let room: Room =
            post(&owner, &format!("{base}/rooms"), Some(&access_token), &json!({"title": "Bench"})).await?;
        let channel = room.channels.into_iter().find(|channel| channel.kind == "text");
        let channel = channel.ok_or_else(|| BenchError::Setup("a new room has no text channel".to_owned()))?.id;
        let invites = format!("{base}/rooms/{}/invites", room.slug);
        let invite: Invite = post(&owner, &invites, Some(&access_token), &json!({})).await?;
        let guests = guests(&base, &invite.token, connections.div_ceil(SESSIONS_PER_USER)).await?;
        Ok(Self { channel, guests })
    }

    /// Who owns connection number `index` of the run.
    #[must_use]
    pub(crate) fn of_connection(&self, index: usize) -> Option<&Account> {
        self.guests.get(index / SESSIONS_PER_USER as usize)
    }
}

async fn guests(base: &str, invite: &str, count: u32) -> Result<Vec<Account>, BenchError> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut making = JoinSet::new();
    for number in 0..count {
        let (permits, url) = (Arc::clone(&permits), format!("{base}/auth/guest"));
        let body = json!({"invite": invite, "display_name": format!("Guest {number}")});
        making.spawn(async move {
            let _permit = permits.acquire().await;
            let source = source(number);
            let SignedIn { access_token } = post(&client(source)?, &url, None, &body).await?;
            Ok::<_, BenchError>(Account { access_token, source })
        });
    }
    let mut guests = Vec::new();
    while let Some(made) = making.join_next().await {
        guests.push(made.map_err(|error| BenchError::defect(&error))??);
    }
    Ok(guests)
}

/// The loopback address of guest `number`; the first 60,000 have one each.
fn source(number: u32) -> Ipv4Addr {
    let [_, _, high, low] = (number % 60_000).to_be_bytes();
    Ipv4Addr::new(127, 7, high, low.max(1))
}

fn client(source: Ipv4Addr) -> Result<reqwest::Client, BenchError> {
    let builder = reqwest::Client::builder().local_address(IpAddr::V4(source)).timeout(REQUEST_TIMEOUT).no_proxy();
    Ok(builder.build()?)
}

async fn post<T: serde::de::DeserializeOwned>(
    client: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    body: &serde_json::Value,
) -> Result<T, BenchError> {
    let mut request = client.post(url).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    let status = answer.status();
    if !status.is_success() {
        // A problem's text holds no credential: it is what the server tells anybody.
        return Err(BenchError::Setup(format!("{url}: {status}: {}", answer.text().await.unwrap_or_default())));
    }
    Ok(answer.json().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_has_a_loopback_address() {
        for number in [0, 1, 255, 256, 511, 10_000, 59_999, 4_000_000_000] {
            let address = source(number);
            assert!(address.is_loopback() && address.octets()[3] != 0, "{address}");
        }
        assert_ne!(source(1), source(257));
    }

    #[test]
    fn connections_share_a_guest_up_to_the_limit_of_sessions() {
        let guest = |n| Account { access_token: String::new(), source: source(n) };
        let accounts = Accounts { channel: "c".to_owned(), guests: vec![guest(1), guest(2)] };
        let of = |index| accounts.of_connection(index).map(|account| account.source);
        assert_eq!(
            (of(0), of(19), of(20), of(39)),
            (Some(source(1)), Some(source(1)), Some(source(2)), Some(source(2)))
        );
        assert_eq!(of(40), None);
    }
}
