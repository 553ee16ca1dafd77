//! logmill-reencoder
