//! TLS for a session, by rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use syncline_model::nearest::nearest;
use syncline_model::{Error, ErrorKind, Result};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::Settings;

/// What to do when the server's certificate does not hold.
pub const ADVICE: &str = "name the authority that signed the server's certificate with `sslrootcert=FILE`, and the host \
    by the name that the certificate carries";

/// How much of the server's identity is proven.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Not encrypted.
    Off,
    /// Encrypted, to whoever answers.
    Unproven(Files),
    /// The certificate is signed by an authority, for any host.
    Authority(Files),
    /// The certificate is signed by an authority, for this host.
    Full(Files),
}

/// Files in PEM form.
#[derive(Debug, Clone)]
pub struct Files {
    /// Whose signatures are believed; `system` means those of the system.
    pub authority: Option<PathBuf>,
    /// The login's own certificate.
    pub certificate: Option<PathBuf>,
    /// The key to it.
    pub key: Option<PathBuf>,
    /// Where libpq keeps its own files.
    pub home: Option<PathBuf>,
}

impl Tls {
    /// What `sslmode` says; said nothing, a network is never trusted.
    pub fn of(mode: Option<&str>, near: bool, files: Files) -> Result<Self> {
        const MODES: [&str; 4] = ["disable", "require", "verify-ca", "verify-full"];
        Ok(match mode {
            None if near => Self::Off,
            None | Some("verify-full") => Self::Full(files),
            Some("disable") => Self::Off,
            Some("verify-ca") => Self::Authority(files),
            // As libpq has it: an authority that is named is asked.
            Some("require") if files.authority.is_some() => Self::Authority(files),
            Some("require") => Self::Unproven(files),
            Some("prefer" | "allow") => {
                return Err(Error::new(
                    ErrorKind::Config,
                    "sslmode prefer and allow are not supported: whoever sits in \
                    between decides that nothing is encrypted",
                )
                .hint("say disable, require, verify-ca or verify-full"));
            }
            Some(other) => {
                let near = nearest(other, MODES).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(Error::new(ErrorKind::Config, format!("the sslmode is not known{near}"))
                    .hint("say disable, require, verify-ca or verify-full"));
            }
        })
    }
}

/// The connector that the settings ask for; none where the connection stays plain.
pub fn connector(settings: &Settings) -> Result<Option<MakeRustlsConnect>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| cannot("cannot set TLS up", e))?;
    let (builder, files) = match &settings.tls {
        Tls::Off => return Ok(None),
        Tls::Unproven(files) => {
            let any = Arc::new(Unproven { provider });
            (builder.dangerous().with_custom_certificate_verifier(any), files)
        }
        Tls::Authority(files) => {
            let roots = Arc::new(roots(files)?);
            let chain = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            let chain = chain.map_err(|e| cannot("the file of certificate authorities is of no use", e))?;
            (builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost { chain })), files)
        }
        Tls::Full(files) => (builder.with_root_certificates(roots(files)?), files),
    };
    let config = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let unreadable = |what: &str, file: &Path| {
                Error::new(ErrorKind::Config, format!("{what} cannot be read")).at("file", file.display().to_string())
            };
            let own = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
            let own = own.map_err(|_| unreadable("the certificate", certificate))?;
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|_| unreadable("the key of the certificate", key))?;
            builder.with_client_auth_cert(own, secret).map_err(|e| cannot("certificate and key do not fit", e))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(Error::new(ErrorKind::Config, "sslcert and sslkey belong together")),
    };
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn cannot(what: &str, e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, what).caused_by(e.to_string())
}

fn roots(files: &Files) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let usual = files.home.as_ref().map(|home| home.join(".postgresql/root.crt")).filter(|file| file.exists());
    let named = files.authority.clone().filter(|file| file.as_os_str() != "system");
    let file = match files.authority {
        Some(_) => named,
        None => usual,
    };
    if let Some(file) = file {
        let unreadable = || {
            Error::new(ErrorKind::Config, "the file of certificate authorities cannot be read")
                .at("file", file.display().to_string())
        };
        for certificate in CertificateDer::pem_file_iter(&file).map_err(|_| unreadable())? {
            roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
        }
        return if roots.is_empty() { Err(unreadable()) } else { Ok(roots) };
    }
    let found = rustls_native_certs::load_native_certs();
    let (_added, _refused) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the system has no certificate authorities")
            .hint("install the package ca-certificates, or name a file with `sslrootcert=FILE`"));
    }
    Ok(roots)
}

/// Believes any certificate whose owner has its key: `sslmode=require` asks for no more.
#[derive(Debug)]
struct Unproven {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unproven {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes a certificate that an authority has signed, whatever host it names.
#[derive(Debug)]
struct AnyHost {
    chain: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        match self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, after the chain.
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
