//! logmill-stack
