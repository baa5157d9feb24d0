//! The share of a stake that slashing burns, with the node's own rounding but without floats.
