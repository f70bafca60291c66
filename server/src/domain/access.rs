//! Roles of a room and what each may do: the one permission table.
//!
//! Owns the answer to "may they?". Never loads who they are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a member is to a room, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Came by an invite link without an account; sees this room only.
    Guest,
    /// Reads and writes.
    Member,
    /// Also manages channels, invites and people below them.
    Admin,
    /// Also changes and deletes the room and hands it over; exactly one per room.
    Owner,
}

impl Role {
    /// The name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Guest => "guest",
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Role::Guest, Role::Member, Role::Admin, Role::Owner].into_iter().find(|role| role.as_str() == name)
    }
}

/// Something a member may or may not do in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// See the room, its channels, history, members and presence.
    Read,
    /// Send messages and typing notices, react, edit and delete one's own.
    Post,
    /// Name everybody: `@here`, `@room`.
    MentionAll,
    /// Delete others' messages, pin.
    Moderate,
    /// Create, list and revoke invites.
    Invite,
    /// Create, change and delete channels.
    ManageChannels,
    /// Change title, topic and settings.
    EditRoom,
    /// Delete the room.
    RemoveRoom,
    /// Read the audit log and the bans.
    ReadAudit,
}

/// Whether `role` may do `action`.
#[must_use]
pub fn allows(role: Role, action: Action) -> bool {
    let needed = match action {
        Action::Read | Action::Post => Role::Guest,
        Action::MentionAll | Action::Moderate => Role::Admin,
        Action::Invite | Action::ManageChannels | Action::EditRoom | Action::ReadAudit => Role::Admin,
        Action::RemoveRoom => Role::Owner,
    };
    role >= needed
}

/// Whether `actor` may remove, mute or ban somebody of role `target`: only those strictly below.
#[must_use]
pub fn may_act_on(actor: Role, target: Role) -> bool {
    actor >= Role::Admin && actor > target
}

/// Whether `actor` may turn a `from` into a `to`. The owner may hand over ownership; nobody becomes a guest, and a
/// guest account is raised only by becoming a full account.
#[must_use]
pub fn may_assign(actor: Role, from: Role, to: Role) -> bool {
    let grants = match actor {
        Role::Owner => to >= Role::Member,
        Role::Admin => to == Role::Member || to == Role::Admin,
        Role::Member | Role::Guest => false,
    };
    grants && from != Role::Guest && may_act_on(actor, from)
}

/// Whether `inviter` may make an invite that gives `role`.
#[must_use]
pub fn may_invite_as(inviter: Role, role: Role) -> bool {
    allows(inviter, Action::Invite) && role != Role::Owner && role <= inviter
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Guest, Role::Member, Role::Admin, Role::Owner];

    #[test]
    fn names_round_trip() {
        for role in ROLES {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn nobody_acts_on_an_equal_or_better() {
        for actor in ROLES {
            for target in ROLES {
                let allowed = may_act_on(actor, target);
                assert_eq!(allowed, actor >= Role::Admin && target < actor, "{actor:?} on {target:?}");
            }
        }
    }

    #[test]
    fn ownership_moves_only_by_the_owner() {
        for actor in ROLES {
            for from in ROLES {
                let allowed = may_assign(actor, from, Role::Owner);
                let expected = actor == Role::Owner && matches!(from, Role::Member | Role::Admin);
                assert_eq!(allowed, expected, "{actor:?} makes a {from:?} the owner");
            }
        }
    }

    #[test]
    fn a_stronger_role_loses_nothing() {
        let actions = [
            Action::Read,
            Action::Post,
            Action::MentionAll,
            Action::Moderate,
            Action::Invite,
            Action::ManageChannels,
            Action::EditRoom,
            Action::RemoveRoom,
            Action::ReadAudit,
        ];
        for action in actions {
            for pair in ROLES.windows(2) {
                if let [weak, strong] = pair {
                    assert!(!allows(*weak, action) || allows(*strong, action), "{action:?}");
                }
            }
        }
    }

    #[test]
    fn invites_never_make_owners_or_betters() {
        for inviter in ROLES {
            for role in ROLES {
                if may_invite_as(inviter, role) {
                    assert!(role < Role::Owner && role <= inviter && inviter >= Role::Admin);
                }
            }
        }
    }
}
