//! logmill-e2e
