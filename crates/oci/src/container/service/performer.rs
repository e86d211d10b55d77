//! The interface of Hourglass performers (`proto/performer.proto`), which existing AVS containers serve.

use prost::Message;
use tokio::net::TcpStream;

use super::{
    grpc::{Client, NOT_FOUND, Refused, UNIMPLEMENTED},
    keeper::{Answer, Unanswered},
    wire::Request,
};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const START_SYNC: &str = "/eigenlayer.hourglass.v1.performer.PerformerService/StartSync";
const EXECUTE_TASK: &str = "/eigenlayer.hourglass.v1.performer.PerformerService/ExecuteTask";
/// `ServingStatus.SERVING`.
const SERVING: i32 = 1;
/// Bytes of an answer that has no output in it.
const ANSWER_BYTES_MAX: u64 = 4_096;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StartSyncRequest {
    #[prost(bytes = "vec", tag = "1")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StartSyncResponse {}

#[derive(Clone, PartialEq, Message)]
struct TaskRequest {
    #[prost(bytes = "vec", tag = "1")]
    task_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct TaskResponse {
    #[prost(bytes = "vec", tag = "1")]
    task_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    result: Vec<u8>,
}

/// Says why the program is not ready for tasks, or lets it get ready.
pub(super) async fn start(connection: TcpStream) -> Result<(), String> {
    let mut client = Client::new(connection).await.map_err(|unanswered| unanswered.to_string())?;
    let check = HealthCheckRequest::default();
    let health = client.call::<HealthCheckResponse>(HEALTH, &check, ANSWER_BYTES_MAX).await;
    match health.map_err(|unanswered| unanswered.to_string())? {
        Ok(HealthCheckResponse { status: SERVING }) => {}
        Ok(HealthCheckResponse { status }) => return Err(format!("it says that its serving status is {status}")),
        Err(Refused { status: UNIMPLEMENTED | NOT_FOUND, .. }) => {}
        Err(refused) => return Err(format!("its health check {refused}")),
    }
    let sync = StartSyncRequest::default();
    let synced = client.call::<StartSyncResponse>(START_SYNC, &sync, ANSWER_BYTES_MAX).await;
    match synced.map_err(|unanswered| unanswered.to_string())? {
        Ok(StartSyncResponse {}) | Err(Refused { status: UNIMPLEMENTED, .. }) => Ok(()),
        Err(refused) => Err(format!("StartSync {refused}")),
    }
}

/// Has the program execute one task.
pub(super) async fn ask(connection: TcpStream, request: Request, output_bytes_max: u64) -> Result<Answer, Unanswered> {
    let task = TaskRequest { task_id: request.head.task_id.to_vec(), payload: request.payload };
    let limit = output_bytes_max.saturating_add(ANSWER_BYTES_MAX);
    let answer = Client::new(connection).await?.call::<TaskResponse>(EXECUTE_TASK, &task, limit).await?;
    match answer {
        Ok(TaskResponse { result, .. }) if result.len() as u64 > output_bytes_max => Err(Unanswered::TooLarge),
        Ok(TaskResponse { result, .. }) => Ok(Ok(result)),
        Err(refused) => Ok(Err(format!("the performer {refused}"))),
    }
}
