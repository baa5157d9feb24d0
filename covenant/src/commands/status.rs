//! `status`: what the running service says of itself; where none runs, what files and chain tell.

use std::fmt;

use ::chain::Chain;
use daemon::output::{Answer, CommandError, Exit};
use daemon::parked;
use keystore::KeyFile;
use serde::{Deserialize, Serialize};
use staking::keys::CovenantKey;

use super::{chain, failure};
use crate::audit::{Head, read};
use crate::config::Config;
use crate::home::Home;
use crate::service::Status;
use crate::signer::SignerStatus;
use crate::stakers;

/// What runs at a home, as `/status` and the command show it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "service", rename_all = "lowercase")]
pub(super) enum Shown {
    /// `covenant start`.
    Running(Box<Running>),
    /// `covenant signer`.
    Signer(SignerStatus),
    /// It waits for a node or the signer; `/ready` says for which.
    Starting,
    /// Neither.
    Stopped(Box<Files>),
}

/// What `covenant start` serves; a part is missing where it is not configured or does not work yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Running {
    /// The chain's delegations.
    #[serde(flatten)]
    pub(super) chain: Option<Status>,
    /// Those that stakers bring.
    pub(super) stakers: Option<stakers::Status>,
}

/// What can be known without the service.
#[derive(Serialize, Deserialize)]
pub(super) struct Files {
    covenant_key: Option<CovenantKey>,
    account: Option<String>,
    signing_record: bool,
    audit_log: Option<Head>,
    parked: usize,
    /// The chain's parameter versions whose committee the key is in; `None` where no chain answers.
    member_of_params: Option<Vec<u32>>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(status) => status.fmt(f),
            Self::Signer(status) => status.fmt(f),
            Self::Starting => f.write_str("the service is starting; /ready says what it waits for"),
            Self::Stopped(files) => files.fmt(f),
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chain.iter().try_for_each(|status| status.fmt(f))?;
        self.stakers.iter().try_for_each(|status| status.fmt(f))
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the service is not running")?;
        match &self.covenant_key {
            Some(key) => writeln!(f, "covenant key    {key}")?,
            None => writeln!(f, "covenant key    none here")?,
        }
        writeln!(
            f,
            "fee account     {}",
            self.account.as_deref().unwrap_or("none here")
        )?;
        writeln!(
            f,
            "signing record  {}",
            if self.signing_record {
                "present"
            } else {
                "none"
            }
        )?;
        match self.audit_log {
            Some(head) => writeln!(f, "audit log       {head}")?,
            None => writeln!(f, "audit log       none")?,
        }
        writeln!(f, "parked          {}", self.parked)?;
        match &self.member_of_params {
            Some(versions) => write!(f, "member of       params {versions:?}"),
            None => write!(f, "member of       unknown, no chain answers"),
        }
    }
}

pub(super) async fn show(config: &Config, home: &Home) -> Result<Answer, CommandError> {
    let listen = config.http.listen;
    let Some(page) = daemon::status::ask(listen).await? else {
        return Ok(Shown::Stopped(Box::new(files(config, home).await?)).into());
    };
    let shown: Option<Shown> = serde_json::from_value(page).map_err(|error| {
        CommandError::new(
            Exit::Failed,
            "status-unreadable",
            format!("{listen} does not answer like this version of covenant: {error}"),
        )
    })?;
    Ok(shown.unwrap_or(Shown::Starting).into())
}

async fn files(config: &Config, home: &Home) -> Result<Files, CommandError> {
    let public = |path| {
        let path = home.resolve(path);
        path.exists().then(|| KeyFile::open(&path)).transpose()
    };
    let covenant_key = match public(&config.signer.key_file)? {
        Some(file) => Some(
            file.public()
                .parse()
                .map_err(|error| failure::key(&error))?,
        ),
        None => None,
    };
    let account = public(&config.account.key_file)?.map(|file| file.public().to_owned());
    let parked = parked::list(&home.parked())
        .map_err(|error| failure::file("the parked delegations", &error))?
        .len();
    Ok(Files {
        covenant_key,
        account,
        signing_record: home.signing_record().exists(),
        audit_log: audit_head(home)?,
        parked,
        member_of_params: membership(config, covenant_key).await,
    })
}

fn audit_head(home: &Home) -> Result<Option<Head>, CommandError> {
    if !home.audit_log().exists() {
        return Ok(None);
    }
    let mut reader = read(&home.audit_log())?;
    for entry in &mut reader {
        entry?;
    }
    Ok(Some(reader.head()))
}

async fn membership(config: &Config, key: Option<CovenantKey>) -> Option<Vec<u32>> {
    let babylon = chain::reader(config.babylon.as_ref()?).await.ok()?;
    let params = babylon.staking_params().await.ok()?;
    let member = |key: CovenantKey| {
        params
            .all()
            .iter()
            .filter(|params| params.covenant.contains(&key))
            .map(|params| params.version)
            .collect()
    };
    Some(key.map(member).unwrap_or_default())
}
