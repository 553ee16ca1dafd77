//! Texts to words.

use jieba_rs::Jieba;
use std::collections::{BTreeSet, HashSet};
use stop_words::Language;

/// Chinese and English words, without those that say nothing.
pub struct Words {
    jieba: Jieba,
    stops: HashSet<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self::new()
    }
}

impl Words {
    /// Reads the dictionary: some tenths of a second and 100 MB.
    #[must_use]
    pub fn new() -> Self {
        let languages = [Language::Chinese, Language::English];
        let stops = languages.into_iter().flat_map(stop_words::get).map(|word| (*word).to_owned());
        Self { jieba: Jieba::new(), stops: stops.collect() }
    }

    /// The different words of a text that was case-folded: no stop words, no numbers, nothing of one letter. A word of
    /// letters that are not Chinese stands as it is between spaces and punctuation.
    #[must_use]
    pub fn of<'a>(&self, text: &'a str) -> BTreeSet<&'a str> {
        self.jieba
            .cut(text, true)
            .into_iter()
            .map(|token| token.word)
            .filter(|word| word.chars().nth(1).is_some())
            .filter(|word| word.chars().any(char::is_alphabetic))
            .filter(|word| !self.stops.contains(*word))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_english_become_words() {
        let words = Words::new();
        for (text, expected) in [
            ("今天北京天气很好", &["今天", "北京", "天气"][..]),
            ("the price of gold rises to 4000", &["gold", "price", "rises"]),
            ("世界杯决赛在哪里看", &["世界杯", "决赛"]),
            ("iphone 17手机 手机", &["iphone", "手机"]),
            ("1234 !! 的 a", &[]),
            ("", &[]),
        ] {
            assert_eq!(words.of(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
