//! logmill-config
