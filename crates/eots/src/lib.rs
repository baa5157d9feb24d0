//! EOTS, Schnorr adaptor signatures, public randomness and its commitment trees.
