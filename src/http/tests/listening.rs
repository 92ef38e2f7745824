//! What only shows on a real socket: raw request lines and large bodies.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn connect() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, axum::ServiceExt::<Request>::into_make_service(door())).await
    });
    TcpStream::connect(address).await.unwrap()
}

/// Sends `head` and then `body` bytes, all of which the server must take, and
/// reads until the server closes.
async fn talk(head: &str, body: usize) -> String {
    let (mut reader, mut writer) = connect().await.into_split();
    let head = format!("{head}\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n");
    let sending = async move {
        writer.write_all(head.as_bytes()).await?;
        let chunk = vec![b'x'; 64 << 10];
        let mut left = body;
        while left > 0 {
            let size = left.min(chunk.len());
            writer.write_all(&chunk[..size]).await?;
            left -= size;
        }
        std::io::Result::Ok(writer)
    };
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer));
    let (sent, read) = tokio::join!(sending, reading);
    sent.expect("the server reads on until the client has finished");
    read.expect("the server closes the connection").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn raw_request_lines() {
    for (line, status) in [
        ("GET //v1/apps HTTP/1.1", "200"),
        ("GET /v1/apps/?a=b/c HTTP/1.1", "200"),
        ("HEAD ///v1/apps HTTP/1.1", "200"),
        ("GET http://other.example//v1/apps/ HTTP/1.1", "200"),
        ("OPTIONS * HTTP/1.1", "404"),
        ("OPTIONS //v1/x HTTP/1.1", "204"),
        ("GET // HTTP/1.1", "404"),
        ("POST /v1/params HTTP/1.1", "200"),
        ("POST /v1/params HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 0", "200"),
    ] {
        let answer = talk(&format!("{line}\r\nConnection: close"), 0).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains("\r\nx-request-id: "), "{answer}");
    }
}

#[tokio::test]
async fn ten_megabytes_are_answered_with_413() {
    let head = format!(
        "POST /v1/params HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}",
        10 << 20
    );
    let answer = talk(&head, 10 << 20).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/json; charset=utf-8"), "{answer}");
    assert!(answer.ends_with("{\"error\":\"Request body too large\"}"), "{answer}");
}

#[tokio::test]
async fn a_huge_announcement_is_refused_without_reading() {
    for head in [
        "POST /v1/params HTTP/1.1\r\nContent-Length: 99999999999",
        "POST /v1/params HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 300000",
    ] {
        let answer = talk(head, 0).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{head}: {answer}");
    }
}

#[tokio::test]
async fn a_chunked_body_is_limited_as_well() {
    let parts = (0..20).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 64 << 10]));
    let body = Body::from_stream(futures_util::stream::iter(parts));
    let sent = request("POST", "/v1/params").header("content-type", "application/json");
    send(sent.body(body).unwrap()).await.is_error(413, "Request body too large");

    let broken = [Ok(vec![b'{']), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(broken));
    let sent = request("POST", "/v1/params").header("content-type", "application/json");
    send(sent.body(body).unwrap()).await.is_error(400, "The body ended early");
}

#[tokio::test]
async fn exactly_the_limit_is_read() {
    for (size, status) in [(256 << 10, 200), ((256 << 10) + 1, 413)] {
        let body = format!("{{\"x\":\"{}\"}}", "x".repeat(size - 8));
        assert_eq!(body.len(), size);
        let sent = request("POST", "/v1/params").header("content-type", "application/json");
        assert_eq!(send(sent.body(body.into()).unwrap()).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_panic_does_not_cost_the_connection() {
    let mut stream = connect().await;
    for expected in ["HTTP/1.1 500 ", "HTTP/1.1 500 "] {
        let line = format!("GET /v1/panic HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n");
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("{\"error\":\"Internal Server Error\"}") {
            let mut buffer = [0; 1024];
            let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer));
            let size = read.await.unwrap().unwrap();
            assert_ne!(size, 0, "closed after {answer}");
            answer.push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn methods_keep_their_meaning_after_routing() {
    let cancel = request("POST", &format!("/v1/builds/{ID}/cancel")).body(Body::empty()).unwrap();
    assert_eq!(cancel.method(), Method::POST);
    let answer = send(cancel).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert!(!answer.headers.contains_key(header::CONTENT_TYPE));
}
