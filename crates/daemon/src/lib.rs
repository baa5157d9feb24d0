//! What the programs share: configuration, logs, metrics, health, shutdown, CLI output.
