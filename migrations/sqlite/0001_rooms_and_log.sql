-- People, sign-ins, rooms, channels, invites and the channel log.
--
-- Ids are 16-byte BLOBs (UUIDv7), times INTEGER milliseconds since 1970 UTC, flags 0 or 1. A constraint that a caller can
-- run into is UNIQUE on the columns the store maps to a word; everything else is checked as a net under the store.

-- Small server-wide values: the log's epoch, the hash of the setup token.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row, written by the readiness check so that a full disk shows.
CREATE TABLE heartbeat (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;

-- Never deleted, only anonymised: messages keep their author. Deleted names start with '~', which no username may.
CREATE TABLE users (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    username      TEXT NOT NULL UNIQUE CHECK (length(username) BETWEEN 3 AND 40),
    display_name  TEXT NOT NULL CHECK (length(display_name) BETWEEN 1 AND 64),
    password_hash TEXT,
    guest         INTEGER NOT NULL DEFAULT 0 CHECK (guest IN (0, 1)),
    admin         INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1)),
    deleted       INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    settings      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    created_at    INTEGER NOT NULL,
    CHECK (deleted = 0 OR (password_hash IS NULL AND admin = 0))
) STRICT, WITHOUT ROWID;

-- One sign-in: a family of refresh tokens, of which only the current generation is good.
CREATE TABLE auth_sessions (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB NOT NULL REFERENCES users (id),
    generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    user_agent TEXT NOT NULL,
    address    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX auth_sessions_of_user ON auth_sessions (user_id, created_at);

CREATE TABLE rooms (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    slug       TEXT NOT NULL UNIQUE CHECK (length(slug) BETWEEN 2 AND 48),
    title      TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 80),
    topic      TEXT CHECK (length(topic) BETWEEN 1 AND 250),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    room_id   BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id   BLOB NOT NULL REFERENCES users (id),
    role      TEXT NOT NULL CHECK (role IN ('guest', 'member', 'admin', 'owner')),
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_in_order ON members (room_id, joined_at, user_id);
CREATE INDEX members_of_user ON members (user_id, joined_at, room_id, role);
-- At most one owner; that there is one is the store's to keep.
CREATE UNIQUE INDEX members_owner ON members (room_id) WHERE role = 'owner';

CREATE TABLE invites (
    token      TEXT PRIMARY KEY CHECK (length(token) BETWEEN 22 AND 64),
    room_id    BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_by BLOB NOT NULL REFERENCES users (id),
    role       TEXT NOT NULL CHECK (role IN ('guest', 'member', 'admin')),
    uses       INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),
    max_uses   INTEGER CHECK (max_uses >= 0),
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    CHECK (max_uses IS NULL OR uses <= max_uses)
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_of_room ON invites (room_id, created_at);

-- A channel without a room was deleted: nobody sees it, and the writer removes its log a little at a time.
CREATE TABLE channels (
    id       BLOB PRIMARY KEY CHECK (length(id) = 16),
    room_id  BLOB REFERENCES rooms (id),
    letter   TEXT CHECK (letter GLOB '[a-z]'),
    name     TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 48),
    kind     TEXT NOT NULL CHECK (kind IN ('text', 'voice')),
    topology TEXT CHECK (topology IN ('forwarded', 'direct')),
    topic    TEXT CHECK (length(topic) BETWEEN 1 AND 250),
    UNIQUE (room_id, letter),
    CHECK ((room_id IS NULL) = (letter IS NULL)),
    CHECK ((kind = 'voice') = (topology IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- The log: every durable change of a channel in order, seq 1, 2, 3 without a hole. Rows are only added; `body` is emptied
-- when the message it belongs to is deleted, and `gone` marks the `message.new` of a deleted message.
-- kind: 0 message.new, 1 message.edit, 2 message.delete, 3 reaction.add, 4 reaction.remove, 5 pin.add, 6 pin.remove,
-- 7 moderation. body: the text of an edit, the emoji of a reaction, the JSON of a moderation.
CREATE TABLE log (
    channel_id BLOB NOT NULL REFERENCES channels (id),
    seq        INTEGER NOT NULL CHECK (seq >= 1),
    kind       INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 7),
    gone       INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)),
    calls_all  INTEGER NOT NULL DEFAULT 0 CHECK (calls_all IN (0, 1)),
    actor      BLOB NOT NULL,
    message    INTEGER,
    at         INTEGER NOT NULL,
    body       TEXT,
    PRIMARY KEY (channel_id, seq),
    CHECK ((message IS NULL) = (kind = 7))
) STRICT, WITHOUT ROWID;
CREATE INDEX log_edits ON log (message) WHERE kind = 1;
CREATE INDEX log_calls_all ON log (channel_id, seq) WHERE calls_all = 1;

-- Messages as they are now: the log's projection, under a small number that the log, reactions, pins and mentions use.
-- The channel is there as long as the log entry of `message.new` is.
-- `send_key` is a hash of channel, author and idempotency key: a short index, since every send touches a page of it.
-- `fingerprint` is of the body first sent, so that a repeated key is told from a reused one even after edit or delete.
CREATE TABLE messages (
    n           INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    channel_id  BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    author_id   BLOB NOT NULL REFERENCES users (id),
    send_key    BLOB NOT NULL UNIQUE CHECK (length(send_key) = 16),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),
    reply_to    INTEGER,
    created_at  INTEGER NOT NULL,
    edited_at   INTEGER,
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    text        TEXT NOT NULL,
    CHECK (deleted = 0 OR text = '')
) STRICT;

CREATE TABLE mentions (
    message    INTEGER NOT NULL REFERENCES messages (n) ON DELETE CASCADE,
    user_id    BLOB NOT NULL REFERENCES users (id),
    channel_id BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (message, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_of_user ON mentions (user_id, channel_id, seq);

CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (n) ON DELETE CASCADE,
    emoji   TEXT NOT NULL CHECK (length(emoji) BETWEEN 1 AND 64),
    user_id BLOB NOT NULL REFERENCES users (id),
    seq     INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE pins (
    message    INTEGER PRIMARY KEY REFERENCES messages (n) ON DELETE CASCADE,
    channel_id BLOB NOT NULL,
    pinned_by  BLOB NOT NULL REFERENCES users (id),
    pinned_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX pins_of_channel ON pins (channel_id, pinned_at);

-- How far somebody has read. No row = nothing.
CREATE TABLE read_markers (
    channel_id BLOB NOT NULL REFERENCES channels (id),
    user_id    BLOB NOT NULL,
    upto       INTEGER NOT NULL CHECK (upto >= 0),
    PRIMARY KEY (channel_id, user_id)
) STRICT, WITHOUT ROWID;
