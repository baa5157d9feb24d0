//! The durable record that decides whether a finality vote may be signed.
