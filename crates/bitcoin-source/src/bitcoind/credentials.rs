//! RPC credentials, read from files whenever a connection is (re)opened.

use std::fs;
use std::io;
use std::path::Path;

use bitcoincore_rpc::Error as RpcError;
use zeroize::Zeroizing;

use crate::config::CredentialSource;

/// `user:password`, wiped from memory when dropped. The HTTP client keeps its own copy.
pub(super) struct Credentials(Zeroizing<String>);

impl Credentials {
    /// Reads the credentials as they are now: bitcoind writes a new cookie at every start.
    pub(super) fn read(source: &CredentialSource) -> Result<Self, RpcError> {
        match source {
            CredentialSource::Cookie(file) => {
                let cookie = first_line(file)?;
                if cookie.contains(':') {
                    Ok(Self(cookie))
                } else {
                    Err(RpcError::InvalidCookieFile)
                }
            }
            CredentialSource::Password { user, file } => {
                let password = first_line(file)?;
                Ok(Self(Zeroizing::new(format!(
                    "{user}:{}",
                    password.as_str()
                ))))
            }
        }
    }

    /// The credentials as HTTP's basic authentication wants them.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>, RpcError> {
    let content = fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| {
            // The bare error would not say which file.
            io::Error::new(
                error.kind(),
                format!("cannot read {}: {error}", file.display()),
            )
        })?;
    Ok(Zeroizing::new(
        content.lines().next().unwrap_or_default().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "__cookie__:abc\nmore\n").unwrap();
        let cookie = Credentials::read(&CredentialSource::Cookie(file.clone())).unwrap();
        assert_eq!(cookie.expose(), "__cookie__:abc");

        fs::write(&file, "s3cret\r\n").unwrap();
        let source = CredentialSource::Password {
            user: "alice".to_owned(),
            file: file.clone(),
        };
        assert_eq!(Credentials::read(&source).unwrap().expose(), "alice:s3cret");

        assert!(matches!(
            Credentials::read(&CredentialSource::Cookie(file)),
            Err(RpcError::InvalidCookieFile)
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let source = CredentialSource::Cookie("/no/such/.cookie".into());
        let error = Credentials::read(&source).err().unwrap().to_string();
        assert!(error.contains("/no/such/.cookie"), "{error}");
    }
}
