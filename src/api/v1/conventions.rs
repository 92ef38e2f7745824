//! What every call of the description has in common, noted once: the rate
//! limit, entity tags, keys for repeating a call. `http` does all that.

use std::collections::HashSet;

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    Content, ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};

const JSON: &str = "application/json";

/// Adds it to every call of `document`.
pub fn note(document: &mut OpenApi) {
    let optional = all_optional(document);
    for item in document.paths.paths.values_mut() {
        if let Some(read) = &mut item.get {
            note_tag(read);
        }
        if let Some(post) = &mut item.post {
            note_key(post);
        }
        let calls = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for call in calls.into_iter().flatten() {
            if let Some(RefOr::T(body)) = &mut call.request_body
                && names_one_of(body, &optional)
            {
                // An empty body is an empty object.
                body.required = Some(Required::False);
            }
            refuse(call, "429", "The token has made its calls of this minute; see `Retry-After`.");
            refuse(call, "503", "Overloaded or in maintenance; see `Retry-After`.");
        }
    }
}

/// References to the schemas of objects without a required member.
fn all_optional(document: &OpenApi) -> HashSet<String> {
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    let free = schemas.filter(|(_, schema)| match schema {
        RefOr::T(Schema::Object(object)) => object.required.is_empty(),
        _ => false,
    });
    free.map(|(name, _)| Ref::from_schema_name(name).ref_location).collect()
}

fn names_one_of(body: &RequestBody, schemas: &HashSet<String>) -> bool {
    body.content.values().any(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(named)), .. }) => {
            schemas.contains(&named.ref_location)
        }
        _ => false,
    })
}

/// Reads that answer JSON say 304 to a caller who has it already.
fn note_tag(read: &mut Operation) {
    let answers_json = match read.responses.responses.get("200") {
        Some(RefOr::T(response)) => response.content.contains_key(JSON),
        _ => false,
    };
    if answers_json {
        let text = "The `ETag` of an answer that you have; it is not sent again.";
        add_header(read, "If-None-Match", text, None);
        add(read, "304", Response::new("Unchanged since the answer with that `ETag`."));
    }
}

fn note_key(post: &mut Operation) {
    let text = "A word of yours, up to 255 visible characters. The same call with the same word \
        within 24 hours runs once and gets the first answer again.";
    add_header(post, "Idempotency-Key", text, Some(255));
    refuse(post, "400", "Malformed parameter, body or `Idempotency-Key`.");
    refuse(post, "409", "The first call with this `Idempotency-Key` is still running.");
    refuse(post, "413", "The body is too large.");
    refuse(post, "422", "The `Idempotency-Key` was used for another call.");
}

fn add_header(call: &mut Operation, name: &str, text: &str, max: Option<usize>) {
    let word = ObjectBuilder::new().schema_type(Type::String).max_length(max).build();
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(word))
        .build();
    call.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn refuse(call: &mut Operation, status: &str, text: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    add(call, status, ResponseBuilder::new().description(text).content(JSON, content).build());
}

/// Keeps what the call says about this status by itself.
fn add(call: &mut Operation, status: &str, response: Response) {
    call.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
}
