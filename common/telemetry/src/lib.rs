//! logmill-telemetry
