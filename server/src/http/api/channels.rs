//! `/api/rooms/{slug}/channels`: making, changing and deleting the channels of a room.
//!
//! Owns their shapes. Never touches what is said in them.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rooms::{check_topic, enter, wire_channel};
use crate::{
    domain::{
        Action, ChannelLetter, ChannelName, RoomId, UserId,
        wire::{Channel, ChannelKind, Topology},
    },
    http::{
        App,
        body::Json,
        fields::{Fields, nullable},
        problem::{Code, Problem},
        signed_in::SignedIn,
    },
    live::RoomNews,
    store::{ChannelChange, ChannelRecord, StoreError, Unread},
};

/// A channel to make.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateChannel {
    /// 1 to 48 characters.
    name: String,
    /// Text or voice.
    kind: ChannelKind,
    /// Of a voice channel; `forwarded` when left out.
    #[serde(default)]
    topology: Option<Topology>,
}

/// What to change of a channel; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeChannel {
    /// 1 to 48 characters.
    #[serde(default)]
    name: Option<String>,
    /// At most 250 characters; null or empty removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    topic: Option<Option<String>>,
    /// Of a voice channel.
    #[serde(default)]
    topology: Option<Topology>,
}

/// Makes a channel, with the next free letter; owners and admins.
#[utoipa::path(post, path = "/api/rooms/{slug}/channels", tag = "channels", security(("bearer" = [])), request_body = CreateChannel,
    params(("slug" = String, Path, description = "The room")),
    responses((status = 201, body = Channel), (status = 403, description = "Owners and admins only"),
        (status = 409, description = "All letters are in use")))]
pub(crate) async fn create(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
    Json(body): Json<CreateChannel>,
) -> Result<(StatusCode, JsonAnswer<Channel>), Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::ManageChannels).await?;
    let mut fields = Fields::default();
    let name = fields.check("name", ChannelName::parse(&body.name));
    let topology = match (body.kind, body.topology) {
        (ChannelKind::Voice, topology) => Some(topology.unwrap_or(Topology::Forwarded)),
        (ChannelKind::Text, None) => None,
        (ChannelKind::Text, Some(_)) => {
            fields.refuse("topology", "is for voice channels");
            None
        }
    };
    let Some(name) = name else { return Err(fields.problem()) };
    fields.finish()?;
    let created = app.store.create_channel(room.id, &name, body.kind, topology, app.now()).await;
    let channel = created.map_err(|error| match error {
        StoreError::Full(_) => Problem::new(Code::Full, "A room has at most 26 channels, one for each letter."),
        other => Problem::from(other),
    })?;
    app.live.tell(room.id, RoomNews::ChannelNew(channel.clone())).await;
    Ok((StatusCode::CREATED, JsonAnswer(wire_channel(channel, Unread::default()))))
}

/// Changes a channel's name, topic or topology; owners and admins.
#[utoipa::path(patch, path = "/api/rooms/{slug}/channels/{letter}", tag = "channels", security(("bearer" = [])),
    request_body = ChangeChannel,
    params(("slug" = String, Path, description = "The room"), ("letter" = String, Path, description = "`a` to `z`")),
    responses((status = 200, body = Channel), (status = 403, description = "Owners and admins only")))]
pub(crate) async fn change(
    State(app): State<App>,
    me: SignedIn,
    Path((slug, letter)): Path<(String, String)>,
    Json(body): Json<ChangeChannel>,
) -> Result<JsonAnswer<Channel>, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::ManageChannels).await?;
    let channel = lettered(&app, room.id, &letter).await?;
    let mut fields = Fields::default();
    let name = fields.check_optional("name", body.name.as_deref().map(ChannelName::parse));
    let topic = check_topic(&mut fields, body.topic);
    if body.topology.is_some() && channel.kind == ChannelKind::Text {
        fields.refuse("topology", "is for voice channels");
    }
    let (Some(name), Some(topic)) = (name, topic) else { return Err(fields.problem()) };
    fields.finish()?;
    let change = ChannelChange { name, topic, topology: body.topology };
    let changes = change.name.is_some() || change.topic.is_some() || change.topology.is_some();
    let channel = if changes {
        let channel = app.store.update_channel(channel.id, change).await?;
        app.live.tell(room.id, RoomNews::ChannelChanged(channel.clone())).await;
        channel
    } else {
        channel
    };
    Ok(JsonAnswer(for_user(&app, channel, me.user).await?))
}

/// Deletes a channel with everything said in it; owners and admins. Its letter is free again.
#[utoipa::path(delete, path = "/api/rooms/{slug}/channels/{letter}", tag = "channels", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room"), ("letter" = String, Path, description = "`a` to `z`")),
    responses((status = 204, description = "Deleted"), (status = 403, description = "Owners and admins only")))]
pub(crate) async fn remove(
    State(app): State<App>,
    me: SignedIn,
    Path((slug, letter)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::ManageChannels).await?;
    let letter = ChannelLetter::parse(&letter).ok_or_else(Problem::not_found)?;
    let channel = app.store.delete_channel(room.id, letter).await?.ok_or_else(Problem::not_found)?;
    app.live.tell(room.id, RoomNews::ChannelGone(channel)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn lettered(app: &App, room: RoomId, letter: &str) -> Result<ChannelRecord, Problem> {
    let letter = ChannelLetter::parse(letter).ok_or_else(Problem::not_found)?;
    let channels = app.store.channels_of(room).await?;
    channels.into_iter().find(|channel| channel.letter == letter).ok_or_else(Problem::not_found)
}

async fn for_user(app: &App, channel: ChannelRecord, user: UserId) -> Result<Channel, Problem> {
    let counts = app.store.unread(channel.id, user).await?;
    Ok(wire_channel(channel, counts))
}
