//! Passwords: what is accepted, how it is kept (Argon2id), how it is checked.
//! Hashing takes tens of milliseconds, so it runs beside the runtime and never
//! inside a transaction.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::error::{Error, Result};
use crate::model::secret::Secret;

/// Shortest password, in characters (NIST SP 800-63B-4 asks for 8 with a second
/// factor and 15 without; most people here will have none).
const MIN_CHARACTERS: usize = 10;
/// Longest password, in bytes: a hash of a megabyte would be a cheap attack.
const MAX_BYTES: usize = 1_000;

/// Refuses what is too short, too long or all one character.
///
/// # Errors
/// `Invalid`, naming the parameter `password`.
pub fn check(password: &Secret) -> Result<()> {
    let text = password.expose();
    let count = text.chars().count();
    if count < MIN_CHARACTERS {
        return Err(Error::Invalid(format!(
            "password: must have at least {MIN_CHARACTERS} characters"
        )));
    }
    if text.len() > MAX_BYTES {
        return Err(Error::Invalid(format!("password: must have at most {MAX_BYTES} bytes")));
    }
    let first = text.chars().next();
    if text.chars().all(|c| Some(c) == first) {
        return Err(Error::Invalid("password: is one character repeated".into()));
    }
    Ok(())
}

/// Argon2id with the parameters that OWASP recommends (19 MiB, 2 passes).
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The password as it is kept, in PHC format with a random salt.
pub async fn hash(password: &Secret) -> Result<String> {
    let password = password.clone();
    beside(move || {
        argon2()
            .hash_password(password.expose().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|cause| Error::bug("hashing a password", cause))
    })
    .await
}

/// Is it the password that was kept? An overlong one is not looked at.
pub async fn verify(password: &Secret, kept: &str) -> Result<bool> {
    if password.expose().len() > MAX_BYTES {
        return Ok(false);
    }
    let (password, kept) = (password.clone(), kept.to_owned());
    beside(move || {
        let kept = PasswordHash::new(&kept)
            .map_err(|cause| Error::bug("reading a kept password", cause))?;
        Ok(argon2().verify_password(password.expose().as_bytes(), &kept).is_ok())
    })
    .await
}

async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|cause| Error::internal("hashing a password", cause))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kept_password_is_salted_and_verifies() {
        let password = Secret::new("correct horse battery");
        let kept = hash(&password).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash(&password).await.unwrap());
        assert!(verify(&password, &kept).await.unwrap());
        assert!(!verify(&Secret::new("correct horse batterx"), &kept).await.unwrap());
        assert!(!verify(&Secret::new("x".repeat(MAX_BYTES + 1)), &kept).await.unwrap());
        assert!(verify(&password, "plain").await.is_err());
    }

    #[test]
    fn weak_passwords_are_refused_by_name() {
        for weak in ["", "short", "123456789", "aaaaaaaaaaaa", &"ab".repeat(MAX_BYTES)] {
            let error = check(&Secret::new(weak)).unwrap_err().to_string();
            assert!(error.starts_with("password: "), "{error}");
        }
        assert!(check(&Secret::new("correct horse")).is_ok());
        assert!(check(&Secret::new("пароль-пароль")).is_ok());
    }
}
