//! `/api/channels/{id}/history`, `/messages` and `/sync`: what was said, saying it, and catching up.
//!
//! Owns pages and their bounds. Never sends by itself: that goes the way of every WebSocket's `send`.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        Action, ChannelId, UserId, access,
        limits::SYNC_MAX,
        wire::{LogEvent, Message, Send, Sent},
    },
    http::{
        App,
        body::{Json, Parameters, in_path},
        fields::{Fields, number},
        problem::Problem,
        signed_in::{Sender, SignedIn},
    },
    store::{ChannelRecord, HistoryRange},
};

/// A page of messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// As they are now, oldest first.
    messages: Vec<Message>,
    /// Whether there are more in the asked direction.
    has_more: bool,
    /// The newest seq of the channel's log.
    head: u64,
    /// The log's epoch; another one than before means that history was restored from a backup.
    epoch: String,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sync {
    /// As they went out live, oldest first.
    events: Vec<LogEvent>,
    /// The newest seq of the log.
    head: u64,
    /// The log's epoch; when it is not the one asked with, `events` is empty: load the channel afresh.
    epoch: String,
    /// Whether there are more.
    has_more: bool,
}

/// Messages of a channel: the newest, or those before or after a seq.
#[utoipa::path(get, path = "/api/channels/{channel_id}/history", tag = "messages", security(("bearer" = [])),
    params(("channel_id" = String, Path, description = "The channel"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 50 when left out, as configured"),
        ("before" = Option<u64>, Query, description = "Only those with a smaller seq"),
        ("after" = Option<u64>, Query, description = "Only those with a greater seq, from the oldest on")),
    responses((status = 200, body = History)))]
pub(crate) async fn history(
    State(app): State<App>,
    me: SignedIn,
    Path(channel): Path<String>,
    parameters: Parameters,
) -> Result<JsonAnswer<History>, Problem> {
    let channel = open(&app, &channel, me.user).await?;
    let mut fields = Fields::default();
    let (default, max) = (app.options.history_default, app.options.history_max);
    let limit = number(&mut fields, "limit", parameters.text("limit"), 1..=max).unwrap_or(default);
    let before = number(&mut fields, "before", parameters.text("before"), 0..=SEQ_MAX);
    let after = number(&mut fields, "after", parameters.text("after"), 0..=SEQ_MAX);
    fields.finish()?;
    let page = app.store.history(channel.id, me.user, HistoryRange { before, after, limit }).await?;
    Ok(JsonAnswer(History {
        messages: page.messages,
        has_more: page.has_more,
        head: page.head,
        epoch: app.store.epoch(),
    }))
}

/// Writes a message, with the guarantees of `send` over WebSocket.
///
/// The same key and text again answer the message as it is now, with `duplicate`.
#[utoipa::path(post, path = "/api/channels/{channel_id}/messages", tag = "messages", security(("bearer" = [])),
    params(("channel_id" = String, Path, description = "The channel")), request_body = Send,
    responses((status = 201, body = Sent, description = "Committed"), (status = 200, body = Sent, description = "Was committed before"),
        (status = 409, description = "The key was used with another body"), (status = 429, description = "Too many messages")))]
pub(crate) async fn send(
    State(app): State<App>,
    Sender(me): Sender,
    Path(channel): Path<String>,
    Json(body): Json<Send>,
) -> Result<(StatusCode, JsonAnswer<Sent>), Problem> {
    let channel = open(&app, &channel, me.user).await?;
    let sent = app.live.send(me.user, channel.id, body).await?;
    let status = if sent.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, JsonAnswer(sent)))
}

/// The log of a channel after a seq, for clients that were away.
#[utoipa::path(get, path = "/api/channels/{channel_id}/sync", tag = "messages", security(("bearer" = [])),
    params(("channel_id" = String, Path, description = "The channel"),
        ("epoch" = Option<String>, Query, description = "The log's epoch as the client knows it"),
        ("after" = Option<u64>, Query, description = "The last seq the client has; 0 when left out"),
        ("limit" = Option<u32>, Query, description = "1 to 500, 100 when left out")),
    responses((status = 200, body = Sync)))]
pub(crate) async fn sync(
    State(app): State<App>,
    me: SignedIn,
    Path(channel): Path<String>,
    parameters: Parameters,
) -> Result<JsonAnswer<Sync>, Problem> {
    let channel = open(&app, &channel, me.user).await?;
    let mut fields = Fields::default();
    let limit = number(&mut fields, "limit", parameters.text("limit"), 1..=SYNC_MAX).unwrap_or(SYNC_DEFAULT);
    let after = number(&mut fields, "after", parameters.text("after"), 0..=SEQ_MAX).unwrap_or(0);
    fields.finish()?;
    let epoch = app.store.epoch();
    let head = app.store.head(channel.id).await?;
    let is_same = parameters.text("epoch").is_none_or(|known| known.is_empty() || known == epoch);
    let events = if is_same { app.store.log_after(channel.id, after, limit).await? } else { Vec::new() };
    // The head was read first; what came in since is part of it.
    let last = events.last().map_or(after, |event| event.seq);
    let head = if is_same { head.max(events.last().map_or(0, |event| event.seq)) } else { head };
    Ok(JsonAnswer(Sync { has_more: is_same && last < head, events, head, epoch }))
}

/// Events of a page when not asked otherwise.
const SYNC_DEFAULT: u32 = 100;
/// The largest seq a database holds.
const SEQ_MAX: u64 = i64::MAX.unsigned_abs();

/// The channel, if `user` may read it; else the same answer as for none.
async fn open(app: &App, channel: &str, user: UserId) -> Result<ChannelRecord, Problem> {
    let id: ChannelId = in_path(channel.parse())?;
    let (channel, role) = app.store.channel_for(id, user).await?.ok_or_else(Problem::not_found)?;
    if access::allows(role, Action::Read) { Ok(channel) } else { Err(Problem::not_found()) }
}
