//! Invites: exact uses, no orphans.

use charge::{
    domain::{InviteToken, Role, limits::INVITES_PER_ROOM},
    store::{InviteRecord, StoreError},
};

use crate::world::World;

pub(crate) async fn uses_are_counted_exactly(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let invite = InviteRecord { max_uses: Some(3), ..world.new_invite(room.id, ada.id) };
    world.store.create_invite(invite.clone()).await.unwrap();
    assert_eq!(world.store.invite(&invite.token).await.unwrap(), Some(invite.clone()));
    let now = world.now();
    let mut callers = Vec::new();
    for n in 0..10 {
        let (store, token) = (world.store.clone(), invite.token.clone());
        let user = world.user(&format!("user-{n}")).await;
        callers.push(tokio::spawn(async move { store.accept_invite(&token, user.id, now).await }));
    }
    let mut joined = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Ok(accepted) => {
                assert!(accepted.joined && accepted.role == Role::Member && accepted.room.id == room.id);
                joined += 1;
            }
            Err(error) => assert!(matches!(error, StoreError::Gone), "{error}"),
        }
    }
    assert_eq!((joined, world.store.member_count(room.id).await.unwrap()), (3, 4));
    assert_eq!(world.store.invite(&invite.token).await.unwrap().unwrap().uses, 3);
    assert!(world.store.invites_of(room.id, now).await.unwrap().is_empty());
}

pub(crate) async fn a_member_uses_nothing_up(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let invite = world.new_invite(room.id, ada.id);
    world.store.create_invite(invite.clone()).await.unwrap();
    let accepted = world.store.accept_invite(&invite.token, ada.id, world.now()).await.unwrap();
    assert_eq!((accepted.joined, accepted.role), (false, Role::Owner));
    assert_eq!(world.store.invite(&invite.token).await.unwrap().unwrap().uses, 0);
    let admin = InviteRecord { role: Role::Admin, ..world.new_invite(room.id, ada.id) };
    world.store.create_invite(admin.clone()).await.unwrap();
    let mio = world.user("mio").await;
    assert_eq!(world.store.accept_invite(&admin.token, mio.id, world.now()).await.unwrap().role, Role::Admin);
    assert_eq!(world.store.accept_invite(&invite.token, mio.id, world.now()).await.unwrap().role, Role::Admin);
}

pub(crate) async fn dead_invites_are_gone(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, _) = world.room(ada.id, "attic").await;
    let (other, _) = world.room(ada.id, "cellar").await;
    let expires = world.now().plus_seconds(60);
    let expiring = InviteRecord { expires_at: Some(expires), ..world.new_invite(room.id, ada.id) };
    let revoked = world.new_invite(room.id, ada.id);
    for invite in [&expiring, &revoked] {
        world.store.create_invite(invite.clone()).await.unwrap();
    }
    let live = |at| world.store.invites_of(room.id, at);
    let newest_first = [revoked.token.clone(), expiring.token.clone()];
    let tokens: Vec<_> = live(world.now()).await.unwrap().into_iter().map(|invite| invite.token).collect();
    assert_eq!(tokens, newest_first);
    assert_eq!(live(expires).await.unwrap().len(), 1);
    let late = world.store.accept_invite(&expiring.token, mio.id, expires).await;
    assert!(matches!(late, Err(StoreError::Gone)));
    assert!(!world.store.revoke_invite(other.id, &revoked.token).await.unwrap(), "another room's invite");
    assert!(world.store.revoke_invite(room.id, &revoked.token).await.unwrap());
    assert!(!world.store.revoke_invite(room.id, &revoked.token).await.unwrap());
    assert_eq!(world.store.invite(&revoked.token).await.unwrap(), None);
    let after = world.store.accept_invite(&revoked.token, mio.id, world.now()).await;
    assert!(matches!(after, Err(StoreError::Gone)));
    let unknown = InviteToken::parse("a-token-that-never-existed").unwrap();
    assert!(matches!(world.store.accept_invite(&unknown, mio.id, world.now()).await, Err(StoreError::Missing)));
    assert_eq!(world.store.member_count(room.id).await.unwrap(), 1);
}

pub(crate) async fn a_guest_comes_whole_or_not_at_all(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let invite = InviteRecord { max_uses: Some(1), role: Role::Admin, ..world.new_invite(room.id, ada.id) };
    world.store.create_invite(invite.clone()).await.unwrap();
    let accept = |name: &str| {
        let guest = world.new_user(name, true);
        let (store, token, now) = (world.store.clone(), invite.token.clone(), world.now());
        async move { store.accept_invite_as_guest(&token, guest, now).await }
    };
    assert!(matches!(accept("ada").await, Err(StoreError::Taken("username"))));
    let (user, accepted) = accept("guest-1").await.unwrap();
    assert!(user.guest && accepted.joined && accepted.room.id == room.id);
    assert_eq!(accepted.role, Role::Guest, "a guest stays a guest");
    assert_eq!(world.store.member(room.id, user.id).await.unwrap().unwrap().role, Role::Guest);
    assert!(matches!(accept("guest-2").await, Err(StoreError::Gone)));
    assert_eq!(world.store.user_count().await.unwrap(), 2, "an orphan");
}

pub(crate) async fn a_room_holds_a_hundred_live_ones(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let mut last = None;
    for _ in 0..INVITES_PER_ROOM {
        let invite = world.new_invite(room.id, ada.id);
        world.store.create_invite(invite.clone()).await.unwrap();
        last = Some(invite.token);
    }
    let more = world.store.create_invite(world.new_invite(room.id, ada.id)).await;
    assert!(matches!(more, Err(StoreError::Full(_))));
    world.store.revoke_invite(room.id, &last.unwrap()).await.unwrap();
    world.store.create_invite(world.new_invite(room.id, ada.id)).await.unwrap();
    let nowhere = world.new_invite(charge::domain::RoomId::fresh(), ada.id);
    assert!(matches!(world.store.create_invite(nowhere).await, Err(StoreError::Missing)));
}
