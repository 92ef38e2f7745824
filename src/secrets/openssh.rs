//! A fresh Ed25519 key pair in OpenSSH's formats (PROTOCOL.key of OpenSSH;
//! the public half as in RFC 4253 section 6.6 and RFC 8709).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::model::secret::Secret;

const KIND: &[u8] = b"ssh-ed25519";
/// Unencrypted keys are padded to this many bytes.
const BLOCK: usize = 8;
/// Characters of one line of the private file.
const LINE: usize = 70;

/// A key pair as ssh reads it.
#[derive(Debug)]
pub struct SshKeyPair {
    /// A line of `authorized_keys`.
    pub public: String,
    /// A private key file.
    pub private: Secret,
}

/// A fresh key pair; `comment` is for people.
pub fn generate(comment: &str) -> SshKeyPair {
    let seed = super::random::<32>();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed has 32 bytes");
    let public = [string(KIND), string(pair.public_key().as_ref())].concat();
    let check = super::random::<4>();
    let secret = [&seed[..], pair.public_key().as_ref()].concat();
    let mut inner = [&check[..], &check[..], &public, &string(&secret)].concat();
    inner.extend(string(comment.as_bytes()));
    let padding = (BLOCK - inner.len() % BLOCK) % BLOCK;
    inner.extend((1..=padding).map(|at| at as u8));
    let file = [
        b"openssh-key-v1\0".to_vec(),
        string(b"none"),
        string(b"none"),
        string(b""),
        1_u32.to_be_bytes().to_vec(),
        string(&public),
        string(&inner),
    ]
    .concat();
    let encoded = STANDARD.encode(file);
    let mut text = String::from("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    for line in encoded.as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    SshKeyPair {
        public: format!("ssh-ed25519 {} {comment}", STANDARD.encode(&public)),
        private: Secret::new(text),
    }
}

/// `SHA256:..` as ssh shows it; `None` unless `key` is base64.
pub fn fingerprint(key: &str) -> Option<String> {
    let bytes = STANDARD.decode(key).ok()?;
    let hash = digest::digest(&digest::SHA256, &bytes);
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(hash)))
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("key material is short");
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn ssh_reads_the_private_key_and_finds_the_public_one_in_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for comment in ["", "shipmate", "a comment that is longer than one line of the file"] {
            let pair = generate(comment);
            let file = dir.path().join("key");
            std::fs::write(&file, pair.private.expose()).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            let output =
                Command::new("ssh-keygen").arg("-y").arg("-f").arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said.trim(), pair.public.trim(), "{output:?}");
        }
        assert_ne!(generate("x").public, generate("x").public);
    }
}
