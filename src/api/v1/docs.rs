//! The page at `/docs`: the OpenAPI document for people. Made on the server
//! from the same document that clients get, so the two cannot disagree; one
//! file without scripts, so it also works offline and under a strict policy.

use std::fmt::Write as _;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::http::markup::escape;
use crate::http::reply;

const STYLE: &str = include_str!("docs.css");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The rendered page and the policy that fits it; made once.
#[derive(Debug, Clone)]
pub struct DocsPage {
    html: bytes::Bytes,
    policy: HeaderValue,
}

impl DocsPage {
    /// `base_url` is the public URL of the API, without a trailing slash; the
    /// example calls use it.
    pub fn new(document: &utoipa::openapi::OpenApi, base_url: &str) -> Result<Self> {
        let document = serde_json::to_value(document)
            .map_err(|e| Error::internal("reading the OpenAPI document", e))?;
        let html = Page { document: &document, base_url, out: String::new() }.render();
        Ok(Self { html: html.into(), policy: policy()? })
    }

    pub fn respond(&self) -> Response {
        let media_type = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = reply::with_type(StatusCode::OK, media_type, self.html.clone().into());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Allows exactly our own style sheet, by its hash, and nothing else.
fn policy() -> Result<HeaderValue> {
    let hash = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes()));
    let text = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(text).map_err(|e| Error::internal("content security policy", e))
}

/// One operation of the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    value: &'a Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric();
        let path: String = self.path.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        format!("{}{path}", self.method)
    }

    fn tag(&self) -> &str {
        self.value["tags"][0].as_str().unwrap_or("Other")
    }
}

/// Writes into `out`; all text of the document is escaped on the way.
struct Page<'a> {
    document: &'a Value,
    base_url: &'a str,
    out: String,
}

impl<'a> Page<'a> {
    fn render(mut self) -> String {
        let title = escape(text(&self.document["info"], "title"));
        let operations = self.operations();
        self.put(&format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body>"
        ));
        self.navigation(&operations);
        self.put(&format!("<main><h1>{title}</h1>"));
        self.prose(text(&self.document["info"], "description"));
        self.put(
            "<p>Machines read the same as <a href=\"/v1/openapi.json\">OpenAPI 3.1</a>. \
             Calls need a personal access token in the header \
             <code>Authorization: Bearer …</code>.</p>",
        );
        for tag in self.tags(&operations) {
            self.put(&format!("<h2 id=\"{0}\">{0}</h2>", escape(tag)));
            self.prose(self.tag_description(tag));
            for operation in operations.iter().filter(|operation| operation.tag() == tag) {
                self.operation(operation);
            }
        }
        self.schemas();
        self.put("</main></body></html>\n");
        self.out
    }

    fn operations(&self) -> Vec<Operation<'a>> {
        let paths = self.document["paths"].as_object();
        let all = paths.into_iter().flatten().flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| {
                let value = item.get(method)?;
                Some(Operation { method, path, value })
            })
        });
        all.collect()
    }

    /// Tags in the order of the document, without empty ones.
    fn tags(&self, operations: &'a [Operation<'a>]) -> Vec<&'a str> {
        let listed = self.document["tags"].as_array();
        let mut tags: Vec<&str> =
            listed.into_iter().flatten().map(|tag| text(tag, "name")).collect();
        tags.retain(|tag| operations.iter().any(|operation| operation.tag() == *tag));
        for operation in operations {
            if !tags.contains(&operation.tag()) {
                tags.push(operation.tag());
            }
        }
        tags
    }

    fn tag_description(&self, name: &str) -> &'a str {
        let tags = self.document["tags"].as_array();
        let tag = tags.into_iter().flatten().find(|tag| tag["name"] == name);
        tag.map_or("", |tag| text(tag, "description"))
    }

    fn navigation(&mut self, operations: &[Operation<'_>]) {
        self.put("<nav aria-label=\"Contents\">");
        for tag in self.tags(operations) {
            self.put(&format!("<a href=\"#{0}\"><strong>{0}</strong></a><ul>", escape(tag)));
            for operation in operations.iter().filter(|operation| operation.tag() == tag) {
                self.put(&format!(
                    "<li><a href=\"#{}\"><span class=\"verb\">{}</span> {}</a></li>",
                    operation.anchor(),
                    operation.method.to_uppercase(),
                    escape(operation.path)
                ));
            }
            self.put("</ul>");
        }
        self.put("<a href=\"#schemas\"><strong>Objects</strong></a></nav>");
    }

    fn operation(&mut self, operation: &Operation<'_>) {
        self.put(&format!(
            "<h3 id=\"{}\"><span class=\"verb\">{}</span> <code>{}</code></h3>",
            operation.anchor(),
            operation.method.to_uppercase(),
            escape(operation.path)
        ));
        self.prose(text(operation.value, "summary"));
        self.prose(text(operation.value, "description"));
        self.parameters(operation.value);
        self.put("<h4>Answers</h4><table><tr><th>Code</th><th>Meaning</th><th>Body</th></tr>");
        for (code, response) in operation.value["responses"].as_object().into_iter().flatten() {
            self.put(&format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(code),
                inline(text(response, "description")),
                content_type(response)
            ));
        }
        self.put("</table><h4>Example</h4>");
        let example = example(operation, self.base_url);
        self.put(&format!("<pre><code>{}</code></pre>", escape(&example)));
    }

    fn parameters(&mut self, operation: &Value) {
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let body = form_members(operation);
        if parameters.is_empty() && body.is_empty() {
            return;
        }
        self.put(
            "<h4>Parameters</h4><table><tr><th>Name</th><th>In</th><th>Type</th><th></th></tr>",
        );
        for parameter in parameters {
            let required = parameter["required"] == true;
            let place = text(parameter, "in");
            let cells = (text(parameter, "name"), place, &parameter["schema"], required);
            self.row(cells, text(parameter, "description"));
        }
        for (name, schema, required) in body {
            self.row((name, "body", schema, required), text(schema, "description"));
        }
        self.put("</table>");
    }

    fn row(&mut self, cells: (&str, &str, &Value, bool), description: &str) {
        let (name, place, schema, required) = cells;
        let mark = if required { "" } else { " <span class=\"note\">optional</span>" };
        self.put(&format!(
            "<tr><td><code>{}</code>{mark}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            escape(place),
            type_of(schema),
            inline(description)
        ));
    }

    fn schemas(&mut self) {
        self.put("<h2 id=\"schemas\">Objects</h2>");
        let document = self.document;
        let schemas = document["components"]["schemas"].as_object();
        for (name, schema) in schemas.into_iter().flatten() {
            self.put(&format!("<h3 id=\"schema-{0}\">{0}</h3>", escape(name)));
            self.prose(text(schema, "description"));
            if let Some(values) = schema["enum"].as_array() {
                let values = values.iter().filter_map(Value::as_str).map(code);
                let values = values.collect::<Vec<_>>().join(" ");
                self.put(&format!("<p>One of {values}</p>"));
            }
            for part in parts_of(schema) {
                self.members(part);
            }
        }
    }

    fn members(&mut self, schema: &Value) {
        if schema["$ref"].is_string() {
            self.put(&format!("<p>All members of {} and:</p>", type_of(schema)));
        }
        let Some(members) = schema["properties"].as_object() else { return };
        self.put("<table><tr><th>Member</th><th>Type</th><th></th></tr>");
        for (name, member) in members {
            let mark = if is_required(schema, name) {
                ""
            } else {
                " <span class=\"note\">may be absent</span>"
            };
            self.put(&format!(
                "<tr><td><code>{}</code>{mark}</td><td>{}</td><td>{}</td></tr>",
                escape(name),
                type_of(member),
                inline(text(member, "description"))
            ));
        }
        self.put("</table>");
    }

    fn prose(&mut self, text: &str) {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            let paragraph = inline(paragraph);
            let _ = write!(self.out, "<p>{paragraph}</p>");
        }
    }

    fn put(&mut self, html: &str) {
        self.out.push_str(html);
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or("")
}

/// The schema itself, or its parts if it is put together from several.
fn parts_of(schema: &Value) -> Vec<&Value> {
    schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect())
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().into_iter().flatten().any(|required| required == name)
}

/// Members of the request body, whichever of the two media types declares it.
fn form_members(operation: &Value) -> Vec<(&str, &Value, bool)> {
    let contents = operation["requestBody"]["content"].as_object();
    let schema = contents.and_then(|contents| contents.values().next()).map(|c| &c["schema"]);
    let Some(schema) = schema else { return Vec::new() };
    let members: Option<&Map<String, Value>> = schema["properties"].as_object();
    let members = members.into_iter().flatten();
    members.map(|(name, member)| (name.as_str(), member, is_required(schema, name))).collect()
}

fn content_type(response: &Value) -> String {
    let Some((media_type, content)) =
        response["content"].as_object().and_then(|contents| contents.iter().next())
    else {
        return "none".into();
    };
    if media_type == "application/json" { type_of(&content["schema"]) } else { code(media_type) }
}

/// A type in words, with links to the objects.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    let several = ["oneOf", "anyOf", "allOf"].iter().find_map(|kind| schema[kind].as_array());
    if let Some(several) = several {
        return several.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any".into(),
    };
    if names.contains(&"array") {
        return format!("list of {}", type_of(&schema["items"]));
    }
    let name = names.iter().find(|name| **name != "null").copied().unwrap_or("null");
    let name = if schema["format"] == "date-time" { "timestamp" } else { name };
    let or_null = if names.len() > 1 && names.contains(&"null") { " or null" } else { "" };
    escape(name) + or_null
}

fn example(operation: &Operation<'_>, base_url: &str) -> String {
    let method = match operation.method {
        "get" => String::new(),
        other => format!(" -X {}", other.to_uppercase()),
    };
    let path = operation.path.replace('{', "$").replace('}', "");
    let mut lines =
        format!("curl{method} -H \"Authorization: Bearer $TOKEN\" \\\n  \"{base_url}{path}\"");
    for (name, member, _) in form_members(operation.value) {
        let value = member["example"].as_str().unwrap_or("…");
        let _ = write!(lines, " \\\n  --data-urlencode \"{name}={value}\"");
    }
    lines
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Escaped text, with what stands between backticks as code.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, piece) in text.split('`').enumerate() {
        out.push_str(&if index % 2 == 1 { code(piece) } else { escape(piece) });
    }
    out
}
