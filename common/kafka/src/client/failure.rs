//! What a library's error means to a machine.

use logmill_protocol::Failure;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Where an error came up, which decides what is known of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum During {
    /// Before the commit was asked for: the transaction can still be aborted.
    Transaction,
    /// The commit itself: without a definite answer its outcome is unknown.
    Commit,
    /// Nothing that a transaction depends on.
    Other,
}

pub(super) fn failure(doing: &str, during: During, error: &KafkaError) -> Failure {
    let text = format!("{doing}: {error}");
    let (fatal, abort) = match error {
        KafkaError::Transaction(error) => (error.is_fatal(), error.txn_requires_abort()),
        KafkaError::MessageConsumptionFatal(_) => (true, false),
        _ => (false, false),
    };
    match error.rdkafka_error_code() {
        Some(code) if hopeless(code) => Failure::Fatal(format!("{text}{}", advice(code))),
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Failure::Fenced(text),
        Some(Code::Fatal) => Failure::Fenced(text),
        // The producer is of no use any more, its transaction is not committed, and a new one fences it.
        _ if fatal => Failure::Fenced(text),
        _ if abort => Failure::Abort(text),
        _ => match during {
            During::Transaction => Failure::Abort(text),
            During::Commit | During::Other => Failure::Unknown(text),
        },
    }
}

/// Errors that a repetition meets again.
pub(super) fn hopeless(code: Code) -> bool {
    matches!(
        code,
        Code::OffsetMetadataTooLarge
            | Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::InvalidTransactionTimeout
    )
}

/// What an operator can do about a hopeless one; nothing of another.
pub(super) fn advice(code: Code) -> &'static str {
    match code {
        _ if !hopeless(code) => "",
        Code::OffsetMetadataTooLarge => "; raise the broker's offset.metadata.max.bytes, or have fewer files open",
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
            "; raise kafka.message_bytes and the topic's max.message.bytes, or lower the plan's chunk sizes"
        }
        Code::UnknownTopic | Code::UnknownPartition => "; `logmill topics apply` makes the topics of the chain",
        Code::InvalidTopic => "; Kafka takes no topic of such a name: is `chain` right?",
        Code::InvalidTransactionTimeout => "; lower transaction.timeout to the broker's transaction.max.timeout.ms",
        _ => "; the account of kafka.properties lacks a right",
    }
}
