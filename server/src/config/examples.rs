//! An example of every variable, and the names that later versions will honour.
//!
//! Owns what a complaint suggests. Never holds a usable secret.

/// A value that would be accepted, for the line about one that was not.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
    ("CHAT_MESSAGE_MAX_LENGTH", "2000"),
    ("DATABASE_URL", "sqlite:///var/lib/charge/charge.db"),
    ("DATA_DIR", "/var/lib/charge"),
    ("DRAIN_SECONDS", "10"),
    ("ENVIRONMENT", "production"),
    ("JWT_ALGORITHM", "HS256"),
    ("JWT_SECRET_KEY", "(at least 32 random bytes, `turn-secret` makes some)"),
    ("LISTEN", "127.0.0.1:8080"),
    ("LOG_FORMAT", "json"),
    ("LOG_LEVEL", "info"),
    ("RATE_LIMIT_MESSAGES_PER_10S", "20"),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "30"),
    ("TURN_CREDENTIAL_TTL_SECONDS", "3600"),
    ("TURN_SECRET", "k2:newer-secret,k1:older-secret"),
    ("WEBRTC_TURN_CREDENTIAL", "(the relay's password)"),
    ("WEBRTC_TURN_FALLBACK_SERVERS", "turns:turn.example.org:443?transport=tcp"),
    ("WEBRTC_TURN_SERVERS", "turn:turn.example.org:3478"),
    ("WEBRTC_TURN_USERNAME", "charge"),
    ("WEBSOCKET_RECEIVE_TIMEOUT_SECONDS", "30"),
];

/// Variables of the contract that do nothing yet: setting one is answered with a line, not with silence.
pub const NOT_YET: &[&str] = &[
    "ACME_DIRECTORY",
    "ACME_DOMAINS",
    "ACME_EMAIL",
    "DB_HOST",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PORT",
    "DB_USER",
    "MEDIA_LISTEN",
    "METRICS_LISTEN",
    "NODE_ID",
    "NODE_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PUBLIC_IP",
    "REDIS_URL",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "TURN_EMBEDDED",
    "TURN_LISTEN",
    "TURN_PROBE_INTERVAL",
    "TURN_RELAY_PORTS",
    "TURN_TOTAL_QUOTA",
    "TURN_USER_QUOTA",
    "WEBRTC_TURN_REALM",
];
