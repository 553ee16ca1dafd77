//! Why the library of detection took one encoding and not another.

use crate::detect::DETECTED;
use crate::losers::Losers;
use chardetng::{EncodingDetector, Iso2022JpDetection};
use logmill_encodings::{Encoding, GB18030, GBK};

/// An encoding that the detector gives no score.
struct RuledOut {
    encoding: &'static Encoding,
    had_score: bool,
    /// Where in the window it lost it.
    at: Option<usize>,
}

/// Says of all encodings that the detector knows why they are not the `winner`, once it has read these lines of the window. Slow.
pub(crate) fn tell<'a>(
    detector: &EncodingDetector,
    winner: &'static Encoding,
    window: &[u8],
    lines: impl Iterator<Item = &'a [u8]>,
    losers: &mut Losers,
) {
    let others = DETECTED.iter().filter_map(|name| Encoding::for_label(name)).filter(|encoding| *encoding != winner);
    let mut again = EncodingDetector::new(Iso2022JpDetection::Deny);
    let (mut scored, mut ruled_out) = (Vec::new(), Vec::new());
    for encoding in others {
        match score(detector, encoding) {
            Some(score) => scored.push((score, encoding)),
            None => {
                let had_score = score(&again, encoding).is_some();
                ruled_out.push(RuledOut { encoding, had_score, at: None });
            }
        }
    }
    let best = score(detector, winner).unwrap_or_default();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    for (score, encoding) in scored {
        losers.add_scored(encoding, score, || match winner.name() {
            name if score > best => format!(
                "its characters and words are more usual than those of {name} (score {best}), but Hebrew punctuation or \
                 Icelandic letters speak for {name}"
            ),
            name if best <= 0 => format!("no encoding has a score above 0, and it is {name} then"),
            _ if score <= 0 => "its characters do not stand beside each other so in text (scores of 0 and less)".into(),
            name => format!("its characters and words are no more usual than those of {name} (score {best})"),
        });
    }
    // Once more, byte by byte. An encoding that had a score and has none any more is ruled out for good.
    for line in lines {
        let begin = line.as_ptr() as usize - window.as_ptr() as usize;
        for (i, byte) in line.iter().enumerate() {
            again.feed(std::slice::from_ref(byte), false);
            for one in ruled_out.iter_mut().filter(|one| one.at.is_none()) {
                let has_score = score(&again, one.encoding).is_some();
                one.at = (one.had_score && !has_score).then_some(begin + i);
                one.had_score = has_score;
            }
        }
    }
    for RuledOut { encoding, at, .. } in ruled_out {
        match at {
            Some(at) => losers.add_at(encoding, at, || "ruled out by bytes there that no text of it has".into()),
            None => losers.add(encoding, || "read so, there is no word of two letters".into()),
        }
    }
}

/// How much what was read looks like text of an encoding; none where it cannot be one.
fn score(detector: &EncodingDetector, encoding: &Encoding) -> Option<i64> {
    let known = if *encoding == *GB18030 { GBK } else { encoding };
    known.standard().and_then(|standard| detector.find_score(standard))
}
