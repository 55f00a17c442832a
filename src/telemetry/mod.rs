//! What the webhook tells about itself: log lines, the record of each review,
//! metrics. With the command line the only code that prints.

mod log;
mod metrics;
mod record;
mod roots;
mod sink;

pub use log::{LogError, install};
pub use metrics::{Metrics, Now, ReviewPath, StatusLabel};
pub use record::{RecordFormat, ReviewRecord};
pub use roots::{TrustRootAge, TrustRootAges};
pub use sink::{Sink, SinkHandle};
