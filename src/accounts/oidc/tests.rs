//! Where browsers are sent, for the providers that are not asked first.

use super::*;
use crate::model::ids::IdentityProviderId;

fn provider(kind: ProviderKind, base_url: &str) -> IdentityProvider {
    IdentityProvider {
        id: IdentityProviderId::generate(Millis(0)),
        kind,
        name: "X".into(),
        base_url: base_url.into(),
        client_id: "a b&c".into(),
        require_sso: false,
        trusts_emails: false,
        enabled: true,
        created_at: Millis(0),
        domains: Vec::new(),
    }
}

#[test]
fn the_parts_of_a_proof_differ_and_come_from_its_secret() {
    let (one, same) = (Proof::of(&Secret::new("smf_a")), Proof::of(&Secret::new("smf_a")));
    let other = Proof::of(&Secret::new("smf_b"));
    assert_eq!((&one.state, &one.nonce, &one.verifier), (&same.state, &same.nonce, &same.verifier));
    let all = [
        &one.state,
        &one.nonce,
        one.verifier.expose(),
        &one.challenge(),
        &other.state,
        &other.nonce,
        other.verifier.expose(),
    ];
    for (at, text) in all.iter().enumerate() {
        assert_eq!(text.len(), 43);
        assert!(!all[..at].contains(text), "{text}");
    }
    // RFC 7636 appendix B.
    let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let known = Proof { verifier, ..one };
    assert_eq!(known.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn github_com_and_an_enterprise_have_their_own_places() {
    let secret = Secret::new("s");
    let proof = Proof::of(&Secret::new("smf_a"));
    for (base, api) in [
        ("https://github.com", "https://api.github.com"),
        ("https://git.example.org", "https://git.example.org/api/v3"),
    ] {
        let provider = provider(ProviderKind::Github, base);
        assert_eq!(github::api_url(&provider), api);
        let redirect_uri = "https://ci.example.org/sign-in/callback";
        let client = Client { provider: &provider, secret: &secret, redirect_uri };
        let url = Url::parse(&authorization_url(&client, &proof).await.unwrap()).unwrap();
        assert!(url.as_str().starts_with(&format!("{base}/login/oauth/authorize?")), "{url}");
        let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let get = |name: &str| query.get(name).map(String::as_str);
        assert_eq!(get("client_id"), Some("a b&c"));
        assert_eq!(get("redirect_uri"), Some(redirect_uri));
        assert_eq!(get("scope"), Some("read:user user:email"));
        assert_eq!(get("state"), Some(proof.state.as_str()));
        assert_eq!(get("code_challenge_method"), Some("S256"));
        assert_eq!((get("nonce"), get("client_secret")), (None, None));
    }
}

#[test]
fn a_subject_is_short_plain_text() {
    let person = |subject: &str| Person {
        subject: subject.into(),
        email: None,
        email_verified: None,
        name: Some(" \n\u{7} ".into()),
    };
    assert_eq!(person("auth0|5f 7").checked().unwrap().name, None);
    for wrong in ["", "a\nb", "zoë", &"a".repeat(256)] {
        assert!(matches!(person(wrong).checked(), Err(Fault::Distrusted(_))), "{wrong}");
    }
}
