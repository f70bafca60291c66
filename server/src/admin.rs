//! Floor 4: `charge admin`: accounts and the setup link, for whoever holds the machine.
//!
//! Owns what is printed, a new password included, once. Never bypasses the store.

use std::io::{self, BufRead as _};

use crate::{
    app::{AppError, fresh_setup_link, public_url, store_options},
    auth::Passwords,
    config::{AdminCommand, Config},
    domain::{Password, Username},
    metrics::Metrics,
    store::{Store, UserRecord},
    terminal::{complain, say, table},
};

/// Bytes of randomness in a password made here; 22 characters of base64url.
const PASSWORD_BYTES: usize = 16;
/// Accounts read at a time.
const PAGE: u32 = 500;

/// Does it.
///
/// # Errors
/// See [`AppError`].
pub async fn run(config: &Config, command: AdminCommand) -> Result<(), AppError> {
    let metrics = Metrics::new().map_err(|error| AppError::Metrics(error.to_string()))?;
    let (store, mut committed) = Store::open(&store_options(&config.settings), &metrics).await?;
    // Nothing here writes to the log, but an unread queue would hold up whoever does.
    tokio::spawn(async move { while committed.recv().await.is_some() {} });
    let done = match command {
        AdminCommand::Users => users(&store).await,
        AdminCommand::ResetPassword { username, stdin } => reset_password(&store, &metrics, &username, stdin).await,
        AdminCommand::SetupLink => {
            let url = public_url(&config.settings, config.settings.server.listen)?;
            fresh_setup_link(&store, &url).await.map(|link| say(&link)).map_err(AppError::from)
        }
    };
    store.close().await;
    done
}

async fn users(store: &Store) -> Result<(), AppError> {
    let mut rows = vec![["username", "name", "kind", "since", "id"].map(str::to_owned).to_vec()];
    let mut after = None;
    loop {
        let page = store.users(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        rows.extend(page.iter().map(row));
    }
    say(&table(&rows));
    Ok(())
}

fn row(user: &UserRecord) -> Vec<String> {
    let kind = match user {
        UserRecord { deleted: true, .. } => "deleted",
        UserRecord { guest: true, .. } => "guest",
        UserRecord { admin: true, .. } => "admin",
        _ => "account",
    };
    vec![
        user.username.clone(),
        user.display_name.clone(),
        kind.to_owned(),
        user.created_at.to_string(),
        user.id.to_string(),
    ]
}

async fn reset_password(store: &Store, metrics: &Metrics, name: &str, stdin: bool) -> Result<(), AppError> {
    let unknown = || AppError::Refused(format!("there is no account {name:?} (charge admin users lists them)"));
    let username = Username::parse(name).map_err(|_| unknown())?;
    let user = store.user_by_name(&username).await?.filter(|user| !user.deleted).ok_or_else(unknown)?;
    if user.guest {
        return Err(AppError::Refused(format!("{name} is a guest and has no password")));
    }
    let text = if stdin { first_line()? } else { turn_secret::keyring::random_secret(PASSWORD_BYTES) };
    let password = Password::parse(&text).map_err(|error| AppError::Refused(format!("the new password {error}")))?;
    let hash = Passwords::for_this_machine(metrics.password_hashes.clone())?.hash(password).await?;
    store.set_password(user.id, &hash).await?;
    let ended = store.revoke_auth_sessions_of(user.id, None).await?;
    if !stdin {
        say(&text);
    }
    complain(&format!("the password of {username} is new, {} sign-ins ended", ended.len()));
    Ok(())
}

fn first_line() -> Result<String, AppError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
