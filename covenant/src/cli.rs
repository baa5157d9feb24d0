//! The command line.

use std::path::PathBuf;

use bitcoin::hashes::sha256;
use clap::{Args, Subcommand, ValueEnum};
use daemon::consent::Consent;
use daemon::parked::ParkedCommand;
use keystore::PassphraseSource;

/// Everything the program can do, besides what all programs can.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration and make the directories
    #[command(after_help = "Example:\n  covenant init --home ./member-1")]
    Init,

    /// Make, import and show keys
    #[command(subcommand)]
    Keys(KeysCommand),

    /// Run the service: sign the chain's pending delegations, and those that stakers bring themselves
    #[command(
        after_help = "Example:\n  covenant start --passphrase-source file:/run/secrets/covenant"
    )]
    Start(Passphrases),

    /// Run the signer as a process of its own, which `start` asks
    #[command(after_help = "Example:\n  covenant signer --home ./signer --passphrase-source fd:3")]
    Signer(SignerPassphrase),

    /// Show what the service does; where it is not running, what is on disk
    #[command(after_help = "Example:\n  covenant status --json")]
    Status,

    /// Show the staking parameters, the chain's and those for stakers, with their fingerprints
    #[command(after_help = "Example:\n  covenant params")]
    Params,

    /// Read and check the signer's audit log
    #[command(subcommand)]
    Audit(AuditCommand),

    /// Make the signing record of an existing key anew
    #[command(subcommand)]
    Record(RecordCommand),

    /// List and retry delegations that are not signed
    #[command(subcommand)]
    Parked(ParkedCommand),

    /// Check an adaptor signature, offline; reads JSON on stdin
    #[command(
        after_help = "Example:\n  echo '{\"signer_public\":\"…\",\"encryption_key\":\"…\",\"message\":\"…\",\
                      \"adaptor_signature\":\"…\"}' | covenant verify-adaptor-signature --json"
    )]
    VerifyAdaptorSignature,

    /// Judge a delegation's structure as the committee does, offline; reads JSON on stdin
    #[command(after_help = "Example:\n  covenant check-delegation --json < delegation.json")]
    CheckDelegation,
}

/// `covenant keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new key
    #[command(after_help = "Example:\n  covenant keys new covenant\n  covenant keys new account")]
    New {
        /// Which key
        key: KeyRole,
        /// Its passphrase
        #[command(flatten)]
        passphrase: NewPassphrase,
    },
    /// Import a secret key: 64 hexadecimal digits on stdin, or in a file that only its owner can read
    #[command(after_help = "Example:\n  covenant keys import covenant --from /run/secrets/old-key")]
    Import {
        /// Which key
        key: KeyRole,
        /// File with the secret key instead of stdin
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Its passphrase
        #[command(flatten)]
        passphrase: NewPassphrase,
    },
    /// Show the public parts
    #[command(after_help = "Example:\n  covenant keys show --json")]
    Show,
}

/// The two keys of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyRole {
    /// Signs delegations
    Covenant,
    /// Pays fees on the chain
    Account,
}

/// Where the passphrase of a new key file comes from.
#[derive(Debug, Clone, Args)]
pub struct NewPassphrase {
    /// Where the passphrase comes from instead of the configuration: prompt, file:/path, fd:3, credential:name
    #[arg(long, value_name = "SOURCE")]
    pub passphrase_source: Option<PassphraseSource>,
}

/// Where the passphrases of the service come from.
#[derive(Debug, Clone, Args)]
pub struct Passphrases {
    /// Of the covenant key.
    #[command(flatten)]
    pub signer: SignerPassphrase,

    /// As --passphrase-source, for the account's key file
    #[arg(long, value_name = "SOURCE")]
    pub account_passphrase_source: Option<PassphraseSource>,
}

/// Where the passphrase of the covenant key comes from.
#[derive(Debug, Clone, Args)]
pub struct SignerPassphrase {
    /// Where the covenant key's passphrase comes from instead of the configuration: prompt, file:/path, fd:3,
    /// credential:name
    #[arg(long, value_name = "SOURCE")]
    pub passphrase_source: Option<PassphraseSource>,
}

/// `covenant audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no line of the log was changed, removed or inserted
    #[command(after_help = "Example:\n  covenant audit verify --contains 5e0c…")]
    Verify {
        /// A head that an earlier `audit verify` showed; it must still be in the log
        #[arg(long, value_name = "HASH")]
        contains: Option<sha256::Hash>,
    },
    /// Show the newest entries
    #[command(after_help = "Example:\n  covenant audit list --limit 5")]
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

/// `covenant record …`
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Rebuild a lost signing record from the audit log and from what the chain has of our signatures, or teach one that is there
    /// the slashing transactions that it does not know; that one forgets nothing
    #[command(after_help = "Example:\n  covenant record rebuild")]
    Rebuild(Consent),
}
