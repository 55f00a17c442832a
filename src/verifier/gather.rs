//! Looking: the only I/O of the pipeline.
