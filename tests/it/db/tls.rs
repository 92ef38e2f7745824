//! PostgreSQL behind TLS: what `sslmode` promises is kept. The server is the
//! one of the tests; its encryption is a relay of ours in front of it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use shipmate::db::{self, Db};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{add_app, read, write};
use crate::harness::database::{Kind, TestDb, tell};

/// The eight bytes with which a client asks for TLS (PostgreSQL, "SSLRequest").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Relays to the database; answers `S` and speaks TLS, or `N` without one.
async fn relay(tls: Option<TlsAcceptor>, server: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (tls, server) = (tls.clone(), server.clone());
            tokio::spawn(async move {
                let mut asked = [0; 8];
                client.read_exact(&mut asked).await?;
                assert_eq!(asked, SSL_REQUEST, "the client spoke before it asked");
                let Some(tls) = tls else { return client.write_all(b"N").await };
                client.write_all(b"S").await?;
                let mut client = tls.accept(client).await?;
                let mut server = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
            });
        }
    });
    port
}

fn openssl(dir: &Path, line: &str) {
    let output = Command::new("openssl").current_dir(dir).args(line.split(' ')).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `ca.pem`, `other.pem` and a certificate for `localhost`, signed by the first.
fn certificates(dir: &Path) -> TlsAcceptor {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        let out = format!("-subj /CN={name} -days 2 -keyout {name}.key -out {name}.pem");
        openssl(dir, &format!("req -x509 {key} {out}"));
    }
    openssl(dir, &format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let signed = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(dir, &format!("{signed} -extfile names -out server.pem"));
    let chain = vec![CertificateDer::from_pem_file(dir.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The database's URL by way of another host, with a query.
fn by_way_of(db: &TestDb, host: &str, query: &str) -> String {
    let (rest, _) = db.url().split_once('?').unwrap_or((db.url(), ""));
    let (before, after) = rest.rsplit_once('@').unwrap();
    let name = after.rsplit_once('/').unwrap().1;
    format!("{before}@{host}/{name}?{query}")
}

#[test]
fn each_ssl_mode_keeps_its_promise() {
    tell(module_path!(), Kind::Postgres, |db| async move {
        db.open().await.close().await;
        let dir = tempfile::tempdir().unwrap();
        let address = db.url().rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        let tls = relay(Some(certificates(dir.path())), address.clone()).await;
        let plain = relay(None, address).await;
        let root = |name: &str| format!("sslrootcert={}", dir.path().join(name).display());
        for (host, port, query, works) in [
            ("localhost", tls, "sslmode=require".to_owned(), true),
            ("localhost", tls, format!("sslmode=verify-full&{}", root("ca.pem")), true),
            ("127.0.0.1", tls, format!("sslmode=verify-ca&{}", root("ca.pem")), true),
            // Not the name that the certificate is for.
            ("127.0.0.1", tls, format!("sslmode=verify-full&{}", root("ca.pem")), false),
            ("localhost", tls, format!("sslmode=verify-full&{}", root("other.pem")), false),
            // No root that this machine trusts.
            ("localhost", tls, "sslmode=verify-full".to_owned(), false),
            ("localhost", plain, "sslmode=require".to_owned(), false),
            ("localhost", plain, format!("sslmode=verify-full&{}", root("ca.pem")), false),
        ] {
            let url = by_way_of(&db, &format!("{host}:{port}"), &query);
            match Db::open_postgres(&url).await {
                Ok(open) => {
                    assert!(works, "{host} {query} was let in");
                    let mut tx = write(&open).await;
                    let id = add_app(&mut tx).await;
                    tx.commit().await.unwrap();
                    assert!(db::apps::find(&mut read(&open).await, &id).await.unwrap().is_some());
                    open.close().await;
                }
                Err(error) => assert!(!works, "{host} {query}: {error}"),
            }
        }
    });
}
