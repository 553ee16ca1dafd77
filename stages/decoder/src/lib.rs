//! logmill-decoder
