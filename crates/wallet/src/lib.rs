//! The Bitcoin wallet of our programs: descriptors, coin selection, fees, signing.
