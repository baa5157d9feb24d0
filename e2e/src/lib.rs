//! Real nodes and our programs as child processes: the test environment, scenarios, the local network.
