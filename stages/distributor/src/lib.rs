//! logmill-distributor
