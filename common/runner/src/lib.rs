//! logmill-runner
