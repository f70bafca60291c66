//! Members and their roles.

use charge::{
    domain::{Role, UserId},
    store::{InviteRecord, StoreError},
};

use crate::world::World;

pub(crate) async fn pages_go_by_join_time(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let mut expected = vec![ada.id];
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(world.user(&format!("user-{n}")).await.id);
    }
    // Joined in another order than they were made.
    for user in people.into_iter().rev() {
        world.join(room.id, ada.id, user).await;
        expected.push(user);
    }
    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = world.store.members(room.id, seen.last().copied(), 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|member| member.user));
    }
    assert_eq!(seen, expected);
    assert_eq!(world.store.member_count(room.id).await.unwrap(), 7);
    let first = &world.store.members(room.id, None, 1).await.unwrap()[0];
    assert_eq!((first.display_name.as_str(), first.username.as_str()), ("ada the person", "ada"));
}

pub(crate) async fn ownership_is_handed_over(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, _) = world.room(ada.id, "attic").await;
    let role = async |user| world.store.member(room.id, user).await.unwrap().unwrap().role;
    assert!(matches!(world.store.set_role(room.id, mio.id, Role::Owner).await, Err(StoreError::Missing)));
    assert_eq!(role(ada.id).await, Role::Owner);
    world.join(room.id, ada.id, mio.id).await;
    world.store.set_role(room.id, mio.id, Role::Admin).await.unwrap();
    assert_eq!(role(mio.id).await, Role::Admin);
    world.store.set_role(room.id, mio.id, Role::Owner).await.unwrap();
    assert_eq!((role(ada.id).await, role(mio.id).await), (Role::Admin, Role::Owner));
    world.store.set_role(room.id, mio.id, Role::Owner).await.unwrap();
    assert_eq!(role(mio.id).await, Role::Owner);
    let demoted = world.store.set_role(room.id, mio.id, Role::Member).await;
    assert!(matches!(demoted, Err(StoreError::Conflict("owner"))), "a room without an owner");
    assert_eq!(
        (world.store.rooms_owned(ada.id).await.unwrap(), world.store.rooms_owned(mio.id).await.unwrap()),
        (0, 1)
    );
}

pub(crate) async fn the_owner_cannot_leave(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, _) = world.room(ada.id, "attic").await;
    world.join(room.id, ada.id, mio.id).await;
    assert!(matches!(world.store.remove_member(room.id, ada.id).await, Err(StoreError::Conflict("owner"))));
    assert_eq!(world.store.member_count(room.id).await.unwrap(), 2);
}

pub(crate) async fn who_leaves_is_out(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    assert!(!world.store.remove_member(room.id, mio.id).await.unwrap());
    world.join(room.id, ada.id, mio.id).await;
    assert!(world.store.channel_for(channel, mio.id).await.unwrap().is_some());
    assert!(world.store.remove_member(room.id, mio.id).await.unwrap());
    assert!(!world.store.remove_member(room.id, mio.id).await.unwrap());
    assert_eq!(world.store.channel_for(channel, mio.id).await.unwrap(), None);
    assert!(world.store.rooms_of(mio.id).await.unwrap().is_empty());
}

pub(crate) async fn invites_end_with_the_right_to_give_them(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let own = world.new_invite(room.id, ada.id);
    world.store.create_invite(own.clone()).await.unwrap();
    let admin = async |name: &str| {
        let person = world.user(name).await;
        world.join(room.id, ada.id, person.id).await;
        world.store.set_role(room.id, person.id, Role::Admin).await.unwrap();
        for role in [Role::Admin, Role::Member] {
            let invite = InviteRecord { role, ..world.new_invite(room.id, person.id) };
            world.store.create_invite(invite).await.unwrap();
        }
        person
    };
    let (removed, demoted, deleted, heir) =
        (admin("mio").await, admin("noa").await, admin("eli").await, admin("ivo").await);
    let live_of = async |user: UserId| {
        let live = world.store.invites_of(room.id, world.now()).await.unwrap();
        live.iter().filter(|invite| invite.created_by == user).count()
    };
    assert!(world.store.remove_member(room.id, removed.id).await.unwrap());
    assert_eq!(live_of(removed.id).await, 0);
    world.store.set_role(room.id, demoted.id, Role::Member).await.unwrap();
    assert_eq!(live_of(demoted.id).await, 0, "a member gives none");
    world.store.delete_user(deleted.id).await.unwrap();
    assert_eq!(live_of(deleted.id).await, 0);
    world.store.set_role(room.id, heir.id, Role::Owner).await.unwrap();
    assert_eq!((live_of(heir.id).await, world.store.invite(&own.token).await.unwrap()), (2, Some(own)), "others' stay");
}
