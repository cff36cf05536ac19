//! Every route, in one table: the router is built from it, and a test holds it against `openapi.yaml`.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use belay_proto::wire::header::DPOP_NONCE;

use crate::app::App;
use crate::http::nonce;
use crate::problem::{Kind, Problem};
use crate::{
    accessories, accounts, blobs, bootloader, challenges, channel, commands, delegates, devices, hardware,
    health, holds, identifiers, inbound_sms, login, pages, recoveries, releases, services, sync, tokens,
    verifications,
};

/// A route of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path with `{names}`, as in OpenAPI.
    pub path: &'static str,
}

macro_rules! routes {
    ($($name:literal $method:ident $path:literal => $handler:path;)+) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[$(Route { method: $name, path: $path }),+];

        fn table() -> Router<App> {
            Router::new()$(.route($path, $method($handler)))+
        }
    };
}

routes! {
    "GET" get "/healthz" => health::healthz;
    "GET" get "/metrics" => health::metrics;
    "GET" get "/style.css" => pages::style;
    "GET" get "/icon.svg" => pages::icon;
    "GET" get "/register" => pages::register::show;
    "GET" get "/register/{file}" => pages::register::script;
    "GET" get "/register/vendor/{file}" => pages::register::vendored;
    "GET" get "/verify/{token}" => pages::show;
    "POST" post "/verify/{token}" => pages::confirm;
    "GET" get "/.well-known/jwks.json" => services::keys;
    "GET" get "/v1/config" => health::config;
    "POST" post "/v1/challenges" => challenges::create;
    "POST" post "/v1/verifications" => verifications::open;
    "GET" get "/v1/verifications/{id}" => verifications::show;
    "DELETE" delete "/v1/verifications/{id}" => verifications::cancel;
    "POST" post "/v1/verifications/{id}/resend" => verifications::resend;
    "POST" post "/v1/verifications/{id}/code" => verifications::confirm;
    "POST" post "/v1/inbound-sms" => inbound_sms::receive;
    "POST" post "/v1/accounts" => accounts::create;
    "GET" get "/v1/account" => accounts::show;
    "PATCH" patch "/v1/account" => accounts::change;
    "DELETE" delete "/v1/account" => accounts::departure::delete;
    "POST" post "/v1/account/identifiers" => identifiers::add;
    "DELETE" delete "/v1/account/identifiers/{id}" => identifiers::remove;
    "PUT" put "/v1/account/login" => identifiers::set_login;
    "GET" get "/v1/account/credentials" => accounts::credentials::show;
    "PUT" put "/v1/account/credentials" => accounts::credentials::put;
    "GET" get "/v1/account/bootloader-unlocks" => bootloader::show;
    "POST" post "/v1/account/bootloader-unlocks" => bootloader::ask;
    "POST" post "/v1/recoveries" => recoveries::open;
    "POST" post "/v1/recoveries/{id}/code" => recoveries::confirm;
    "PUT" put "/v1/recoveries/{id}/credentials" => recoveries::put;
    "POST" post "/v1/holds" => holds::bring;
    "POST" post "/v1/service-tokens" => services::create;
    "POST" post "/v1/login/challenge" => login::challenge;
    "POST" post "/v1/login" => login::login;
    "POST" post "/v1/token" => tokens::refresh;
    "POST" post "/v1/revoke" => tokens::revoke;
    "POST" post "/v1/devices" => devices::bind_another;
    "GET" get "/v1/devices" => devices::list;
    "PATCH" patch "/v1/devices/{id}" => devices::rename;
    "DELETE" delete "/v1/devices/{id}" => devices::removal::remove;
    "POST" post "/v1/devices/{id}/commands" => commands::send;
    "GET" get "/v1/devices/{id}/commands" => commands::list;
    "GET" get "/v1/devices/{id}/commands/{command}" => commands::show;
    "GET" get "/v1/devices/{id}/reports" => commands::reports;
    "POST" post "/v1/delegates" => delegates::tell;
    "GET" get "/v1/delegates" => delegates::list;
    "GET" get "/v1/accessories" => accessories::list;
    "PUT" put "/v1/accessories/{id}" => accessories::put;
    "POST" post "/v1/sync/push" => sync::push;
    "GET" get "/v1/sync/changes" => sync::changes;
    "POST" post "/v1/blobs/missing" => blobs::missing;
    "GET" get "/v1/blobs/{id}" => blobs::get;
    "PUT" put "/v1/blobs/{id}" => blobs::put;
    "GET" get "/v1/stream" => channel::stream::open;
    "GET" get "/v1/commands" => channel::queue;
    "POST" post "/v1/outcomes" => channel::outcome;
    "POST" post "/v1/reports" => channel::report;
    "POST" post "/v1/releases" => releases::bring;
    "POST" post "/v1/hardware/check" => hardware::check;
}

/// The whole service.
pub fn router(app: App) -> Router {
    table()
        .method_not_allowed_fallback(|| async { Problem::new(Kind::MethodNotAllowed) })
        .fallback(|| async { Problem::new(Kind::NotFound) })
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// What keeps a browser from asking for this host's pages in the clear, where whoever is in between could answer in the cloud's place.
const HSTS: &str = "max-age=31536000";

/// Counts the call, and puts the nonce for the next proof on each answer of the API.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let api = request.uri().path().starts_with("/v1/");
    let (method, begun) = (request.method().clone(), Instant::now());
    let mut response = next.run(request).await.into_response();
    app.metrics.request(
        &method,
        route.as_deref().unwrap_or("none"),
        response.status(),
        response.extensions().get().copied(),
        begun.elapsed(),
    );
    if api && let Ok(nonce) = HeaderValue::from_str(&nonce::current(&app.vault, &app.era, app.now())) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    let secure = app
        .settings
        .origin
        .as_deref()
        .is_some_and(|origin| origin.starts_with("https://"));
    if !api && secure {
        let hsts = HeaderValue::from_static(HSTS);
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, hsts);
    }
    response
}
