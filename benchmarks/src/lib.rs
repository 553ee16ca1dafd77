//! logmill-benchmarks
