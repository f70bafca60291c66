//! Changes that were not made through a log: channels, members, the room itself.
//!
//! Owns who is told of them and who has to go. The store has them already; nothing is refused here.

use super::{Channel, Effect, News, Personal, Place, Room, Scope, SessionKey};
use crate::domain::{ChannelId, Timestamp, UserId, wire::event::Event};

impl<S: Clone> Room<S> {
    /// A change that the store has already.
    pub fn handle_news(&mut self, news: News, now: Timestamp) {
        match news {
            News::ChannelNew(channel) => self.channel_new(channel),
            News::ChannelChanged(channel) => self.channel_changed(channel),
            News::ChannelGone(channel) => self.channel_gone(channel, now),
            News::MemberJoined(user, member) => {
                self.members.insert(user, member.clone());
                self.tell(self.full(), None, Event::MemberJoined(self.on_wire(user, member)));
            }
            News::MemberChanged(user, member) => {
                // Late news of somebody who has left must not let them in again.
                let Some(known) = self.members.get_mut(&user) else { return };
                *known = member.clone();
                self.tell(self.full(), None, Event::MemberChanged(self.on_wire(user, member)));
            }
            News::MemberLeft(user, reason) => self.member_left(user, reason, now),
            News::RoomChanged(info) => {
                self.info = info;
                let to = self.full_with_users();
                self.effects.push_back(Effect::Personal(Personal::Room, to));
            }
            News::RoomRemoved => self.room_removed(),
        }
    }

    fn channel_new(&mut self, channel: Channel) {
        let id = channel.id;
        // Told twice, or read from the store already: what is known of its head stands.
        self.channels.entry(id).or_insert_with(|| Place::new(channel));
        if let Some(shown) = self.channel(id) {
            self.tell(self.full(), None, Event::ChannelNew(shown));
        }
        // Somebody may have written before this room knew of the channel.
        self.read_log(id);
    }

    fn channel_changed(&mut self, channel: Channel) {
        let id = channel.id;
        let Some(place) = self.channels.get_mut(&id) else { return };
        let head = place.channel.head;
        place.channel = Channel { head, ..channel };
        let to = self.sessions.values().filter(|a| matches!(a.scope, Scope::All) || a.scope == Scope::Channel(id));
        let to = to.map(|attached| (attached.user, attached.handle.clone())).collect();
        self.effects.push_back(Effect::Personal(Personal::Channel(id), to));
    }

    fn channel_gone(&mut self, channel: ChannelId, now: Timestamp) {
        let Some(place) = self.channels.remove(&channel) else { return };
        for attached in self.sessions.values_mut() {
            attached.subscribed.retain(|other| *other != channel);
        }
        let letter = place.channel.letter.to_string();
        let for_it = |scope: Scope| scope == Scope::All || scope == Scope::Channel(channel);
        let to = self.sessions.values().filter(|a| for_it(a.scope)).map(|a| a.handle.clone()).collect();
        self.tell(to, None, Event::ChannelGone { room: self.id, id: channel, letter });
        let doors = self.sessions.iter().filter(|(_, a)| a.scope == Scope::Channel(channel));
        let doors: Vec<SessionKey> = doors.map(|(key, _)| *key).collect();
        for key in doors {
            let closed = self.take_out(key).map(|attached| Effect::Close(attached.handle));
            self.effects.extend(closed);
        }
        self.flush_presence(now);
    }

    fn member_left(&mut self, user: UserId, reason: &'static str, now: Timestamp) {
        let Some(member) = self.members.remove(&user) else { return };
        let keys: Vec<SessionKey> = self.sessions.iter().filter(|(_, a)| a.user == user).map(|(key, _)| *key).collect();
        for key in keys {
            self.dismiss(key, reason);
        }
        self.tell(self.full(), None, Event::MemberLeft(self.on_wire(user, member)));
        self.flush_presence(now);
    }

    fn room_removed(&mut self) {
        self.removed = true;
        self.members.clear();
        let keys: Vec<SessionKey> = self.sessions.keys().copied().collect();
        for key in keys {
            self.dismiss(key, "deleted");
        }
        self.channels.clear();
    }

    fn dismiss(&mut self, key: SessionKey, reason: &'static str) {
        if let Some(attached) = self.take_out(key) {
            self.effects.push_back(Effect::Dismiss { session: attached.handle, scope: attached.scope, reason });
        }
    }
}
