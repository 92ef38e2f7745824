//! Error bodies, panics, deadlines, overload, metrics (api.md 1.5).

use futures_util::future::poll_immediate;

use super::*;
use crate::http::error::Fault;

#[tokio::test]
async fn every_error_has_its_code_and_text() {
    let io = || std::io::Error::other("secret detail");
    for (error, status, text) in [
        (Error::not_found(), 404, "Not Found"),
        (Error::NotFound("Branch not found".into()), 404, "Branch not found"),
        (Error::Forbidden("Read-only access"), 403, "Read-only access"),
        (Error::Conflict("lost the lease".into()), 409, "lost the lease"),
        (Error::invalid_parameter("limit"), 400, "Invalid value for parameter \"limit\""),
        (Error::Unavailable("pool is empty".into()), 503, "Service Unavailable"),
        (Error::Timeout("git took 30 s".into()), 504, "Gateway Time-out"),
        (Error::internal("reading", io()), 500, "Internal Server Error"),
    ] {
        let response = Fault::from(error).into_response();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1000).await.unwrap().to_vec();
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        answer.is_error(status, text);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
}

/// A writer that keeps what was logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `request` and gives what was logged, one JSON object per line.
fn logged_by(request: Request) -> (Answer, Vec<Value>) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let answer = tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(send(request))
    });
    let bytes = log.0.lock().unwrap().clone();
    let lines = String::from_utf8(bytes).unwrap();
    (answer, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn causes_go_to_the_log_with_the_request_id_and_nowhere_else() {
    for (target, cause) in [
        ("/v1/fail?key=hidden", "reading a row: secret detail"),
        ("/v1/panic?key=hidden", "a handler panicked: handler's own words"),
    ] {
        let request = request("GET", target).header("x-request-id", "req-1");
        let (answer, lines) = logged_by(request.body(Body::empty()).unwrap());
        answer.is_error(500, "Internal Server Error");
        assert_eq!(answer.header("x-request-id"), "req-1");
        let failure = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
        assert_eq!(failure["fields"]["cause"], cause);
        assert_eq!(failure["fields"]["request_id"], "req-1");
        assert!(!lines.iter().any(|line| line.to_string().contains("hidden")), "{lines:?}");
    }
}

#[test]
fn the_access_log_knows_the_route_but_not_the_query() {
    let target = format!("//v1/builds/{ID}?key=hidden");
    let (_, lines) = logged_by(request("GET", &target).body(Body::empty()).unwrap());
    let line = lines.iter().find(|line| line["target"] == "shipmate::access").unwrap();
    let fields = &line["fields"];
    assert_eq!(fields["route"], "/v1/builds/{id}");
    assert_eq!((&fields["method"], &fields["status"]), (&json!("GET"), &json!(200)));
    assert!(fields["micros"].is_u64() && fields["request_id"].is_string());
    assert!(!lines.iter().any(|line| line.to_string().contains("hidden")), "{lines:?}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_a_504() {
    let limits = Limits { deadline: Duration::from_millis(10), ..Limits::default() };
    let door = Door::new(router(), authenticate(), Metrics::new(), limits);
    let answer = send_to(door, request("GET", "/v1/never").body(Body::empty()).unwrap()).await;
    answer.is_error(504, "Gateway Time-out");
}

#[tokio::test]
async fn agents_have_no_deadline_and_take_no_slots() {
    let limits = Limits { deadline: Duration::ZERO, max_concurrent: 1 };
    let door = Door::new(router(), authenticate(), Metrics::new(), limits);
    let mut polls: Vec<_> =
        (0..3).map(|_| door.clone().oneshot(bare("PUT", "/agent/v1/never"))).collect();
    for poll in &mut polls {
        assert!(poll_immediate(poll).await.is_none());
    }
    let page = send_to(door, bare("GET", "/page")).await;
    assert_eq!(page.status, 200, "a handler that is ready at once beats any deadline");
}

#[tokio::test]
async fn overload_is_refused_and_ends() {
    let release = Arc::new(Notify::new());
    let wait = Arc::clone(&release);
    let router = router().route(
        "/v1/wait",
        get(move || async move {
            wait.notified().await;
            reply::no_content()
        }),
    );
    let limits = Limits { max_concurrent: 1, ..Limits::default() };
    let door = Door::new(router, authenticate(), Metrics::new(), limits);
    let mut waiting = std::pin::pin!(send_to(
        door.clone(),
        request("GET", "/v1/wait").body(Body::empty()).unwrap()
    ));
    assert!(poll_immediate(&mut waiting).await.is_none());

    let refused = send_to(door.clone(), bare("GET", "/v1/apps")).await;
    refused.is_error(503, "Service Unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(send_to(door.clone(), bare("GET", "/healthz")).await.status, 200);

    release.notify_one();
    assert_eq!(waiting.await.status, 204);
    assert_eq!(send_to(door, bare("GET", "/page")).await.status, 200);
}

#[tokio::test]
async fn metrics_count_routes_not_paths() {
    let metrics = Metrics::new();
    let door = Door::new(router(), authenticate(), metrics.clone(), Limits::default());
    for target in [format!("/v1/builds/{ID}"), "/v1/builds/1".into(), "/v1/x/y".into()] {
        send_to(door.clone(), request("GET", &target).body(Body::empty()).unwrap()).await;
    }
    send_to(door.clone(), request("BREW", "/v1/apps").body(Body::empty()).unwrap()).await;
    metrics.set_builds(crate::model::build::BuildStatus::Queued, 7);
    metrics.count_ended_build(crate::model::build::BuildStatus::Failed);
    metrics.add_log_bytes(11);
    let text = metrics.render().unwrap();
    for line in [
        r#"shipmate_http_requests_total{method="GET",route="/v1/builds/{id}",status="200"} 1"#,
        r#"shipmate_http_requests_total{method="GET",route="/v1/builds/{id}",status="404"} 1"#,
        r#"shipmate_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"shipmate_http_requests_total{method="other",route="/v1/apps",status="404"} 1"#,
        r#"shipmate_http_request_duration_seconds_count{route="/v1/builds/{id}"} 2"#,
        r#"shipmate_builds{status="queued"} 7"#,
        "shipmate_queue_length 7",
        r#"shipmate_builds_ended_total{status="failed"} 1"#,
        "shipmate_log_bytes_total 11",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains(ID));
}
