//! Sign-ins: rotation, reuse, revocation.

use charge::{
    domain::{AuthSessionId, limits::REFRESH_GRACE},
    store::Rotation,
};

use crate::world::World;

pub(crate) async fn a_generation_is_spent_once(world: World) {
    let ada = world.user("ada").await;
    let session = world.sign_in(ada.id).await;
    let now = world.now();
    let later = now.plus_seconds(7200);
    let mut callers = Vec::new();
    for _ in 0..10 {
        let store = world.store.clone();
        callers.push(tokio::spawn(async move { store.rotate_auth_session(session.id, 0, now, later).await.unwrap() }));
    }
    let mut rotated = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Rotation::Rotated { user, generation } => {
                assert_eq!((user, generation), (ada.id, 1));
                rotated += 1;
            }
            other => assert_eq!(other, Rotation::Repeated { user: ada.id, generation: 1 }),
        }
    }
    assert_eq!(rotated, 1);
    let stored = world.store.auth_session(session.id).await.unwrap().unwrap();
    assert_eq!((stored.generation, stored.used_at, stored.expires_at), (1, now, later));
    assert_eq!((stored.user, stored.created_at, stored.revoked), (ada.id, session.created_at, false));
    assert_eq!((stored.user_agent.as_str(), stored.address.as_str()), ("a browser", "192.0.2.1"));
}

pub(crate) async fn a_repetition_gets_the_unused_successor(world: World) {
    let ada = world.user("ada").await;
    let session = world.sign_in(ada.id).await;
    let now = world.now();
    let expires = now.plus_seconds(7200);
    let rotate = |generation, at| world.store.rotate_auth_session(session.id, generation, at, expires);
    let grace = i64::try_from(REFRESH_GRACE.as_millis()).unwrap();
    assert_eq!(rotate(0, now).await.unwrap(), Rotation::Rotated { user: ada.id, generation: 1 });
    let in_time = now.plus_millis(grace);
    assert_eq!(rotate(0, in_time).await.unwrap(), Rotation::Repeated { user: ada.id, generation: 1 });
    assert_eq!(rotate(1, in_time).await.unwrap(), Rotation::Rotated { user: ada.id, generation: 2 });
    // The successor is used now: generation 0 is two behind.
    assert_eq!(rotate(0, in_time).await.unwrap(), Rotation::Reused { user: ada.id });
    assert_eq!(rotate(2, in_time).await.unwrap(), Rotation::Ended);
}

pub(crate) async fn reuse_ends_the_family(world: World) {
    let ada = world.user("ada").await;
    let session = world.sign_in(ada.id).await;
    let other = world.sign_in(ada.id).await;
    let now = world.now();
    let expires = now.plus_seconds(7200);
    world.store.rotate_auth_session(session.id, 0, now, expires).await.unwrap();
    let late = now.plus_millis(i64::try_from(REFRESH_GRACE.as_millis()).unwrap() + 1);
    let reused = world.store.rotate_auth_session(session.id, 0, late, expires).await.unwrap();
    assert_eq!(reused, Rotation::Reused { user: ada.id });
    assert!(world.store.auth_session(session.id).await.unwrap().unwrap().revoked);
    assert_eq!(world.store.rotate_auth_session(session.id, 1, late, expires).await.unwrap(), Rotation::Ended);
    assert!(!world.store.auth_session(other.id).await.unwrap().unwrap().revoked);
}

pub(crate) async fn the_expired_and_the_unknown_are_over(world: World) {
    let ada = world.user("ada").await;
    let session = world.sign_in(ada.id).await;
    let late = session.expires_at;
    let expires = late.plus_seconds(7200);
    assert_eq!(world.store.rotate_auth_session(session.id, 0, late, expires).await.unwrap(), Rotation::Ended);
    let early = session.created_at;
    assert_eq!(world.store.rotate_auth_session(session.id, 5, early, expires).await.unwrap(), Rotation::Ended);
    assert!(!world.store.auth_session(session.id).await.unwrap().unwrap().revoked);
    let unknown = AuthSessionId::fresh();
    assert_eq!(world.store.rotate_auth_session(unknown, 0, early, expires).await.unwrap(), Rotation::Ended);
    assert_eq!(world.store.auth_session(unknown).await.unwrap(), None);
}

pub(crate) async fn ending_all_but_one(world: World) {
    let (ada, mio) = (world.user("ada").await, world.user("mio").await);
    let (first, second, third) =
        (world.sign_in(ada.id).await, world.sign_in(ada.id).await, world.sign_in(ada.id).await);
    let others = world.sign_in(mio.id).await;
    world.store.revoke_auth_session(first.id).await.unwrap();
    world.store.revoke_auth_session(first.id).await.unwrap();
    world.store.revoke_auth_session(AuthSessionId::fresh()).await.unwrap();
    let ids = |all: Vec<charge::store::AuthSessionRecord>| all.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(world.store.auth_sessions_of(ada.id).await.unwrap()), [third.id, second.id]);
    assert_eq!(world.store.revoke_auth_sessions_of(ada.id, Some(third.id)).await.unwrap(), [second.id]);
    assert_eq!(world.store.revoke_auth_sessions_of(ada.id, None).await.unwrap(), [third.id]);
    assert!(world.store.auth_sessions_of(ada.id).await.unwrap().is_empty());
    assert_eq!(ids(world.store.auth_sessions_of(mio.id).await.unwrap()), [others.id]);
}
