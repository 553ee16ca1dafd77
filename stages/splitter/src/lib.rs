//! logmill-splitter
