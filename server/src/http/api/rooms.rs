//! `/api/rooms` and `/api/rooms/{slug}`: the rooms a user is in.
//!
//! Owns their shapes and how a slug is found. Never tells a stranger that a room exists.

use axum::{
    Json as JsonAnswer,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{
        Action, Role, RoomId, RoomTitle, Slug, Topic, UserId, access,
        limits::ROOMS_PER_USER,
        wire::{Channel, Room, RoomSummary},
    },
    http::{
        App,
        body::{Json, in_path},
        fields::{Fields, nullable},
        problem::{Code, Problem},
        signed_in::SignedIn,
    },
    live::RoomNews,
    store::{ChannelRecord, NewRoom, RoomChange, RoomRecord, StoreError, Unread},
};

/// Tries to find a free slug for a title: the first as it is, the others with 16 to 32 random bits.
const SLUGS: usize = 5;

/// The user's rooms.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rooms {
    rooms: Vec<RoomSummary>,
}

/// A room to make.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateRoom {
    /// 1 to 80 characters.
    title: String,
    /// Its name in addresses, 2 to 48 of `a-z 0-9 -`; made from the title when left out.
    #[serde(default)]
    slug: Option<String>,
}

/// What to change of a room; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeRoom {
    /// 1 to 80 characters.
    #[serde(default)]
    title: Option<String>,
    /// At most 250 characters; null or empty removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    topic: Option<Option<String>>,
}

/// My rooms.
#[utoipa::path(get, path = "/api/rooms", tag = "rooms", security(("bearer" = [])), responses((status = 200, body = Rooms)))]
pub(crate) async fn list(State(app): State<App>, me: SignedIn) -> Result<JsonAnswer<Rooms>, Problem> {
    let rooms = app.store.rooms_of(me.user).await?.into_iter();
    let rooms = rooms
        .map(|(room, role)| RoomSummary {
            id: room.id,
            slug: room.slug.into_string(),
            title: room.title.into_string(),
            role,
        })
        .collect();
    Ok(JsonAnswer(Rooms { rooms }))
}

/// Makes a room with a text channel `a` "general" and a voice channel `b` "lounge".
#[utoipa::path(post, path = "/api/rooms", tag = "rooms", security(("bearer" = [])), request_body = CreateRoom,
    responses((status = 201, body = Room), (status = 403, description = "Guests make no rooms"),
        (status = 409, description = "The slug is taken, or too many rooms")))]
pub(crate) async fn create(
    State(app): State<App>,
    me: SignedIn,
    Json(body): Json<CreateRoom>,
) -> Result<(StatusCode, JsonAnswer<Room>), Problem> {
    let user = me.record(&app).await?;
    if user.guest {
        return Err(Problem::forbidden("Guests cannot make rooms. Make an account first."));
    }
    let mut fields = Fields::default();
    let title = fields.check("title", RoomTitle::parse(&body.title));
    let slug = fields.check_optional("slug", body.slug.as_deref().map(Slug::parse));
    let (Some(title), Some(slug)) = (title, slug) else { return Err(fields.problem()) };
    if app.store.rooms_owned(user.id).await? >= ROOMS_PER_USER {
        return Err(Problem::new(Code::Full, format!("You own {ROOMS_PER_USER} rooms already.")));
    }
    let room = match slug {
        Some(slug) => app.store.create_room(new_room(&app, title, slug, user.id)).await?,
        None => create_with_free_slug(&app, title, user.id).await?,
    };
    // The owner's open sessions follow the new room from now on.
    app.live.tell(room.id, RoomNews::MemberJoined(user.id)).await;
    let room = details(&app, room, Role::Owner, user.id).await?;
    Ok((StatusCode::CREATED, JsonAnswer(room)))
}

/// One of my rooms.
#[utoipa::path(get, path = "/api/rooms/{slug}", tag = "rooms", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room")), responses((status = 200, body = Room)))]
pub(crate) async fn show(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
) -> Result<JsonAnswer<Room>, Problem> {
    let (room, role) = enter(&app, &slug, me.user, Action::Read).await?;
    Ok(JsonAnswer(details(&app, room, role, me.user).await?))
}

/// Changes title and topic; owners and admins.
#[utoipa::path(patch, path = "/api/rooms/{slug}", tag = "rooms", security(("bearer" = [])), request_body = ChangeRoom,
    params(("slug" = String, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 403, description = "Owners and admins only")))]
pub(crate) async fn change(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
    Json(body): Json<ChangeRoom>,
) -> Result<JsonAnswer<Room>, Problem> {
    let (room, role) = enter(&app, &slug, me.user, Action::EditRoom).await?;
    let mut fields = Fields::default();
    let title = fields.check_optional("title", body.title.as_deref().map(RoomTitle::parse));
    let topic = check_topic(&mut fields, body.topic);
    let (Some(title), Some(topic)) = (title, topic) else { return Err(fields.problem()) };
    let room = if title.is_none() && topic.is_none() {
        room
    } else {
        let room = app.store.update_room(room.id, RoomChange { title, topic }).await?;
        app.live.tell(room.id, RoomNews::RoomChanged(room.clone())).await;
        room
    };
    Ok(JsonAnswer(details(&app, room, role, me.user).await?))
}

/// Deletes the room with everything in it; its owner.
#[utoipa::path(delete, path = "/api/rooms/{slug}", tag = "rooms", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The room")),
    responses((status = 204, description = "Deleted"), (status = 403, description = "Its owner only")))]
pub(crate) async fn remove(
    State(app): State<App>,
    me: SignedIn,
    Path(slug): Path<String>,
) -> Result<StatusCode, Problem> {
    let (room, _) = enter(&app, &slug, me.user, Action::RemoveRoom).await?;
    app.store.delete_room(room.id).await?;
    app.live.tell(room.id, RoomNews::RoomRemoved).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The room of that slug and what `user` is in it, if they may do `action` there. Who is no member learns nothing.
pub(super) async fn enter(app: &App, slug: &str, user: UserId, action: Action) -> Result<(RoomRecord, Role), Problem> {
    let slug = in_path(Slug::parse(slug))?;
    let (room, role) = app.store.room_for(&slug, user).await?.ok_or_else(Problem::not_found)?;
    if !access::allows(role, action) {
        return Err(not_for(role));
    }
    Ok((room, role))
}

/// The refusal to a member whose role is not enough.
pub(super) fn not_for(role: Role) -> Problem {
    Problem::forbidden(match role {
        Role::Guest => "Guests cannot do this.",
        Role::Member => "Members cannot do this; ask an admin of the room.",
        Role::Admin | Role::Owner => "Only the room's owner can do this, and not to themselves.",
    })
}

/// `Some(None)` leaves it, `Some(Some(None))` removes it; the outermost `None` is a mistake.
pub(super) fn check_topic(fields: &mut Fields, topic: Option<Option<String>>) -> Option<Option<Option<Topic>>> {
    match topic {
        None => Some(None),
        Some(text) => {
            let text = text.filter(|text| !text.trim().is_empty());
            fields.check_optional("topic", text.as_deref().map(Topic::parse)).map(Some)
        }
    }
}

/// A channel as `counts` shows it to one user.
pub(super) fn wire_channel(channel: ChannelRecord, counts: Unread) -> Channel {
    Channel {
        id: channel.id,
        letter: channel.letter.to_string(),
        name: channel.name.into_string(),
        kind: channel.kind,
        topology: channel.topology,
        topic: channel.topic.map(Topic::into_string),
        head: counts.head.max(channel.head),
        unread: counts.unread,
        mentions: counts.mentions,
    }
}

async fn details(app: &App, room: RoomRecord, role: Role, user: UserId) -> Result<Room, Problem> {
    let channels = app.store.channels_for(room.id, user).await?.into_iter();
    Ok(Room {
        id: room.id,
        slug: room.slug.into_string(),
        title: room.title.into_string(),
        topic: room.topic.map(Topic::into_string),
        role,
        channels: channels.map(|(channel, counts)| wire_channel(channel, counts)).collect(),
    })
}

fn new_room(app: &App, title: RoomTitle, slug: Slug, owner: UserId) -> NewRoom {
    NewRoom { id: RoomId::fresh(), slug, title, owner, created_at: app.now() }
}

async fn create_with_free_slug(app: &App, title: RoomTitle, owner: UserId) -> Result<RoomRecord, Problem> {
    let base = Slug::from_title(&title);
    for round in 0..SLUGS {
        let random = Uuid::new_v4().simple().to_string();
        let slug = match (&base, round) {
            (Some(base), 0) => base.clone(),
            (Some(base), _) => parse_slug(&format!("{base}-{}", random.get(..4).unwrap_or_default()))?,
            (None, _) => parse_slug(&format!("room-{}", random.get(..8).unwrap_or_default()))?,
        };
        match app.store.create_room(new_room(app, title.clone(), slug, owner)).await {
            Err(StoreError::Taken(_)) => {}
            other => return other.map_err(Problem::from),
        }
    }
    Err(Problem::taken("slug"))
}

fn parse_slug(text: &str) -> Result<Slug, Problem> {
    Slug::parse(text).map_err(|error| Problem::internal(format!("a made-up slug: {error}")))
}
