//! Every method's future can be spawned: a handler on any thread may await it.
//!
//! Owns a check by the compiler. Never runs.

use charge::{
    domain::{
        AuthSessionId, ChannelId, ChannelLetter, ChannelName, InviteToken, MessageId, Role, RoomId, Slug, Timestamp,
        UserId, Username, wire::ChannelKind,
    },
    metrics::Metrics,
    store::{
        ChannelChange, HistoryRange, InviteRecord, LogWrite, NewAuthSession, NewRoom, NewUser, RoomChange, Store,
        StoreOptions, UserChange, migrations,
    },
};

fn spawnable<T: Send>(_: T) {}

const _: fn(&Store, &StoreOptions, &Metrics) = |store, options, metrics| {
    spawnable(Store::open(options, metrics));
    spawnable(store.close());
    spawnable(store.check());
    spawnable(store.setting(""));
    spawnable(store.set_setting("", None));
    spawnable(store.take_setting("", ""));
    spawnable(async { store.claim_admin("", "", UserId::fresh()).await });
    spawnable(migrations::info(""));
    spawnable(migrations::run(""));
    spawnable(migrations::validate(""));
};
const _: fn(&Store, UserId, &Username, NewUser, AuthSessionId, NewAuthSession, Timestamp) =
    |store, user, name, new, id, session, now| {
        spawnable(store.create_user(new));
        spawnable(store.user(user));
        spawnable(store.user_by_name(name));
        spawnable(store.users(None, 1));
        spawnable(store.user_count());
        spawnable(store.update_user(user, UserChange::default()));
        spawnable(store.set_password(user, ""));
        spawnable(store.set_admin(user, true));
        spawnable(store.upgrade_guest(user, name, ""));
        spawnable(store.delete_user(user));
        spawnable(store.open_auth_session(session));
        spawnable(store.rotate_auth_session(id, 0, now, now));
        spawnable(store.auth_session(id));
        spawnable(store.auth_sessions_of(user));
        spawnable(store.revoke_auth_session(id));
        spawnable(store.revoke_auth_sessions_of(user, None));
    };
const _: fn(&Store, RoomId, UserId, NewRoom, &Slug, &ChannelName, ChannelLetter, ChannelId, Timestamp) =
    |store, room, user, new, slug, name, letter, channel, now| {
        spawnable(store.create_room(new));
        spawnable(store.room(room));
        spawnable(store.room_for(slug, user));
        spawnable(store.rooms_of(user));
        spawnable(store.rooms_owned(user));
        spawnable(store.update_room(room, RoomChange::default()));
        spawnable(store.delete_room(room));
        spawnable(store.create_channel(room, name, ChannelKind::Text, None, now));
        spawnable(store.channel(channel));
        spawnable(store.channel_for(channel, user));
        spawnable(store.channels_of(room));
        spawnable(store.channels_for(room, user));
        spawnable(store.update_channel(channel, ChannelChange::default()));
        spawnable(store.delete_channel(room, letter));
    };
const _: fn(&Store, RoomId, UserId, InviteRecord, &InviteToken, NewUser, Timestamp) =
    |store, room, user, invite, token, guest, now| {
        spawnable(store.member(room, user));
        spawnable(store.members(room, None, 1));
        spawnable(store.member_count(room));
        spawnable(store.remove_member(room, user));
        spawnable(store.set_role(room, user, Role::Member));
        spawnable(store.create_invite(invite));
        spawnable(store.invite(token));
        spawnable(store.invites_of(room, now));
        spawnable(store.revoke_invite(room, token));
        spawnable(store.accept_invite(token, user, now));
        spawnable(store.accept_invite_as_guest(token, guest, now));
    };
const _: fn(&Store, ChannelId, UserId, MessageId, LogWrite, HistoryRange) = |store, channel, user, id, write, range| {
    spawnable(store.append(write));
    spawnable(store.head(channel));
    spawnable(store.log_after(channel, 0, 1));
    spawnable(store.history(channel, user, range));
    spawnable(store.message(id, user));
    spawnable(store.mark_read(channel, user, 1));
    spawnable(store.unread(channel, user));
};
