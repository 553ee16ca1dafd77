//! The HTTP server of the probes and metrics: one thread with its own small runtime, so that no stage waits for it.

use crate::Telemetry;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::net::{SocketAddr, TcpListener};

pub(crate) fn start(telemetry: Telemetry, address: &str) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(telemetry);
    std::thread::Builder::new().name("telemetry".into()).spawn(move || {
        let served =
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, routes).await });
        if let Err(error) = served {
            tracing::error!(%error, "metrics and probes are no longer served");
        }
    })?;
    tracing::info!(%address, "metrics and probes: /metrics /livez /readyz");
    Ok(address)
}

async fn metrics(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], telemetry.metrics())
}

async fn livez(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    let dead = telemetry.dead();
    if dead.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = dead.iter().map(|(name, age)| format!("{name}: no beat for {} s\n", age.as_secs()));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}

async fn readyz(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    if telemetry.is_ready() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
