//! Protobuf messages and gRPC services that btc-mesh speaks.
