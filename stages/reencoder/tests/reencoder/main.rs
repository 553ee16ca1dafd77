//! Files of many encodings and shapes, and the text that comes out.

mod cutting;
mod detection;
mod encodings;
mod explaining;
mod foreign;
mod records;
mod seen;
