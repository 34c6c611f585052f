//! The SDK's client: how long it waits, how often it tries again, what it sends beside the bytes.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};

use crate::config;

const CONNECT: Duration = Duration::from_secs(5);
/// Until the first byte of an answer: a server that completes a large upload takes its time.
const READ: Duration = Duration::from_secs(60);
/// One try at a request, its body included, up to the answer's head.
const ATTEMPT: Duration = Duration::from_secs(300);
const TRIES: u32 = 4;
/// A server may stand still so long in the middle of a body.
const STALLED: Duration = Duration::from_secs(60);

pub(super) async fn open(settings: &config::Objects) -> Client {
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).region(Region::new(settings.region.clone()));
    if let Some(key) = &settings.key {
        let secret = key.secret.as_str().to_owned();
        loader =
            loader.credentials_provider(Credentials::new(key.id.clone(), secret, None, None, "longshore"));
    }
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(STALLED).build();
    // Servers of others refuse checksums that they do not ask for.
    let (sent, proven) = match settings.checksums {
        true => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
        false => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    let mut builder = Builder::from(&loader.load().await)
        .force_path_style(settings.path_style)
        .request_checksum_calculation(sent)
        .response_checksum_validation(proven)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .stalled_stream_protection(stalled)
        .timeout_config(timeouts);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Client::from_conf(builder.build())
}
