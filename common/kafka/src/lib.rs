//! logmill-kafka
