//! The admission decision: bytes of an AdmissionReview in, bytes of the answer
//! out.
//!
//! [`Request::read`] reads what the API server sent, borrowing from its bytes;
//! [`Coverage::references`] finds the images that an object names; of an update
//! only what is new against the old object is kept; [`Gate::review`] has each
//! image judged by the engine and writes the answer, starting from a denial.
//!
//! Nothing here opens a socket or reads a clock: the HTTP server passes in the
//! bytes, the time and the deadline.

mod gate;
mod grounds;
mod in_force;
mod kinds;
mod object;
mod paths;
mod references;
mod response;
mod review;
mod update;
mod wire;
mod workload;

pub use gate::{ChannelsOf, Gate, PolicyState, Reviewed};
pub use grounds::{Grounds, Judged, JudgedImage, Nothing};
pub use object::Object;
pub use paths::PathError;
pub use references::{
    Coverage, CoverageProblem, FieldPath, ImageUse, MAX_IMAGES, ReferencesError, Role,
};
pub use response::Caller;
pub use review::{Operation, Request, ReviewError};
pub use wire::{Gvk, Text};
