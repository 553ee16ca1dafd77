//! logmill-decompressor
