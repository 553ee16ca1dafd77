//! logmill-fetcher
