//! Questions that are asked again while a coordinator or a leader is being found or starts up.

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// The wait before something is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// Asks, and again while whoever knows moves from one broker to another or reads what it has to know; for `within` in
/// all. `ask` is told how long it may take.
///
/// # Errors
/// Any other at once, and the last after `within`.
pub(crate) fn patiently<T>(within: Duration, mut ask: impl FnMut(Duration) -> KafkaResult<T>) -> KafkaResult<T> {
    let deadline = Instant::now() + within;
    let mut left = within;
    loop {
        let answer = ask(left);
        let code = answer.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        if !code.is_some_and(passes) {
            return answer;
        }
        std::thread::sleep(AGAIN);
        left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return answer;
        }
    }
}

/// Whether an error passes by itself, when a coordinator or a leader is found.
pub(crate) fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: KafkaError = KafkaError::OffsetFetch(RDKafkaErrorCode::NotCoordinator);

    #[test]
    fn only_what_passes_is_asked_again() {
        let mut answers = vec![Ok(7), Err(MOVING), Err(MOVING)];
        assert_eq!(patiently(Duration::from_secs(60), |_| answers.pop().expect("an answer")), Ok(7));
        let mut answers = vec![Err(KafkaError::OffsetFetch(RDKafkaErrorCode::GroupAuthorizationFailed))];
        patiently(Duration::from_secs(60), |_| answers.pop().expect("asked once"))
            .map(|(): ()| ())
            .expect_err("a refusal");
    }

    #[test]
    fn what_does_not_pass_in_time_is_said() {
        let said = patiently(AGAIN * 3, |left| {
            assert!(!left.is_zero() && left <= AGAIN * 3, "{left:?}");
            Err::<(), _>(MOVING)
        });
        assert_eq!(said, Err(MOVING));
    }
}
