//! logmill-simulate
