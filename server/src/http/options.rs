//! What an operator may set about HTTP, and what follows from it.
//!
//! Owns flags, environment variables and their parsing. Never reads a file.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use axum::http::Uri;
use ipnet::IpNet;
use regex::Regex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::AuthArgs,
    domain::{
        limits::{AUTH_ATTEMPTS_PER_ADDRESS_PER_MINUTE, AUTH_ATTEMPTS_PER_MINUTE, WRITES_PER_10S},
        rate::Rate,
    },
};

/// Largest `CORS_ALLOW_ORIGIN_REGEX` once compiled, in bytes: it runs on every request that has an Origin.
const REGEX_BYTES: usize = 256 * 1024;

/// Who may make an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Who holds an invite to some room.
    Invite,
    /// Nobody.
    Closed,
}

/// Flags and environment of this floor.
#[derive(Clone, Debug, clap::Args)]
pub struct HttpArgs {
    /// The name people see
    #[arg(long, env = "APP_NAME", value_name = "NAME", default_value = "Charge")]
    pub app_name: String,
    /// Base of links and invites, and an allowed Origin, e.g. https://chat.example.org; follows LISTEN when unset
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// Who may make an account
    #[arg(long, env = "REGISTRATION", value_name = "WHO", default_value = "open", ignore_case = true)]
    pub registration: Registration,
    /// Other origins whose pages may call this server, comma-separated, e.g. https://intranet.example.org
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGINS", default_value = "", hide_default_value = true)]
    pub cors_origins: List<Origin>,
    /// The same as a regular expression that must match the whole Origin
    #[arg(long, env = "CORS_ALLOW_ORIGIN_REGEX", value_name = "REGEX", default_value = "", hide_default_value = true)]
    pub cors_allow_origin_regex: OriginRegex,
    /// Messages on a page of history when the request does not say
    #[arg(long, env = "CHAT_HISTORY_DEFAULT_LIMIT", value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub chat_history_default_limit: u32,
    /// Messages on a page of history at most
    #[arg(long, env = "CHAT_HISTORY_MAX_LIMIT", value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub chat_history_max_limit: u32,
    /// Networks of reverse proxies whose X-Forwarded-For counts, comma-separated, e.g. 10.0.0.0/8
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NETWORKS", default_value = "", hide_default_value = true)]
    pub trusted_proxies: List<Network>,
    /// Sign-in attempts a minute for one pair of address and name; 0 = off
    #[arg(long, env = "RATE_LIMIT_SIGN_IN_PER_MINUTE", value_name = "N", default_value_t = AUTH_ATTEMPTS_PER_MINUTE)]
    pub rate_limit_sign_in_per_minute: u32,
    /// The same for one address whatever the name; raise it where many people share an address; 0 = off
    #[arg(long, env = "RATE_LIMIT_SIGN_IN_PER_ADDRESS", value_name = "N",
        default_value_t = AUTH_ATTEMPTS_PER_ADDRESS_PER_MINUTE)]
    pub rate_limit_sign_in_per_address: u32,
    /// Speakers heard at once in a voice channel
    #[arg(long, env = "VOICE_SLOTS", value_name = "N", default_value_t = 6,
        value_parser = clap::value_parser!(u32).range(1..=32))]
    pub voice_slots: u32,
    /// Causes of failures in answers (never in production)
    #[arg(long, env = "DEBUG", value_name = "BOOL", default_value_t = false, action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, default_missing_value = "true")]
    pub debug: bool,
}

/// The options as handlers use them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Shown to people.
    pub app_name: String,
    /// Base of links.
    pub public_url: PublicUrl,
    /// Whether it was configured; else it follows from the listener, which has more names than one.
    pub public_url_is_set: bool,
    /// Who may make an account.
    pub registration: Registration,
    /// Other origins whose pages may call.
    pub cors_origins: Vec<Origin>,
    /// The same by pattern.
    pub cors_allow_origin_regex: OriginRegex,
    /// Messages on a page when not asked otherwise.
    pub history_default: u32,
    /// Messages on a page at most.
    pub history_max: u32,
    /// Characters of a message at most.
    pub message_max_length: usize,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Seconds an access token is good for.
    pub access_token_seconds: i64,
    /// Seconds a sign-in lasts unused.
    pub refresh_token_seconds: i64,
    /// Sign-in attempts for a pair of address and name.
    pub attempts: Rate,
    /// Sign-in attempts for an address.
    pub attempts_per_address: Rate,
    /// Requests of one user that change something, messages apart.
    pub writes: Rate,
    /// Speakers heard at once in a forwarded channel.
    pub voice_slots: u32,
    /// Causes in answers.
    pub debug: bool,
}

impl Options {
    /// From what was configured; `public_url` is the configured one or the one that follows from the listener.
    #[must_use]
    pub fn new(http: &HttpArgs, auth: &AuthArgs, public_url: PublicUrl, message_max_length: usize) -> Self {
        let per_minute = |burst| Rate { burst, period_ms: 60_000 };
        Self {
            app_name: http.app_name.clone(),
            public_url,
            public_url_is_set: http.public_url.is_some(),
            registration: http.registration,
            cors_origins: http.cors_origins.0.clone(),
            cors_allow_origin_regex: http.cors_allow_origin_regex.clone(),
            history_default: http.chat_history_default_limit.min(http.chat_history_max_limit),
            history_max: http.chat_history_max_limit,
            message_max_length,
            trusted_proxies: http.trusted_proxies.0.iter().map(|network| network.0).collect(),
            access_token_seconds: i64::from(auth.access_token_expire_minutes) * 60,
            refresh_token_seconds: i64::from(auth.refresh_token_expire_days) * 86_400,
            attempts: per_minute(http.rate_limit_sign_in_per_minute),
            attempts_per_address: per_minute(http.rate_limit_sign_in_per_address),
            writes: Rate { burst: WRITES_PER_10S, period_ms: 10_000 },
            voice_slots: http.voice_slots,
            debug: http.debug,
        }
    }
}

/// A comma-separated list; blanks and an empty text are nothing.
#[derive(Clone, Debug)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;
    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A network, or one address of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bare = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>()
            .or_else(|_| bare())
            .map(Self)
            .map_err(|_| format!("{text:?} is not a network such as 10.0.0.0/8 or fd00::/8"))
    }
}

/// Scheme, host and port as a browser writes them: `https://chat.example.org`, `http://127.0.0.1:8080`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin(String);

impl Origin {
    /// Of a scheme and an authority (`host[:port]`), in the form browsers send: lower case, no default port.
    #[must_use]
    pub fn of(secure: bool, authority: &str) -> Self {
        let host = authority.to_ascii_lowercase();
        let (scheme, port) = if secure { ("https", ":443") } else { ("http", ":80") };
        Self(format!("{scheme}://{}", host.strip_suffix(port).unwrap_or(&host)))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an origin such as https://chat.example.org");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        if uri.path() != "/" || uri.query().is_some() || authority.host().is_empty() || authority.host() == "*" {
            return Err(wrong());
        }
        Ok(Self::of(secure, authority.as_str()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where people reach this server: an origin, without a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicUrl(Origin);

impl PublicUrl {
    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.as_str().starts_with("https:")
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.as_str().split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether it leads everybody to their own machine: `localhost` or a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let authority = self.authority();
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        host == "localhost" || host.ends_with(".localhost") || is_loopback
    }

    /// The address of `path`, which starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_: String| format!("{text:?} is not an address such as https://chat.example.org"))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A pattern that must match a whole Origin; the empty one matches none.
#[derive(Clone, Debug)]
pub struct OriginRegex(Option<Arc<Regex>>);

impl OriginRegex {
    /// Whether the whole of `origin` matches.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(origin))
    }
}

impl FromStr for OriginRegex {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        // On its own first, so that it cannot close the group it is anchored by.
        Regex::new(text).map_err(|error| error.to_string())?;
        regex::RegexBuilder::new(&format!(r"\A(?:{text})\z"))
            .size_limit(REGEX_BYTES)
            .build()
            .map(|regex| Self(Some(Arc::new(regex))))
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser as _};

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        http: HttpArgs,
    }

    #[test]
    fn local_addresses_are_told_from_others() {
        let is_local = |text: &str| text.parse::<PublicUrl>().unwrap().is_local();
        for local in
            ["http://localhost", "http://localhost:8080", "http://a.localhost:1", "http://127.0.0.1", "http://[::1]:80"]
        {
            assert!(is_local(local), "{local}");
        }
        for other in
            ["https://chat.example.org", "http://192.0.2.2:8080", "http://[2001:db8::1]", "http://localhost.example"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn flags_parse() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["charge"]);
        assert!(cli.http.cors_origins.0.is_empty() && !cli.http.debug);
        assert!(!cli.http.cors_allow_origin_regex.matches(""));
        let cli = Cli::parse_from([
            "charge",
            "--cors-origins=https://a.example, http://B.example:80,",
            "--trusted-proxies=10.0.0.0/8,::1",
            "--registration=closed",
            "--debug",
        ]);
        let origins: Vec<_> = cli.http.cors_origins.0.iter().map(Origin::as_str).collect();
        assert_eq!(origins, ["https://a.example", "http://b.example"]);
        assert_eq!(cli.http.trusted_proxies.0.len(), 2);
        assert!(cli.http.debug && cli.http.registration == Registration::Closed);
    }

    #[test]
    fn an_origin_has_no_path_and_no_wildcard() {
        for good in ["https://a.example", "http://127.0.0.1:8080", "http://[::1]:8080", "https://a.example/"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in
            ["*", "https://*", "a.example", "ftp://a.example", "https://a.example/x", "https://u@a.example", "null", ""]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
        assert_eq!("https://A.example:443".parse::<Origin>().unwrap().as_str(), "https://a.example");
    }

    #[test]
    fn a_pattern_is_anchored() {
        let regex: OriginRegex = r"https://[a-z]+\.example|http://x".parse().unwrap();
        assert!(regex.matches("https://a.example") && regex.matches("http://x"));
        for foreign in
            ["https://a.example.evil", "https://a.example\n", "evil https://a.example", "http://xy", "zhttp://x"]
        {
            assert!(!regex.matches(foreign), "{foreign:?}");
        }
        assert!("a)|(b".parse::<OriginRegex>().is_err());
        assert!("(".parse::<OriginRegex>().is_err());
    }
}
