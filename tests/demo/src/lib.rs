//! logmill-demo
