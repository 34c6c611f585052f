//! The OpenAPI document around the routes: title, sign-in, and the problems that every
//! route may answer with.

use utoipa::OpenApi as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};

use crate::error::{PROBLEM_JSON, Problem};
use crate::once::{IDEMPOTENCY_KEY, REPLAYED};

const SCHEME: &str = "token";

/// Answers that any route may give, by what makes them.
const ALWAYS: &[(&str, &str)] = &[
    ("401", "no valid token"),
    ("403", "a permission is missing"),
    ("405", "the path does not know this method; `Allow` names those that it knows"),
    ("408", "the request, or its answer, took too long (`request_timeout`)"),
    ("500", "a fault of ours"),
    ("503", "Longshore's own database is away for now; try again after `Retry-After`"),
];
const WITH_ID: (&str, &str) = ("404", "there is no such thing in your organisation");
const WITH_QUERY: &[(&str, &str)] = &[
    ("400", "a parameter stands there twice (`duplicate_key`)"),
    ("422", "a parameter holds what it must not"),
];
const WITH_BODY: &[(&str, &str)] = &[
    (
        "400",
        "the body is not JSON (`invalid_json`), has a key twice (`duplicate_key`), or broke off (`broken_body`)",
    ),
    ("413", "the body is larger than 1 MiB"),
    ("415", "the body is not application/json"),
    ("422", "fields hold what they must not; `errors` names each"),
];
const WITH_CHANGE: (&str, &str) = ("409", "it does not fit what is there");
const WITH_KEY: &[(&str, &str)] = &[
    (
        "409",
        "it does not fit what is there, or the first request with this key is still in progress \
         (`idempotency_in_progress`: try again after `Retry-After`)",
    ),
    (
        "422",
        "fields hold what they must not (`errors` names each), or the key was used for another request \
         (`idempotency_key_reused`)",
    ),
];

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Schemas;

/// The document without its routes.
pub(crate) fn empty() -> OpenApi {
    let mut info = Info::new("Longshore", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Moves databases. Errors are problem documents (RFC 9457) with a stable `code`; lists are keyset \
         pages; what takes long is a job, which `/v1/jobs/{id}/events` follows."
            .to_owned(),
    );
    OpenApiBuilder::new().info(info).components(Schemas::openapi().components).build()
}

/// The finished document, as JSON.
pub(crate) fn complete(mut document: OpenApi) -> String {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("an API token, `ls_…`; never in a URL"))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (&mut item.get, false, false),
            (&mut item.post, true, true),
            (&mut item.put, true, false),
            (&mut item.patch, true, false),
            (&mut item.delete, true, false),
        ];
        for (operation, changes, is_post) in operations {
            let Some(operation) = operation else { continue };
            if is_post {
                take_key(operation);
            }
            let with_body = operation.request_body.is_some();
            let with_query =
                operation.parameters.iter().flatten().any(|p| matches!(p, RefOr::T(p) if p.name == "limit"));
            let problems = ALWAYS
                .iter()
                .chain(path.contains("{id}").then_some(&WITH_ID))
                .chain(if with_query { WITH_QUERY } else { &[] })
                .chain(if with_body { WITH_BODY } else { &[] })
                .chain(changes.then_some(&WITH_CHANGE))
                .chain(if is_post { WITH_KEY } else { &[] });
            for (status, told) in problems {
                operation.responses.responses.insert((*status).to_owned(), RefOr::T(problem(told)));
            }
        }
    }
    // Everything in the document is data of ours that JSON can say.
    serde_json::to_string(&document).unwrap_or_default()
}

/// Every `POST` takes a key, and says when an answer is not the first.
fn take_key(operation: &mut Operation) {
    let text =
        |longest| ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(longest);
    let key = ParameterBuilder::new()
        .name(IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes a retry safe for 24 hours: a second request with the same key, target and body has no \
             second effect and is answered like the first one, with the header `Idempotency-Replayed: true`. \
             Visible ASCII; a fresh UUID for each new request.",
        ))
        .schema(Some(text(Some(255)).build()))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(key));
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]))))
                .description(Some("stands there when an earlier request with this key had the effect"))
                .build();
            response.headers.insert(REPLAYED.to_owned(), header.into());
        }
    }
}

fn problem(told: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(told).content(PROBLEM_JSON, content).build()
}
