//! Sign-ins: families of refresh tokens.
//!
//! Owns `auth_sessions` and the compare-and-set of a generation. Never sees a token.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{Sqlite, rows};
use crate::{
    domain::{AuthSessionId, Timestamp, UserId, limits::REFRESH_GRACE},
    store::{AuthSessionRecord, NewAuthSession, Result, Rotation},
};

async fn open(conn: &mut SqliteConnection, session: NewAuthSession) -> Result<()> {
    let sql = "DELETE FROM auth_sessions WHERE user_id = ?1 AND expires_at <= ?2";
    sqlx::query(sql).bind(session.user.0).bind(session.created_at.as_millis()).execute(&mut *conn).await?;
    let sql = "INSERT INTO auth_sessions (id, user_id, created_at, used_at, expires_at, user_agent, address) \
               VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)";
    sqlx::query(sql)
        .bind(session.id.0)
        .bind(session.user.0)
        .bind(session.created_at.as_millis())
        .bind(session.expires_at.as_millis())
        .bind(session.user_agent)
        .bind(session.address)
        .execute(conn)
        .await?;
    Ok(())
}

async fn rotate(
    conn: &mut SqliteConnection,
    id: AuthSessionId,
    generation: u64,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Rotation> {
    let row = sqlx::query("SELECT * FROM auth_sessions WHERE id = ?1").bind(id.0).fetch_optional(&mut *conn).await?;
    let Some(session) = row.as_ref().map(rows::auth_session).transpose()? else {
        return Ok(Rotation::Ended);
    };
    // A generation not given out yet comes from before a restored backup; it proves nothing against the family.
    if session.revoked || session.expires_at <= now || generation > session.generation {
        return Ok(Rotation::Ended);
    }
    let user = session.user;
    if generation == session.generation {
        let next = generation.saturating_add(1);
        let sql = "UPDATE auth_sessions SET generation = ?2, used_at = ?3, expires_at = ?4 WHERE id = ?1";
        sqlx::query(sql)
            .bind(id.0)
            .bind(rows::int(next))
            .bind(now.as_millis())
            .bind(expires_at.as_millis())
            .execute(conn)
            .await?;
        return Ok(Rotation::Rotated { user, generation: next });
    }
    let grace = i64::try_from(REFRESH_GRACE.as_millis()).unwrap_or(i64::MAX);
    // The successor is unused by definition: using it would have made a further generation.
    if generation.saturating_add(1) == session.generation && now.since(session.used_at) <= grace {
        return Ok(Rotation::Repeated { user, generation: session.generation });
    }
    revoke(conn, id).await?;
    Ok(Rotation::Reused { user })
}

async fn revoke(conn: &mut SqliteConnection, id: AuthSessionId) -> Result<()> {
    sqlx::query("UPDATE auth_sessions SET revoked = 1 WHERE id = ?1").bind(id.0).execute(conn).await?;
    Ok(())
}

async fn revoke_all(
    conn: &mut SqliteConnection,
    user: UserId,
    keep: Option<AuthSessionId>,
) -> Result<Vec<AuthSessionId>> {
    let sql = "UPDATE auth_sessions SET revoked = 1 \
               WHERE user_id = ?1 AND revoked = 0 AND (?2 IS NULL OR id <> ?2) RETURNING id";
    let ended: Vec<Uuid> = sqlx::query_scalar(sql).bind(user.0).bind(keep.map(|id| id.0)).fetch_all(conn).await?;
    Ok(ended.into_iter().map(AuthSessionId).collect())
}

impl Sqlite {
    /// See [`crate::store::Store::open_auth_session`].
    pub(crate) async fn open_auth_session(&self, session: NewAuthSession) -> Result<()> {
        self.write(|conn| Box::pin(open(conn, session))).await
    }

    /// See [`crate::store::Store::rotate_auth_session`].
    pub(crate) async fn rotate_auth_session(
        &self,
        id: AuthSessionId,
        generation: u64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Rotation> {
        self.write(move |conn| Box::pin(rotate(conn, id, generation, now, expires_at))).await
    }

    /// See [`crate::store::Store::auth_session`].
    pub(crate) async fn auth_session(&self, id: AuthSessionId) -> Result<Option<AuthSessionRecord>> {
        let sql = "SELECT * FROM auth_sessions WHERE id = ?1";
        let row = sqlx::query(sql).bind(id.0).fetch_optional(&self.readers).await?;
        row.as_ref().map(rows::auth_session).transpose()
    }

    /// See [`crate::store::Store::auth_sessions_of`].
    pub(crate) async fn auth_sessions_of(&self, user: UserId) -> Result<Vec<AuthSessionRecord>> {
        let sql = "SELECT * FROM auth_sessions WHERE user_id = ?1 AND revoked = 0 ORDER BY created_at DESC, id DESC";
        let rows = sqlx::query(sql).bind(user.0).fetch_all(&self.readers).await?;
        rows.iter().map(rows::auth_session).collect()
    }

    /// See [`crate::store::Store::revoke_auth_session`].
    pub(crate) async fn revoke_auth_session(&self, id: AuthSessionId) -> Result<()> {
        self.write(move |conn| Box::pin(revoke(conn, id))).await
    }

    /// See [`crate::store::Store::revoke_auth_sessions_of`].
    pub(crate) async fn revoke_auth_sessions_of(
        &self,
        user: UserId,
        keep: Option<AuthSessionId>,
    ) -> Result<Vec<AuthSessionId>> {
        self.write(move |conn| Box::pin(revoke_all(conn, user, keep))).await
    }
}
