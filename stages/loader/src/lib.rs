//! logmill-loader
