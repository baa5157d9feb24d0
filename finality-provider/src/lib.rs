//! The program of finality providers: public randomness, votes, EOTS signer.
