//! Real logs: the daemons of the test stack write them under load, and they are cut, packed and put into the clusters.

pub mod cut;
pub mod generate;
pub mod levels;
pub mod manifest;
pub mod pack;
pub mod shop;
pub mod storm;
pub mod upload;
