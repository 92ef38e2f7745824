//! Paging (api.md 1.6).

use super::*;
use crate::http::page::{Cursor, PageRequest, SizeName};

/// Twenty-five items, two of each moment, newest first.
fn items() -> Vec<(Millis, String)> {
    (0..25).rev().map(|n| (Millis(1_000 + n / 2), format!("{:024x}", n + 1))).collect()
}

async fn list(params: Params) -> Result<Response> {
    let page = PageRequest::read(&params, SizeName::Limit)?;
    let after = |item: &(Millis, String)| match &page.from {
        None => true,
        Some(from) => {
            let id = from.id::<BuildId>().map(|id| id.to_string()).unwrap_or_default();
            (item.0, &item.1) < (from.created_at, &id)
        }
    };
    let fetch = usize::try_from(page.fetch()).unwrap();
    let mut rows: Vec<_> = items().into_iter().filter(after).take(fetch).collect();
    let more = page.cut(&mut rows);
    let ids: Vec<&String> = rows.iter().map(|row| &row.1).collect();
    let mut response = reply::ok(&ids)?;
    if let Some((at, id)) = rows.last().filter(|_| more) {
        let link = page.next_link(&params, &["branch", "scheme"], &Cursor::new(*at, id)?)?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

async fn page(target: &str) -> Answer {
    let router = Router::new().route("/v1/apps/{id}/build", get(list)).route("/v1/list", get(list));
    let door = Door::new(router, authenticate(), Metrics::new(), Limits::default());
    send_to(door, request("GET", target).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn following_links_sees_every_item_once() {
    for (target, sizes) in [
        ("/v1/list", vec![10, 10, 5]),
        ("/v1/list?limit=5", vec![5; 5]),
        ("/v1/list?limit=25", vec![25]),
        ("/v1/list?pageSize=24", vec![24, 1]),
        ("/v1/list?limit=&pageSize=", vec![10, 10, 5]),
    ] {
        let (mut target, mut seen, mut got) = (target.to_owned(), Vec::new(), Vec::new());
        loop {
            let answer = page(&target).await;
            let ids = answer.json().as_array().unwrap().clone();
            got.push(ids.len());
            seen.extend(ids.into_iter().map(|id| id.as_str().unwrap().to_owned()));
            let link = answer.header("link");
            if link.is_empty() {
                break;
            }
            let path = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\""));
            // As the known client does: base URL with a slash, then the link.
            target = format!("/{}", path.unwrap());
        }
        assert_eq!(got, sizes, "{target}");
        let all: Vec<String> = items().into_iter().map(|item| item.1).collect();
        assert_eq!(seen, all);
    }
}

#[tokio::test]
async fn the_link_keeps_path_filters_and_size() {
    for (target, start) in [
        (format!("/v1/apps/{ID}/build?limit=2"), format!("</v1/apps/{ID}/build?limit=2&from=")),
        (format!("//v1/apps//{ID}/build/"), format!("</v1/apps/{ID}/build?limit=10&from=")),
        (
            "/v1/list?other=1&pageSize=3&scheme=Unit+Tests%20-%20%C3%A9&branch=a/b%26c%3E&from="
                .into(),
            "</v1/list?branch=a%2Fb%26c%3E&scheme=Unit+Tests+-+%C3%A9&pageSize=3&from=".into(),
        ),
    ] {
        let answer = page(&target).await;
        let link = answer.header("link");
        assert!(link.starts_with(&start), "{link}\nshould start\n{start}");
        assert!(link.ends_with(">; rel=\"next\""));
    }
}

#[tokio::test]
async fn wrong_sizes_and_cursors_are_refused_by_name() {
    let good = Cursor::new(Millis(5), ID).unwrap().to_string();
    let newer = good.replacen('A', "C", 1);
    for (query, name) in [
        ("limit=0".into(), "limit"),
        ("limit=101".into(), "limit"),
        ("pageSize=x".into(), "pageSize"),
        ("limit=5&pageSize=0".into(), "pageSize"),
        ("from=x".into(), "from"),
        (format!("from={good}A"), "from"),
        (format!("from={}", &good[..27]), "from"),
        (format!("from={newer}"), "from"),
        (format!("from={}", ID), "from"),
        ("from=%00".into(), "from"),
        ("from=AYAAAAAAAAAAWLij0m5cTAEALUof".into(), "from"),
    ] {
        let answer = page(&format!("/v1/list?{query}")).await;
        answer.is_error(400, &format!("Invalid value for parameter \"{name}\""));
    }
    assert_eq!(page(&format!("/v1/list?from={good}")).await.status, 200);
}

#[test]
fn cursors_survive_the_round_trip() {
    for at in [0, 1, 1_488_492_806_728, i64::MAX] {
        let cursor = Cursor::new(Millis(at), ID).unwrap();
        let text = cursor.to_string();
        assert_eq!((text.parse(), text.len()), (Ok(cursor.clone()), 28));
        assert_eq!(cursor.id::<BuildId>().unwrap().as_str(), ID);
    }
    assert!(Cursor::new(Millis(0), "short").is_err());
}
