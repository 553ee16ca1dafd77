//! Brokers that answer with errors, which a healthy one cannot be asked for: the library's own mock cluster.

use crate::fixture::Place;
use logmill_kafka::{Client, ClientError};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaRespErr;

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// A broker with the place's input topic.
fn upset() -> (Cluster, Place) {
    let cluster = Cluster::new(1).expect("a mock cluster");
    let place = Place::at(&cluster.bootstrap_servers(), "upset");
    cluster.create_topic(&place.input, 1, 1).expect("a topic");
    (cluster, place)
}

#[test]
fn a_topic_that_may_not_be_read_is_not_called_missing() {
    let (cluster, place) = upset();
    let connect = || match Client::connect(place.options("w"), place.stop.clone()) {
        Ok(_) => panic!("a client of a topic that cannot be looked at"),
        Err(error) => error,
    };
    let answers = |code| cluster.topic_error(&place.input, code).expect("a topic");
    answers(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    let error = connect();
    assert!(matches!(error, ClientError::Topic { .. }) && error.is_hopeless(), "{error:?}");
    let says = error.to_string();
    assert!(says.contains("TopicAuthorizationFailed") && says.contains("lacks a right"), "{says}");
    answers(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    let error = connect();
    assert!(matches!(error, ClientError::Topic { .. }) && !error.is_hopeless(), "{error:?}");
    answers(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    let error = connect();
    assert!(matches!(error, ClientError::Missing { .. }) && error.is_hopeless(), "{error:?}");
}
