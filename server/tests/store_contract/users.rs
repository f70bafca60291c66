//! Accounts, guests, settings.

use charge::{
    domain::{DisplayName, Role, UserId, Username},
    store::{StoreError, UserChange},
};

use crate::world::World;

pub(crate) async fn a_name_is_taken_once(world: World) {
    let mut callers = Vec::new();
    for _ in 0..20 {
        let (store, user) = (world.store.clone(), world.new_user("ada", false));
        callers.push(tokio::spawn(async move { store.create_user(user).await }));
    }
    let mut made = Vec::new();
    for caller in callers {
        match caller.await.unwrap() {
            Ok(user) => made.push(user),
            Err(error) => assert!(matches!(error, StoreError::Taken("username")), "{error}"),
        }
    }
    assert_eq!(made.len(), 1);
    let ada = &made[0];
    assert_eq!(world.store.user(ada.id).await.unwrap().as_ref(), Some(ada));
    assert_eq!(world.store.user_by_name(&Username::parse("ADA").unwrap()).await.unwrap().as_ref(), Some(ada));
    assert_eq!(world.store.user_count().await.unwrap(), 1);
    assert_eq!(ada.password_hash.as_deref(), Some("hash of ada"));
    assert!(!ada.guest && !ada.admin && !ada.deleted && ada.settings.is_empty());
    assert_eq!(world.store.user(UserId::fresh()).await.unwrap(), None);
    assert_eq!(world.store.user_by_name(&Username::parse("nobody").unwrap()).await.unwrap(), None);
}

pub(crate) async fn a_profile_changes_in_part(world: World) {
    let ada = world.user("ada").await;
    let name = UserChange { display_name: Some(DisplayName::parse("Ada Ö").unwrap()), settings: None };
    let renamed = world.store.update_user(ada.id, name).await.unwrap();
    assert_eq!(renamed.display_name, "Ada Ö");
    let settings = serde_json::json!({"theme": "dark", "n": [1, null]}).as_object().unwrap().clone();
    let change = UserChange { display_name: None, settings: Some(settings.clone()) };
    let set = world.store.update_user(ada.id, change).await.unwrap();
    assert_eq!((set.display_name.as_str(), &set.settings), ("Ada Ö", &settings));
    world.store.set_password(ada.id, "another hash").await.unwrap();
    world.store.set_admin(ada.id, true).await.unwrap();
    let now = world.store.user(ada.id).await.unwrap().unwrap();
    assert_eq!((now.password_hash.as_deref(), now.admin), (Some("another hash"), true));
    world.store.set_admin(ada.id, false).await.unwrap();
    assert!(!world.store.user(ada.id).await.unwrap().unwrap().admin);
    let nobody = UserId::fresh();
    assert!(matches!(world.store.update_user(nobody, UserChange::default()).await, Err(StoreError::Missing)));
    assert!(matches!(world.store.set_password(nobody, "x").await, Err(StoreError::Missing)));
    assert!(matches!(world.store.set_admin(nobody, true).await, Err(StoreError::Missing)));
}

pub(crate) async fn pages_go_from_the_oldest_on(world: World) {
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.user(&format!("user-{n}")).await.id);
    }
    let first = world.store.users(None, 2).await.unwrap();
    let second = world.store.users(Some(first[1].id), 2).await.unwrap();
    let third = world.store.users(Some(second[1].id), 2).await.unwrap();
    let all: Vec<UserId> = [first, second, third].concat().iter().map(|user| user.id).collect();
    assert_eq!(all, made);
}

pub(crate) async fn a_guest_becomes_an_account(world: World) {
    let ada = world.user("ada").await;
    let (room, _) = world.room(ada.id, "attic").await;
    let guest = world.store.create_user(world.new_user("guest-1", true)).await.unwrap();
    world.join(room.id, ada.id, guest.id).await;
    assert_eq!(world.store.member(room.id, guest.id).await.unwrap().unwrap().role, Role::Guest);
    let taken = world.store.upgrade_guest(guest.id, &Username::parse("ada").unwrap(), "hash").await;
    assert!(matches!(taken, Err(StoreError::Taken("username"))));
    assert!(world.store.user(guest.id).await.unwrap().unwrap().guest, "a refused upgrade changed something");
    let mio = world.store.upgrade_guest(guest.id, &Username::parse("mio").unwrap(), "hash").await.unwrap();
    assert_eq!((mio.username.as_str(), mio.guest, mio.password_hash.as_deref()), ("mio", false, Some("hash")));
    assert_eq!(world.store.member(room.id, guest.id).await.unwrap().unwrap().role, Role::Member);
    let again = world.store.upgrade_guest(guest.id, &Username::parse("mio2").unwrap(), "hash").await;
    assert!(matches!(again, Err(StoreError::Conflict("not_guest"))));
}

pub(crate) async fn a_deleted_user_leaves_messages_behind(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, channel) = world.room(ada.id, "attic").await;
    let (alone, _) = world.room(mio.id, "mios-own").await;
    world.join(room.id, ada.id, mio.id).await;
    let session = world.sign_in(mio.id).await;
    let message = world.say(channel, mio.id, "still here").await;
    let mut left = world.store.delete_user(mio.id).await.unwrap();
    left.sort();
    let mut expected = vec![room.id, alone.id];
    expected.sort();
    assert_eq!(left, expected);
    let gone = world.store.user(mio.id).await.unwrap().unwrap();
    assert!(gone.deleted && gone.password_hash.is_none() && !gone.admin);
    assert_eq!(gone.display_name, "deleted user");
    assert!(Username::parse(&gone.username).is_err(), "somebody could sit on this name");
    assert_eq!(world.store.user_by_name(&Username::parse("mio").unwrap()).await.unwrap(), None);
    assert_eq!(world.store.auth_session(session.id).await.unwrap(), None);
    assert_eq!(world.store.member(room.id, mio.id).await.unwrap(), None);
    assert_eq!(world.store.room(alone.id).await.unwrap(), None);
    let kept = world.store.message(message.id, ada.id).await.unwrap().unwrap();
    assert_eq!((kept.text.as_str(), kept.author.name.as_str()), ("still here", "deleted user"));
    assert!(matches!(world.store.delete_user(mio.id).await, Err(StoreError::Missing)));
    assert!(matches!(world.store.set_password(mio.id, "x").await, Err(StoreError::Missing)));
    world.user("mio").await;
    assert_eq!(world.store.user_count().await.unwrap(), 2);
}

pub(crate) async fn an_owner_of_others_stays(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (room, _) = world.room(ada.id, "attic").await;
    let (alone, _) = world.room(ada.id, "alone").await;
    world.join(room.id, ada.id, mio.id).await;
    assert!(matches!(world.store.delete_user(ada.id).await, Err(StoreError::Conflict("owns_rooms"))));
    assert!(world.store.room(alone.id).await.unwrap().is_some(), "a refused deletion deleted something");
    world.store.set_role(room.id, mio.id, Role::Owner).await.unwrap();
    world.store.delete_user(ada.id).await.unwrap();
    assert_eq!(world.store.member_count(room.id).await.unwrap(), 1);
}

pub(crate) async fn the_admin_is_claimed_once_or_nothing_is_spent(world: World) {
    let store = &world.store;
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    store.set_setting("setup", Some("one")).await.unwrap();
    assert!(!store.claim_admin("setup", "two", ada.id).await.unwrap());
    assert!(!store.has_admin().await.unwrap());
    let nobody = store.claim_admin("setup", "one", UserId::fresh()).await;
    assert!(matches!(nobody, Err(StoreError::Missing)));
    assert_eq!(store.setting("setup").await.unwrap().as_deref(), Some("one"), "not spent on nobody");
    assert!(store.claim_admin("setup", "one", ada.id).await.unwrap());
    assert_eq!(store.setting("setup").await.unwrap(), None);
    assert!(store.user(ada.id).await.unwrap().unwrap().admin);
    assert!(!store.claim_admin("setup", "one", mio.id).await.unwrap());
    assert!(!store.user(mio.id).await.unwrap().unwrap().admin);
}

pub(crate) async fn settings_are_taken_once(world: World) {
    let store = &world.store;
    assert_eq!(store.setting("setup").await.unwrap(), None);
    store.set_setting("setup", Some("one")).await.unwrap();
    store.set_setting("setup", Some("two")).await.unwrap();
    assert_eq!(store.setting("setup").await.unwrap().as_deref(), Some("two"));
    assert!(!store.take_setting("setup", "one").await.unwrap());
    let takers = (0..10).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.take_setting("setup", "two").await.unwrap() })
    });
    let mut taken = 0;
    for taker in takers.collect::<Vec<_>>() {
        taken += usize::from(taker.await.unwrap());
    }
    assert_eq!(taken, 1);
    store.set_setting("setup", Some("three")).await.unwrap();
    store.set_setting("setup", None).await.unwrap();
    assert_eq!(store.setting("setup").await.unwrap(), None);
    store.check().await.unwrap();
    store.check().await.unwrap();
    let epoch = store.epoch();
    assert!(!epoch.is_empty());
    assert_eq!(world.reopen().await.store.epoch(), epoch);
}
